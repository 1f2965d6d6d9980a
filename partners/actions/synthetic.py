"""An invented estate as rows: what months of work and probing would have left, written in a minute.

Nothing of it is due: no worker looks an invented name up, and no address of it is anybody's.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from partners.actions import audit
from partners.actions.bulk import BulkLoader
from partners.actions.drafts import TEXTS
from partners.actions.invented import put_at_head
from partners.actions.maps import GroupMap
from partners.actions.relay_groups import ensure_group
from partners.actions.standings import restand_all
from partners.core.certificates import cert_fingerprint, spki_of
from partners.core.facts_json import facts_to_json, profile_key, profile_to_json
from partners.core.observation import (
    PERMISSIVE,
    Dnssec,
    HostFacts,
    LookupStatus,
    NexthopFacts,
    NotMeasuredCause,
    PeerFacts,
    Stage,
    TlsFacts,
)
from partners.core.schedule import provider_of
from partners.models import (
    Address,
    Artefact,
    Certificate,
    ChainLink,
    Change,
    Channel,
    ComplianceInterval,
    DnsSighting,
    Endpoint,
    Nexthop,
    Observation,
    Partner,
    Release,
    Sighting,
    User,
    VerdictRow,
)

__all__ = ["AUTHOR", "Company", "Leaf", "Server", "fill_estate"]

AUTHOR = "demo.data@demo.invalid"
_AT_ONCE = 2000  # companies written together
_Tie = Endpoint.nexthops.through
_ORDER = (
    Partner, Channel, Nexthop, Change, Certificate, Observation, ChainLink, Address, Endpoint, _Tie, Sighting,
    DnsSighting, VerdictRow, ComplianceInterval,
)  # fmt: skip
_CAUSES = {"fingerprint": "fingerprint-mismatch", "secure": "certificate-expired"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate, with what a row says of it. itself: it is self-signed."""

    der: bytes
    dns_ids: tuple[str, ...]
    subject: str
    not_before: datetime
    not_after: datetime
    itself: bool


@dataclass(frozen=True, slots=True)
class Server:
    """An MX host with its address and what it shows; before: the certificate that it showed until lately."""

    mx_host: str
    address: str
    leaf: Leaf
    before: Leaf | None = None


@dataclass(frozen=True, slots=True)
class Company:
    """A partner. trouble: "", "violated", "weaker" or "unknown"; episodes: when it was violated before."""

    name: str
    key: str
    level: str
    agreed: str
    trouble: str
    servers: tuple[Server, ...]
    episodes: tuple[tuple[datetime, datetime], ...] = ()


def fill_estate(companies: Iterable[Company], root_pem: str, *, days: int, now: datetime) -> int:
    """Write *companies* with *days* of history, and a release that holds them all; return how many there are.

    The whole is one transaction: an estate is there, or nothing of it.
    """
    with transaction.atomic():
        author, _made = User.objects.get_or_create(email=AUTHOR)
        group = ensure_group(now=now)
        if not group.ca_pem:
            group.ca_pem = root_pem
            group.save(update_fields=["ca_pem"])
        last = Release.objects.order_by("-number").first()
        release = Release.objects.create(
            number=last.number + 1 if last else 1,
            author=author,
            needs_second=False,
            published_at=now - timedelta(days=days),
            published_by=author,
            reason="demo_data",
        )
        writer = _Writer(BulkLoader(_ORDER, now=now), author.pk, group.pk, release.pk, days=days, now=now)
        for number, company in enumerate(companies, 1):
            writer.add(company)
            if number % _AT_ONCE == 0:
                writer.loader.flush()
        writer.loader.close()
        older = Artefact.objects.filter(release=last, group=group).first() if last else None
        lines = sorted([*writer.lines, *(older.text.splitlines(keepends=True) if older else [])])
        tafiles = dict(older.tafiles) if older else {}
        one = GroupMap(group, "".join(lines), tafiles, group.ca_pem)
        Artefact.objects.create(release=release, **one.columns)
        put_at_head(release, one.sha256)
        restand_all()
        audit.record("demo.filled", f"{writer.count} invented partners", by=None, now=now)
    return writer.count


