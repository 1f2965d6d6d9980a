"""What the DNS says about a nexthop: MX, addresses, aliases and TLSA records, each with its DNSSEC status.

The AD bit is believed as Postfix believes it: of the resolver that is configured (TLSPORTAL_RESOLVER, else
/etc/resolv.conf), which therefore has to validate and to be reached over a path that nobody else writes to.
Source: smtp_addr.c in src/smtp, dns_lookup.c in src/dns, tls_dane.c in src/tls.
"""

import asyncio
import contextlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_address

from partners.core.errors import NameRefused
from partners.core.names import Nexthop, NexthopKind, is_hostname
from partners.core.observation import Dnssec, HostFacts, LookupStatus, NexthopFacts, TlsaFacts, TlsaRecord
from partners.probe.dns_message import (
    Malformed,
    Message,
    Rcode,
    Type,
    name_of,
    parse_message,
    query,
    question,
    rcode_text,
)
from partners.probe.limits import Limits
from partners.probe.questions import Questions
from partners.probe.reply import cleaned
from partners.probe.system_resolver import nameservers
from partners.probe.transport import exchange

__all__ = ["DNS_PORT", "Resolver"]

DNS_PORT = 53
ALIASES_MAX = 16
RETRY_SECONDS = 0.1  # before the first second try, then twice as long each time

_DEFINITE = {Rcode.NOERROR, Rcode.NXDOMAIN}
_OF_BOTH = (Type.A, Type.AAAA)


class _NoAnswer(Exception):
    """No resolver has an answer; the text says what they said."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """One lookup. canonical: where the CNAME chain ends, "" without one."""

    status: LookupStatus
    dnssec: Dnssec = Dnssec.INSECURE
    records: tuple[str | tuple[int, str] | TlsaRecord, ...] = ()
    canonical: str = ""
    text: str = ""


class Resolver:
    """Asks one resolver; may be shared by all jobs of an event loop.

    nameserver: address and port; None reads /etc/resolv.conf. Errors: SettingsRefused where that names none.
    """

    def __init__(self, nameserver: tuple[str, int] | None = None, *, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        named = [nameserver] if nameserver is not None else [(one, DNS_PORT) for one in nameservers()]
        self._addresses = tuple(named)
        self._servers = tuple(Questions(address, port) for address, port in named)

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
            itself = await walk.host(nexthop.asked_name, 0)
            return NexthopFacts(nexthop.text, now, False, LookupStatus.NOT_FOUND, Dnssec.INSECURE, (itself,))
        name = nexthop.asked_name
        answer = await self.lookup(name, Type.MX)
        found = NexthopFacts(nexthop.text, now, True, answer.status, answer.dnssec, (), lookup_text=answer.text)
        if answer.canonical:
            alias = await self.lookup(name, Type.CNAME)
            found = replace(found, canonical=answer.canonical, canonical_dnssec=alias.dnssec)
        if answer.status is LookupStatus.NOT_FOUND:
            return replace(found, hosts=(await walk.host(name, 0),))
        given = {(mx[0], mx[1].lower()): mx[1] for mx in answer.records if isinstance(mx, tuple)}
        exchanges = [(preference, given[preference, folded]) for preference, folded in sorted(given)]
        if any(exchange == "" for _, exchange in exchanges):
            return replace(found, null_mx=True)
        if len(exchanges) > self._limits.mx_hosts:
            text = f"{len(exchanges)} MX records; more than {self._limits.mx_hosts} are not followed"
            return _failed(nexthop, now, text)
        hosts = await asyncio.gather(*(walk.host(exchange, preference) for preference, exchange in exchanges))
        return replace(found, hosts=tuple(hosts))

    async def lookup(self, name: str, rdtype: Type) -> _Answer:
        """Ask for *rdtype* of *name*, following aliases."""
        try:
            asked = question(name_of(name), rdtype)
            message = await self._answered(asked)
            if message.is_truncated:
                message = await self._over_tcp(asked)
            return _read(name, rdtype, message)
        except TimeoutError:
            return _Answer(LookupStatus.FAILED, text=f"{name} {rdtype.name}: time-out")
        except _NoAnswer as failed:
            return _Answer(LookupStatus.FAILED, text=cleaned(f"{name} {rdtype.name}: {failed}"))
        except (Malformed, OSError, EOFError) as failed:
            return _Answer(LookupStatus.FAILED, text=cleaned(f"{name} {rdtype.name}: {failed}"))

    async def _answered(self, asked: bytes) -> Message:
        """Ask one resolver after the other, again and again; one that answers with a failure is asked no more.

        Errors: TimeoutError after limits.dns_lookup; _NoAnswer where each of them fails.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.dns_lookup.total_seconds()
        left, causes = list(self._servers), set[str]()
        pause = RETRY_SECONDS
        while left:
            for server in tuple(left):
                seconds = min(self._limits.dns_query.total_seconds(), deadline - loop.time())
                if seconds <= 0:
                    raise TimeoutError
                try:
                    message = await server.ask(asked, seconds=seconds)
                except TimeoutError:
                    continue
                except OSError as cause:
                    causes.add(cause.strerror or str(cause))
                    left.remove(server)
                    continue
                if message.rcode in _DEFINITE:
                    return message
                causes.add(rcode_text(message.rcode))
                left.remove(server)
            if left:
                await asyncio.sleep(min(pause, max(0.0, deadline - loop.time())))
                pause *= 2
        raise _NoAnswer(", ".join(sorted(causes)) or "no answer")

    async def _over_tcp(self, asked: bytes) -> Message:
        """Ask again for what does not fit into a datagram; that is rare enough for a connection of its own."""
        address, port = self._addresses[0]
        number = secrets.randbits(16)
        seconds = self._limits.dns_query.total_seconds()
        message = parse_message(await exchange(address, port, query(number, asked), seconds=seconds))
        if (message.number, message.question) != (number, asked.lower()) or message.is_truncated:
            raise Malformed("the resolver answers something else over TCP")
        return message


