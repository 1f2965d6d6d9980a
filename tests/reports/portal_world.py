"""A partner with two mail servers and real certificates, as the probe and the judge would have left it."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from partners.actions.certificates import submit
from partners.core.facts_json import facts_to_json, profile_key
from partners.core.observation import (
    PERMISSIVE,
    Dnssec,
    HostFacts,
    LookupStatus,
    NexthopFacts,
    PeerFacts,
    Stage,
    TlsFacts,
)
from partners.models import (
    Address,
    Artefact,
    Change,
    Channel,
    DnsSighting,
    Endpoint,
    Observation,
    Partner,
    Pin,
    RelayGroup,
    Release,
    Sighting,
    User,
    VerdictRow,
)
from tests.actions.at_head import at_head
from tests.actions.people import approver, editor, member
from tests.kit.ca import Certificate, self_signed
from tests.reports.world import agreement, host

__all__ = ["ADDRESSES", "Brixner", "accept", "brixner", "sent", "serve"]

ADDRESSES = (
    ("mx1.brixner-achsen.example", "192.0.2.41"),
    ("mx1.brixner-achsen.example", "2001:db8:41::25"),
    ("mx2.brixner-achsen.example", "198.51.100.17"),
    ("mx2.brixner-achsen.example", "2001:db8:42::25"),
)
NAMES = ("mx1.brixner-achsen.example", "mx2.brixner-achsen.example")


@dataclass
class Brixner:
    """The partner Brixner Achsen with the certificate it uses and the next one, and the people."""

    channel: Channel
    partner: Partner
    contact: User
    team: User
    second: User
    old: Certificate
    new: Certificate
    pins: dict[str, Pin] = field(default_factory=dict)


def brixner(
    *,
    state: str = "compliant",
    days: int = 200,
    cause: str = "",
    people: tuple[User, User] | None = None,
    number: int = 1,
) -> Brixner:
    """The channel in *state*; its old certificate is pinned, released, and shown everywhere; it ends in *days*.

    people: an editor and an approver who are there already. number: of its release.
    """
    now = timezone.now()
    team, second = people or (editor(), approver())
    team.first_name, team.last_name = "Lea", "Brandt"
    team.save()
    row = agreement("Brixner Achsen", state, by=team, since=now - timedelta(days=40), cause=cause)
    contact = member(row.partner, invited_by=team)
    contact.first_name, contact.last_name = "Jana", "Vogt"
    contact.save()
    old = self_signed(*NAMES, not_before=now - timedelta(days=100), not_after=now + timedelta(days=days))
    new = self_signed(*NAMES, not_before=now - timedelta(days=1), not_after=now + timedelta(days=400))
    found = Brixner(row, row.partner, contact, team, second, old, new)
    found.pins["old"] = sent(found, old, by=team, at=now - timedelta(days=90))
    accept(found, found.pins["old"], at=now - timedelta(days=89), number=number)
    serve(found, *[old] * 4)
    return found


def sent(world: Brixner, certificate: Certificate, *, by: User, at: datetime | None = None) -> Pin:
    """The pin that *by* proposed."""
    return submit(world.channel, certificate.pem, by=by, now=at or timezone.now())


def accept(world: Brixner, pin: Pin, *, at: datetime, number: int) -> None:
    """Let the second person have accepted *pin* and release *number* have brought it to the relays."""
    Pin.objects.filter(pk=pin.pk).update(state=Pin.State.ACTIVE, decided_by=world.second, decided_at=at)
    release = Release.objects.create(
        number=number, author=world.team, needs_second=False, published_at=at, published_by=world.team
    )
    before = Change.objects.filter(channel=world.channel).latest("pk")
    after = {**before.after, "pins": sorted({*before.after["pins"], pin.pk})}
    Change.objects.create(
        channel=world.channel, author=world.team, made_at=at, before=before.after, after=after, release=release
    )
    pins = Pin.objects.filter(channel=world.channel, state=Pin.State.ACTIVE)
    match = "|".join(one.digests["sha256"] for one in pins)
    text = (
        f"a-neighbour.example\tencrypt\nbrixner-achsen.example\tfingerprint match={match}\nz-neighbour.example\tmay\n"
    )
    group = RelayGroup.objects.get(name="main")
    Artefact.objects.create(release=release, group=group, text=text, sha256=hashlib.sha256(text.encode()).hexdigest())
    at_head(release)


def serve(world: Brixner, *leaves: Certificate | None, reasons: tuple[str, ...] = ()) -> None:
    """Let each of the four addresses show its leaf (None: no TLS) now, and judge those of *reasons* as deferring."""
    now, nexthop = timezone.now(), world.channel.nexthops.get()
    hosts = tuple(
        HostFacts(name, 10, LookupStatus.FOUND, Dnssec.INSECURE, tuple(a for n, a in ADDRESSES if n == name))
        for name in NAMES
    )
    facts = NexthopFacts(nexthop.key, now, True, LookupStatus.FOUND, Dnssec.INSECURE, hosts)
    dns = Observation.objects.create(facts_key=f"dns {now.isoformat()}", facts=facts_to_json(facts))
    DnsSighting.objects.filter(nexthop=nexthop).update(current=False)
    DnsSighting.objects.create(nexthop=nexthop, observation=dns, first_seen=now, last_seen=now)
    rows = []
    for (name, address), leaf in zip(ADDRESSES, leaves, strict=True):
        _show(world, address, leaf, at=now - timedelta(minutes=6))
        bad = leaf is not world.old and bool(reasons)
        outcome = {"delivery": "defer", "reasons": list(reasons)} if bad else {}
        rows.append(host(world.channel, mx_host=name, address=address, **outcome))
    VerdictRow.objects.filter(nexthop=nexthop).update(hosts=rows, judged_at=now)


def _show(world: Brixner, address: str, leaf: Certificate | None, *, at: datetime) -> None:
    where, _made = Address.objects.get_or_create(address=address)
    endpoint, _made = Endpoint.objects.get_or_create(
        address=where, port=25, profile_key=profile_key(PERMISSIVE), defaults={"profile": {}}
    )
    endpoint.nexthops.add(world.channel.nexthops.get())
    tls = TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", (leaf.der,)) if leaf else None
    facts = PeerFacts(address, 25, PERMISSIVE, at, Stage.DONE, starttls_offered=bool(leaf), tls=tls)
    seen = Observation.objects.create(facts_key=f"{address} {at.isoformat()}", facts=facts_to_json(facts))
    Sighting.objects.filter(endpoint=endpoint).update(current=False)
    Sighting.objects.create(endpoint=endpoint, observation=seen, first_seen=at, last_seen=at)