class _Writer:
    """Turns companies into rows. Servers and certificates that several share are written once."""

    def __init__(self, loader: BulkLoader, author: int, group: int, release: int, *, days: int, now: datetime) -> None:
        self.loader, self.lines, self.count = loader, list[str](), 0
        self._author, self._group, self._release = author, group, release
        self._now, self._begun = now, now - timedelta(days=days)
        self._times = max(days * 24, 1)
        self._certificates: dict[bytes, int] = {}
        self._observations: dict[str, int] = {}
        self._endpoints: dict[str, int] = {}
        self._profile, self._profile_key = json.dumps(profile_to_json(PERMISSIVE)), profile_key(PERMISSIVE)
        self._peer = json.dumps(facts_to_json(_sample_peer(now)))
        self._texts = dict.fromkeys(TEXTS, "")

    def add(self, company: Company) -> None:
        """Take the rows of one company."""
        self.count += 1
        match = self._match(company)
        channel = self._channel(company, match)
        nexthop = self.loader.add(Nexthop, channel_id=channel, key=company.key, table_key=company.key)
        for server in company.servers:
            self.loader.add(_Tie, endpoint_id=self._endpoint(server, company.trouble), nexthop_id=nexthop)
        facts = _dns_facts(company, self._now)
        self.loader.add(
            DnsSighting,
            nexthop_id=nexthop,
            observation_id=self._observation(json.dumps(facts_to_json(facts))),
            first_seen=self._begun,
            last_seen=self._now,
            times=self._times,
        )
        self._verdict(company, nexthop)
        self._intervals(company, channel)

    def _channel(self, company: Company, match: str) -> int:
        add, made_at = self.loader.add, self._begun
        partner = add(Partner, name=company.name, created_at=made_at)
        fields = {"agreed": company.agreed, "level": company.level, "match": match}
        channel = add(Channel, partner_id=partner, created_at=made_at, basis="Invented by demo_data", **fields)
        after = {**self._texts, **fields, "basis": "Invented by demo_data", "removed": False}
        after |= {"nexthops": [company.key], "pins": [], "authorities": []}
        add(
            Change,
            channel_id=channel,
            author_id=self._author,
            made_at=made_at,
            after=json.dumps(after),
            release_id=self._release,
        )
        value = match.replace("\n", ":")
        self.lines.append(f"{company.key}\t{company.level}{f' match={value}' if match else ''}\n")
        return channel

    def _match(self, company: Company) -> str:
        """Return match=, a name or digest a line.

        At level secure, the MX hosts of whoever runs the mail; of a pinned company where mail would stop, the
        certificate that its server showed before.
        """
        server = company.servers[0]
        if company.level == "fingerprint":
            shown = server.before if company.trouble == "violated" and server.before else server.leaf
            return cert_fingerprint(shown.der, "sha256")
        is_elsewhere = company.level == "secure" and not server.mx_host.endswith(f".{company.key}")
        return "\n".join(one.mx_host for one in company.servers) if is_elsewhere else ""

    def _endpoint(self, server: Server, trouble: str) -> int:
        """Return the endpoint of *server*, with what was seen there."""
        if server.address in self._endpoints:
            return self._endpoints[server.address]
        add, is_down = self.loader.add, trouble == "unknown"
        address = add(
            Address,
            address=server.address,
            provider=provider_of(server.mx_host),
            failing_since=self._now - timedelta(hours=3) if is_down else None,
        )
        endpoint = add(
            Endpoint,
            address_id=address,
            port=25,
            profile=self._profile,
            profile_key=self._profile_key,
            tried_at=self._now,
            not_measured=NotMeasuredCause.CONNECT_TIMEOUT.value if is_down else "",
        )
        self._endpoints[server.address] = endpoint
        last = self._now - timedelta(hours=4) if is_down else self._now
        since = self._begun
        if server.before is not None and self._begun < (turned := server.leaf.not_before) < last:
            seen = self._session(server, server.before)
            add(Sighting, endpoint_id=endpoint, observation_id=seen, first_seen=since, last_seen=turned, current=False)
            since = turned
        seen = self._session(server, server.leaf)
        add(
            Sighting,
            endpoint_id=endpoint,
            observation_id=seen,
            first_seen=since,
            last_seen=last,
            times=self._times,
        )
        return endpoint

    def _session(self, server: Server, leaf: Leaf) -> int:
        """Return the observation of a session in which *server* showed *leaf*, with its certificate."""
        sample = json.loads(self._peer)
        sample |= {"address": server.address, "ehlo_name": server.mx_host, "ehlo_tls_name": server.mx_host}
        sample["tls"]["chain"] = facts_to_json(_sample_peer(self._now, leaf.der))["tls"]["chain"]
        return self._observation(json.dumps(sample), leaf)

    def _observation(self, facts: str, leaf: Leaf | None = None) -> int:
        """Return the observation that holds *facts*, written once."""
        key = hashlib.sha256(facts.encode()).hexdigest()
        if key not in self._observations:
            self._observations[key] = pk = self.loader.add(Observation, facts_key=key, facts=facts)
            if leaf is not None:
                self.loader.add(ChainLink, observation_id=pk, certificate_id=self._certificate(leaf), position=0)
        return self._observations[key]

    def _certificate(self, leaf: Leaf) -> int:
        digest = hashlib.sha256(leaf.der).digest()
        if digest not in self._certificates:
            self._certificates[digest] = self.loader.add(
                Certificate,
                der=leaf.der,
                sha256=digest.hex(),
                spki_sha256=hashlib.sha256(spki_of(leaf.der)).hexdigest(),
                subject=leaf.subject,
                issuer=leaf.subject if leaf.itself else "CN=Invented CA (demo_data)",
                dns_ids=json.dumps(leaf.dns_ids),
                not_before=leaf.not_before,
                not_after=leaf.not_after,
                key_type="EC 256",
                first_seen_at=self._begun,
            )
        return self._certificates[digest]

    def _verdict(self, company: Company, nexthop: int) -> None:
        outcome = _outcome(company)
        hosts = [_host(company, server, outcome, self._now) for server in company.servers]
        self.loader.add(
            VerdictRow,
            nexthop_id=nexthop,
            group_id=self._group,
            key=company.key,
            is_own=True,
            delivery=outcome.delivery,
            tls_status=outcome.tls_status,
            dsn=outcome.dsn,
            reasons=json.dumps(outcome.reasons),
            hosts=json.dumps(hosts),
            judged_at=self._now,
        )

    def _intervals(self, company: Company, channel: int) -> None:
        """Take the states of a channel from the beginning of its history until now."""
        since = self._begun
        spans: list[tuple[str, datetime, datetime | None]] = []
        for begun, calm in company.episodes:
            spans += [("compliant", since, begun), ("violated", begun, calm)]
            since = calm
        if company.trouble in {"violated", "weaker"}:
            turned = max(since, self._now - timedelta(hours=6))
            spans += [("compliant", since, turned)] if turned > since else []
            spans.append((company.trouble, turned, None))
        else:
            spans.append(("compliant", since, None))  # what is not known now keeps the state that was known last
        for state, begins, ended in spans:
            is_bad, is_open = state in {"violated", "weaker"}, ended is None
            missing = is_open and company.trouble == "unknown"
            self.loader.add(
                ComplianceInterval,
                channel_id=channel,
                state=state,
                cause=_CAUSES.get(company.level, "below-agreed") if is_bad else "connect-timeout" if missing else "",
                where=company.servers[0].mx_host if is_bad else "",
                unknown_since=self._now - timedelta(hours=3) if missing else None,
                known_at=ended or self._now,
                valid_from=begins,
                valid_to=ended,
                recorded_at=begins,
            )