def _read(name: str, rdtype: Type, message: Message) -> _Answer:
    """Follow the aliases of *message* from *name* to the records that were asked for."""
    dnssec = Dnssec.SECURE if message.is_authentic else Dnssec.INSECURE
    if message.rcode == Rcode.NXDOMAIN:
        return _Answer(LookupStatus.NXDOMAIN, dnssec, text=f"{name}: no such name")
    aliases = {record.owner: str(record.value) for record in message.records if record.type == Type.CNAME}
    place, steps = name.lower(), 0
    while rdtype != Type.CNAME and place in aliases:
        place, steps = aliases[place].lower(), steps + 1
        if steps > ALIASES_MAX:
            raise _NoAnswer("its aliases lead round in a circle, or too far")
    values = tuple(record.value for record in message.records if record.type == rdtype and record.owner == place)
    status = LookupStatus.FOUND if values else LookupStatus.NOT_FOUND
    text = "" if values else f"{name}: no {rdtype.name} record"
    return _Answer(status, dnssec, values, place if steps else "", text)


class _Walk:
    """The lookups below one nexthop: hosts, aliases and TLSA at *port*, a few at a time, each once."""

    def __init__(self, resolver: Resolver, port: int, limits: Limits) -> None:
        self._resolver, self._port, self._limits = resolver, port, limits
        self._slots = asyncio.Semaphore(limits.dns_parallel)

    async def host(self, written: str, preference: int) -> HostFacts:
        """Return what is found for the MX host, or bracketed host, *written*."""
        name = written.lower()
        if ":" in name or name[-1:].isdigit():  # else it is no address, and need not be tried
            with contextlib.suppress(ValueError):
                literal = str(ip_address(name))
                return HostFacts(name, preference, LookupStatus.FOUND, Dnssec.INSECURE, (literal,))
        if not is_hostname(name):
            text = cleaned(f"{name}: Postfix takes this for no host name and skips the record")
            return HostFacts(cleaned(name), preference, LookupStatus.NOT_FOUND, Dnssec.INSECURE, lookup_text=text)
        async with self._slots:
            facts = await self._host(name, preference)
        return replace(facts, written=written) if written != name else facts

    async def _host(self, name: str, preference: int) -> HostFacts:
        answers = [await self._resolver.lookup(name, rdtype) for rdtype in _OF_BOTH]
        facts = _merged(name, preference, answers)
        if len(facts.addresses) > self._limits.addresses:
            text = f"{name}: {len(facts.addresses)} addresses; more than {self._limits.addresses} are not followed"
            return HostFacts(name, preference, LookupStatus.FAILED, Dnssec.INSECURE, lookup_text=text)
        if facts.canonical:
            alias = await self._resolver.lookup(name, Type.CNAME)
            facts = replace(facts, alias_dnssec=alias.dnssec)
        bases = _tlsa_bases(facts)
        return replace(facts, tlsa=tuple([await self._tlsa(base) for base in bases]))

    async def _tlsa(self, base: str) -> TlsaFacts:
        answer = await self._resolver.lookup(f"_{self._port}._tcp.{base}", Type.TLSA)
        records = tuple(
            sorted(
                (record for record in answer.records if isinstance(record, TlsaRecord)),
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
        addresses=tuple(dict.fromkeys(str(record) for answer in found for record in answer.records)),
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


def _failed(nexthop: Nexthop, now: datetime, text: str) -> NexthopFacts:
    status, dnssec = LookupStatus.FAILED, Dnssec.INSECURE
    return NexthopFacts(nexthop.text, now, nexthop.asks_mx, status, dnssec, (), lookup_text=text)
