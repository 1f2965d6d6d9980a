"""What the DNS says about a nexthop: MX, addresses, aliases and TLSA records, each with its DNSSEC status.

The AD bit is believed as Postfix believes it: of the resolver that is configured (TLSPORTAL_RESOLVER, else
/etc/resolv.conf), which therefore has to validate and to be reached over a path that nobody else writes to.
Source: smtp_addr.c in src/smtp, dns_lookup.c in src/dns, tls_dane.c in src/tls.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_address

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.TLSA
import dns.resolver

from partners.core.errors import NameRefused, SettingsRefused
from partners.core.names import Nexthop, NexthopKind, is_hostname, to_ascii
from partners.core.observation import Dnssec, HostFacts, LookupStatus, NexthopFacts, TlsaFacts, TlsaRecord
from partners.probe.limits import Limits
from partners.probe.reply import cleaned

__all__ = ["DNS_PORT", "Resolver"]

DNS_PORT = 53
EDNS_PAYLOAD = 1232  # DNS flag day 2020: no fragments; larger answers come over TCP

_OF_BOTH = (dns.rdatatype.A, dns.rdatatype.AAAA)


@dataclass(frozen=True, slots=True)
class _Answer:
    """One lookup. canonical: where the CNAME chain ends, "" without one."""

    status: LookupStatus
    dnssec: Dnssec = Dnssec.INSECURE
    records: tuple[dns.rdata.Rdata, ...] = ()
    canonical: str = ""
    text: str = ""


class Resolver:
    """Asks one resolver; may be shared by all jobs of an event loop.

    nameserver: address and port; None reads /etc/resolv.conf.
    """

    def __init__(self, nameserver: tuple[str, int] | None = None, *, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        try:
            self._dns = dns.asyncresolver.Resolver(configure=nameserver is None)
        except (OSError, dns.resolver.NoResolverConfiguration) as cause:
            cure = "set TLSPORTAL_RESOLVER to a validating resolver, such as 127.0.0.1:53"
            raise SettingsRefused("/etc/resolv.conf", "it names no resolver", cure) from cause
        if nameserver is not None:
            self._dns.nameservers, self._dns.port = [nameserver[0]], nameserver[1]
        self._dns.timeout = self._limits.dns_query.total_seconds()
        self._dns.lifetime = self._limits.dns_lookup.total_seconds()
        self._dns.flags = dns.flags.RD | dns.flags.AD
        self._dns.use_edns(0, dns.flags.DO, EDNS_PAYLOAD)

    async def resolve(self, nexthop: Nexthop, *, now: datetime) -> NexthopFacts:
        """Return what the DNS says about *nexthop*; a failure is a fact with its text.

        Errors: NameRefused for a parent key, which is no destination.
        """
        if nexthop.kind is NexthopKind.PARENT:
            cause = "it covers the names below it and is no destination itself"
            raise NameRefused(f"nexthop {nexthop}", cause, "name one of the mail domains below it")
        try:
            async with asyncio.timeout(self._limits.dns_nexthop.total_seconds()):
                return await self._resolve(nexthop, now)
        except TimeoutError:
            text = f"not all lookups were answered within {self._limits.dns_nexthop.total_seconds():g} s"
            return _failed(nexthop, now, text)

    async def _resolve(self, nexthop: Nexthop, now: datetime) -> NexthopFacts:
        walk = _Walk(self, nexthop.port, self._limits)
        if not nexthop.asks_mx:
            itself = await walk.host(_ascii(nexthop), 0)
            return NexthopFacts(nexthop.text, now, False, LookupStatus.NOT_FOUND, Dnssec.INSECURE, (itself,))
        name = _ascii(nexthop)
        answer = await self.lookup(name, dns.rdatatype.MX)
        found = NexthopFacts(nexthop.text, now, True, answer.status, answer.dnssec, (), lookup_text=answer.text)
        if answer.canonical:
            alias = await self.lookup(name, dns.rdatatype.CNAME)
            found = replace(found, canonical=answer.canonical, canonical_dnssec=alias.dnssec)
        if answer.status is LookupStatus.NOT_FOUND:
            return replace(found, hosts=(await walk.host(name, 0),))
        exchanges = sorted({(mx.preference, _text(mx.exchange)) for mx in _mxs(answer)})
        if any(exchange == "" for _, exchange in exchanges):
            return replace(found, null_mx=True)
        if len(exchanges) > self._limits.mx_hosts:
            text = f"{len(exchanges)} MX records; more than {self._limits.mx_hosts} are not followed"
            return _failed(nexthop, now, text)
        hosts = await asyncio.gather(*(walk.host(exchange, preference) for preference, exchange in exchanges))
        return replace(found, hosts=tuple(hosts))

    async def lookup(self, name: str, rdtype: dns.rdatatype.RdataType) -> _Answer:
        """Ask for *rdtype* of *name*, following aliases."""
        try:
            asked = dns.name.from_text(f"{name}.")
            answer = await self._dns.resolve(asked, rdtype, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as absent:
            return _Answer(LookupStatus.NXDOMAIN, _vouched(absent), text=f"{name}: no such name")
        except dns.resolver.NoNameservers as failed:
            rcodes = ", ".join(sorted({str(error[3]) for error in failed.kwargs.get("errors", ())}))
            return _Answer(LookupStatus.FAILED, text=cleaned(f"{name} {rdtype.name}: {rcodes or 'no answer'}"))
        except dns.exception.Timeout:
            return _Answer(LookupStatus.FAILED, text=f"{name} {rdtype.name}: time-out")
        except (dns.exception.DNSException, OSError) as failed:
            return _Answer(LookupStatus.FAILED, text=cleaned(f"{name} {rdtype.name}: {failed}"))
        dnssec = Dnssec.SECURE if answer.response.flags & dns.flags.AD else Dnssec.INSECURE
        canonical = "" if answer.canonical_name == asked else _text(answer.canonical_name)
        records = tuple(answer.rrset) if answer.rrset is not None else ()
        status = LookupStatus.FOUND if records else LookupStatus.NOT_FOUND
        return _Answer(status, dnssec, records, canonical, "" if records else f"{name}: no {rdtype.name} record")


class _Walk:
    """The lookups below one nexthop: hosts, aliases and TLSA at *port*, a few at a time, each once."""

    def __init__(self, resolver: Resolver, port: int, limits: Limits) -> None:
        self._resolver, self._port, self._limits = resolver, port, limits
        self._slots = asyncio.Semaphore(limits.dns_parallel)

    async def host(self, name: str, preference: int) -> HostFacts:
        """Return what is found for the MX host, or bracketed host, *name*."""
        with contextlib.suppress(ValueError):
            literal = str(ip_address(name))
            return HostFacts(name, preference, LookupStatus.FOUND, Dnssec.INSECURE, (literal,))
        if not is_hostname(name):
            text = cleaned(f"{name}: Postfix takes this for no host name and skips the record")
            return HostFacts(cleaned(name), preference, LookupStatus.NOT_FOUND, Dnssec.INSECURE, lookup_text=text)
        async with self._slots:
            return await self._host(name, preference)

    async def _host(self, name: str, preference: int) -> HostFacts:
        answers = [await self._resolver.lookup(name, rdtype) for rdtype in _OF_BOTH]
        facts = _merged(name, preference, answers)
        if len(facts.addresses) > self._limits.addresses:
            text = f"{name}: {len(facts.addresses)} addresses; more than {self._limits.addresses} are not followed"
            return HostFacts(name, preference, LookupStatus.FAILED, Dnssec.INSECURE, lookup_text=text)
        if facts.canonical:
            alias = await self._resolver.lookup(name, dns.rdatatype.CNAME)
            facts = replace(facts, alias_dnssec=alias.dnssec)
        bases = _tlsa_bases(facts)
        return replace(facts, tlsa=tuple([await self._tlsa(base) for base in bases]))

    async def _tlsa(self, base: str) -> TlsaFacts:
        answer = await self._resolver.lookup(f"_{self._port}._tcp.{base}", dns.rdatatype.TLSA)
        records = tuple(
            sorted(
                (TlsaRecord(tlsa.usage, tlsa.selector, tlsa.mtype, tlsa.cert) for tlsa in _tlsas(answer)),
                key=lambda record: (record.usage, record.selector, record.matching_type, record.data),
            )
        )
        if len(records) > self._limits.tlsa_records:
            return TlsaFacts(base, LookupStatus.FAILED, Dnssec.INSECURE)
        return TlsaFacts(base, answer.status, answer.dnssec, records)


def _merged(name: str, preference: int, answers: list[_Answer]) -> HostFacts:
    """Return the facts of A and AAAA together: found if one is, failed if none is and one failed."""
    found = [answer for answer in answers if answer.status is LookupStatus.FOUND]
    for status in (LookupStatus.FOUND, LookupStatus.FAILED, LookupStatus.NOT_FOUND, LookupStatus.NXDOMAIN):
        if any(answer.status is status for answer in answers):
            break
    counted = found or [answer for answer in answers if answer.status is status]
    secure = all(answer.dnssec is Dnssec.SECURE for answer in counted)
    texts = (answer.text for answer in answers if answer.status is LookupStatus.FAILED or not found)
    return HostFacts(
        name=name,
        preference=preference,
        status=status,
        dnssec=Dnssec.SECURE if secure else Dnssec.INSECURE,
        addresses=tuple(dict.fromkeys(record.to_text() for answer in found for record in answer.records)),
        canonical=next((answer.canonical for answer in answers if answer.canonical), ""),
        lookup_text="; ".join(dict.fromkeys(text for text in texts if text)),
    )


def _tlsa_bases(facts: HostFacts) -> tuple[str, ...]:
    """Return the names whose TLSA records Postfix may ask for: alias target first, both only where vouched for."""
    if facts.status is not LookupStatus.FOUND:
        return ()
    target = (facts.canonical,) if facts.canonical and facts.dnssec is Dnssec.SECURE else ()
    of_name = facts.alias_dnssec if facts.canonical else facts.dnssec
    return (*target, facts.name) if of_name is Dnssec.SECURE else target


def _tlsas(answer: _Answer) -> Iterable[dns.rdtypes.ANY.TLSA.TLSA]:
    return (record for record in answer.records if isinstance(record, dns.rdtypes.ANY.TLSA.TLSA))


def _mxs(answer: _Answer) -> Iterable[dns.rdtypes.ANY.MX.MX]:
    return (record for record in answer.records if isinstance(record, dns.rdtypes.ANY.MX.MX))


def _vouched(absent: dns.resolver.NXDOMAIN) -> Dnssec:
    responses = absent.kwargs.get("responses") or {}
    flags = [response.flags for response in responses.values()]
    return Dnssec.SECURE if flags and all(flag & dns.flags.AD for flag in flags) else Dnssec.INSECURE


def _failed(nexthop: Nexthop, now: datetime, text: str) -> NexthopFacts:
    status, dnssec = LookupStatus.FAILED, Dnssec.INSECURE
    return NexthopFacts(nexthop.text, now, nexthop.asks_mx, status, dnssec, (), lookup_text=text)


def _ascii(nexthop: Nexthop) -> str:
    return to_ascii(nexthop.host)


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().rstrip(".")
