"""Rows for tests of the reports: channels in a state, with what their servers show."""

from datetime import datetime, timedelta

from partners.actions.standings import restand
from partners.core.facts_json import facts_to_json, profile_key
from partners.core.observation import PERMISSIVE, PeerFacts, Stage, TlsFacts
from partners.models import (
    Address,
    Certificate,
    ChainLink,
    Channel,
    ComplianceInterval,
    Endpoint,
    Observation,
    Partner,
    RelayGroup,
    Sighting,
    User,
    VerdictRow,
)
from tests.actions.people import NOON, channel

__all__ = ["agreement", "certificate", "host", "shown"]


def agreement(name: str, state: str, *, by: User, since: datetime = NOON, cause: str = "", **fields: str) -> Channel:
    """A channel of a new partner in *state*, judged at one host; entry `fields` as in people.channel()."""
    partner = Partner.objects.create(name=name, owner=by)
    row = channel(partner, f"{name.lower().replace(' ', '-')}.example", by=by, **fields)
    ComplianceInterval.objects.create(
        channel=row, state=state, cause=cause, valid_from=since, recorded_at=since, known_at=since
    )
    group, _made = RelayGroup.objects.get_or_create(name="main")
    VerdictRow.objects.create(
        nexthop=row.nexthops.get(),
        group=group,
        key=row.nexthops.get().key,
        is_own=True,
        delivery="defer" if state == "violated" else "deliver",
        tls_status="Verified",
        dsn="2.0.0",
        reasons=[cause] if cause else [],
        hosts=[host(row)],
        judged_at=since,
    )
    restand([row.pk])
    return row


def host(row: Channel, **fields: object) -> dict[str, object]:
    """One address as a verdict keeps it."""
    return {
        "mx_host": f"mx.{row.nexthops.get().key}",
        "preference": 10,
        "address": "192.0.2.41",
        "port": 25,
        "delivery": "deliver",
        "tls_status": "Verified",
        "effective": row.level,
        "dsn": "2.0.0",
        "text": "",
        "reasons": [],
        "plaintext": False,
        "pin_seen": "",
        "seen_at": NOON.isoformat(),
        **fields,
    }


def certificate(number: int, *, not_after: datetime, subject: str = "CN=mx") -> Certificate:
    """A certificate that ends at *not_after*; its bytes do not matter here."""
    return Certificate.objects.create(
        der=bytes([number]),
        sha256=f"{number:064x}",
        spki_sha256=f"{number:064x}",
        subject=subject,
        issuer="CN=Example CA",
        not_before=NOON - timedelta(days=30),
        not_after=not_after,
        first_seen_at=NOON,
    )


def shown(row: Channel, address: str, *chain: Certificate) -> None:
    """Let *row*'s server at *address* show *chain* now."""
    where, _made = Address.objects.get_or_create(address=address)
    endpoint, _made = Endpoint.objects.get_or_create(
        address=where, port=25, profile_key=profile_key(PERMISSIVE), defaults={"profile": {}}
    )
    endpoint.nexthops.add(row.nexthops.get())
    tls = TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", tuple(bytes(one.der) for one in chain))
    facts = PeerFacts(address, 25, PERMISSIVE, NOON, Stage.DONE, starttls_offered=True, tls=tls)
    seen, made = Observation.objects.get_or_create(
        facts_key=f"{chain[0].sha256[-8:]} {address}", defaults={"facts": facts_to_json(facts)}
    )
    for position, one in enumerate(chain if made else ()):
        ChainLink.objects.create(observation=seen, certificate=one, position=position)
    Sighting.objects.filter(endpoint=endpoint).update(current=False)
    Sighting.objects.create(endpoint=endpoint, observation=seen, first_seen=NOON, last_seen=NOON)
    restand([row.pk])