@dataclass(frozen=True, slots=True)
class _Outcome:
    delivery: str
    tls_status: str
    dsn: str
    effective: str
    reasons: tuple[str, ...] = ()


def _outcome(company: Company) -> _Outcome:
    """Return what Postfix would do with a message to *company*."""
    if company.trouble == "unknown":
        return _Outcome("unknown", "none", "", company.level, (NotMeasuredCause.CONNECT_TIMEOUT.value,))
    if company.trouble == "violated":
        return _Outcome("defer", "Untrusted", "4.7.5", company.level, (_CAUSES[company.level],))
    if company.level in _CAUSES:
        return _Outcome("deliver", "Verified", "2.0.0", company.level)
    return _Outcome("deliver", "Trusted", "2.0.0", company.level)


def _host(company: Company, server: Server, outcome: _Outcome, now: datetime) -> dict[str, Any]:
    """Return *server* as judging writes it."""
    return {
        "mx_host": server.mx_host,
        "preference": 10,
        "address": server.address,
        "port": 25,
        "delivery": outcome.delivery,
        "tls_status": outcome.tls_status,
        "effective": outcome.effective,
        "dsn": outcome.dsn,
        "text": "",
        "reasons": list(outcome.reasons),
        "plaintext": False,
        "pin_seen": company.level == "fingerprint" and outcome.tls_status == "Verified",
        "seen_at": now.isoformat(),
    }


def _dns_facts(company: Company, now: datetime) -> NexthopFacts:
    hosts: Sequence[HostFacts] = [
        HostFacts(server.mx_host, 10, LookupStatus.FOUND, Dnssec.INSECURE, (server.address,))
        for server in company.servers
    ]
    return NexthopFacts(company.key, now, True, LookupStatus.FOUND, Dnssec.INSECURE, tuple(hosts))


def _sample_peer(now: datetime, der: bytes = b"") -> PeerFacts:
    return PeerFacts(
        "192.0.2.1",
        25,
        PERMISSIVE,
        now,
        Stage.DONE,
        greeting_code=220,
        greeting_text="ESMTP",
        ehlo_code=250,
        ehlo_name="mx",
        features=("SIZE", "STARTTLS", "PIPELINING"),
        starttls_offered=True,
        starttls_code=220,
        tls=TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", (der,)),
        ehlo_tls_code=250,
        ehlo_tls_name="mx",
    )
