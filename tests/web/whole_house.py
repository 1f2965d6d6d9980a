"""A house in which every list has several rows, by several people, so that a page that asks per row is found out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from partners.actions.certificates import add_authority
from partners.actions.figures import seal_days
from partners.actions.group_changes import change_group
from partners.actions.invitations import invite
from partners.actions.looking import ask_look
from partners.actions.own_certificates import add_own
from partners.actions.partners import lower_until
from partners.actions.releases import cut
from partners.actions.standings import restand
from partners.actions.targets import add_target
from partners.actions.tokens import make_relay_token
from partners.actions.vantages import make_vantage_token
from partners.actions.walls import make_wall_link
from partners.core.alarms import Severity
from partners.models import (
    Alert,
    AlertDelivery,
    AlertPartner,
    BulkAct,
    Candidate,
    Change,
    Channel,
    ComplianceInterval,
    Contact,
    DomainChange,
    DomainWatch,
    Endpoint,
    Nexthop,
    NoticeTarget,
    OwnCertificate,
    Partner,
    Pin,
    RelayGroup,
    Release,
    RoundRow,
    SavedView,
    User,
    VerdictRow,
)
from partners.models.standings import HARM
from tests.actions.people import approver, editor, member, person, proposed
from tests.kit.ca import root_ca, self_signed
from tests.reports.portal_world import Brixner, brixner, sent, serve
from tests.reports.world import agreement, certificate, host, shown
from tests.web.candidate_world import world

__all__ = ["House", "whole_house"]

EACH = 4  # rows of a kind: enough that one question a row breaks any budget
DAY = timedelta(days=1)


@dataclass
class House:
    """What a page shows, and who reads it. busy: a channel with several of everything; wall: the secret of a link."""

    people: dict[str, User]
    busy: Brixner
    candidate: Candidate
    wall: str
    look: int

    @property
    def draft(self) -> int:
        """A change that is in no release."""
        return Change.objects.filter(release__isnull=True, withdrawn_at__isnull=True).latest("pk").pk

    @property
    def bulk(self) -> int:
        """What was done to many at once."""
        return BulkAct.objects.latest("pk").pk

    @property
    def view(self) -> int:
        """A saved view that is shared."""
        return SavedView.objects.latest("pk").pk

    @property
    def own_certificate(self) -> str:
        """One of ours."""
        return OwnCertificate.objects.select_related("certificate").latest("pk").certificate.sha256

    @property
    def endpoint(self) -> int:
        """A server of the busy channel."""
        return Endpoint.objects.filter(nexthops__channel=self.busy.channel).earliest("pk").pk

    @property
    def release(self) -> Release:
        """The newest release."""
        return Release.objects.latest("number")


def whole_house() -> House:
    """Fill it."""
    now = timezone.now()
    eda, ann, bob = editor(), approver("ann"), approver("bob")
    people = {"eda": eda, "ann": ann, "bob": bob, "max": person("max", User.Role.MANAGEMENT)}
    drafts = world((eda, ann, bob))
    busy = brixner(state="violated", cause="fingerprint-mismatch", days=12, people=(eda, ann), number=3)
    _busy(busy, bob)
    for number, state in enumerate(HARM * EACH):
        _agreement(number, state, by=(eda, ann, bob)[number % 3])
    candidate = cut(drafts.candidate.changes.all(), by=eda, now=now)
    _relays(ann, bob)
    _around(busy.partner, ann, bob)
    _alerts(ann, bob)
    _lowered(eda)
    _views(tuple(people.values()))
    seal_days(now=now)
    wall = make_wall_link("lobby", shows_names=True, language="en", by=ann, now=now)
    look = ask_look("look.example", by=ann, now=now)
    return House({**people, "pat": busy.contact}, busy, candidate, wall, look.pk)


def _views(owners: Sequence[User]) -> None:
    """Acts on many partners; saved views, the last of which its owner and approvers may change."""
    for number, owner in enumerate((*owners, owners[1])):
        row = {
            "channel": Channel.objects.latest("pk").pk,
            "name": "Partner 1",
            "before": "",
            "after": "bank",
            "why": "",
        }
        BulkAct.objects.create(kind="tags", rows=[row] * 9, left=[row] * 9, by=owner, made_at=timezone.now())
        SavedView.objects.create(
            owner=owner, name=f"View {number}", parameters={"state": "violated"}, is_shared=True, made_at=timezone.now()
        )


def _busy(busy: Brixner, bob: User) -> None:
    """Let the channel have three nexthops, contacts, members, CAs, pins of all states, and servers that differ."""
    now, row = timezone.now(), busy.channel
    row.changes.filter(before__isnull=True).update(made_at=now - 95 * DAY, release=Release.objects.first())
    serve(busy, busy.old, busy.old, busy.new, None, reasons=("fingerprint-mismatch",))
    first = host(row, delivery="defer", reasons=["fingerprint-mismatch"])
    for number in range(EACH):
        Contact.objects.create(partner=row.partner, name=f"C {number}", email=f"c{number}@brixner.example")
        member(row.partner, invited_by=busy.team, name=f"pia{number}")
        add_authority(row, root_ca(f"Brixner CA {number}").pem, by=bob, now=now)
        key = f"more{number}.brixner-achsen.example"
        nexthop = Nexthop.objects.create(channel=row, key=key)
        place = {**first, "mx_host": f"mx.{key}"}
        VerdictRow.objects.create(
            nexthop=nexthop, group=RelayGroup.objects.get(name="main"), key=key, is_own=True, delivery="defer",
            tls_status="Untrusted", dsn="4.7.5", reasons=["fingerprint-mismatch"], hosts=[place], judged_at=now,
        )  # fmt: skip
        ComplianceInterval.objects.create(
            channel=row, state="weaker", valid_from=now - (60 - number) * DAY, valid_to=now - (59 - number) * DAY,
            recorded_at=now,
        )  # fmt: skip
        DomainWatch.objects.create(nexthop=nexthop, facts={"name_servers": ["ns1.example"]}, looked_at=now, due_at=now)
        DomainChange.objects.create(nexthop=nexthop, what="name-servers", before="a", after="b", seen_at=now)
    for number, state in enumerate((Pin.State.STAGED, Pin.State.RETIRED, Pin.State.REFUSED, Pin.State.PROPOSED)):
        by = bob if number % 2 else busy.team
        pin = sent(busy, busy.new if not number else self_signed(f"mx{number}.brixner-achsen.example"), by=by)
        decided = {"decided_by": busy.second, "decided_at": now} if state != Pin.State.PROPOSED else {}
        Pin.objects.filter(pk=pin.pk).update(state=state, **decided)
    restand([row.pk])


def _agreement(number: int, state: str, *, by: User) -> None:
    """A further agreement, with a leaf of its own, a pin that waits, and an owner."""
    now = timezone.now()
    row = agreement(
        f"Partner {number}", state, by=by, since=now - (number + 1) * DAY, cause="certificate-expired",
        level=("secure", "fingerprint", "encrypt")[number % 3], agreed=("ca-and-name", "pin", "encrypted")[number % 3],
    )  # fmt: skip
    leaf = certificate(number + 1, not_after=now + (number - 2) * 3 * DAY, subject=f"CN=mx{number}.example")
    shown(row, f"198.51.100.{number + 20}", leaf)
    member(row.partner, invited_by=by, name=f"mem{number}")
    Contact.objects.create(partner=row.partner, name="Kim", email=f"kim@p{number}.example")
    proposed(row, by=by, byte=number + 1)
    Channel.objects.filter(pk=row.pk).update(review_on=date(2020, 1, 1) + number * DAY)
    if number % 5 == 0:
        Nexthop.objects.filter(channel=row).update(set_aside_at=now)


def _relays(ann: User, bob: User) -> None:
    """Relays that fetched, in groups of which one waits for a second person."""
    now = timezone.now()
    for number in range(EACH):
        group = RelayGroup.objects.create(name=f"edge{number}", main_cf={"smtp_tls_security_level": "encrypt"})
        make_relay_token(group, by=ann, now=now, relay=f"relay{number}.house.example")
        change_group(
            group, {"main_cf": {"smtp_tls_security_level": "may"}}, version=1, by=(ann, bob)[number % 2], now=now
        )
        make_vantage_token(f"vantage{number}", by=ann, now=now)
        RoundRow.objects.create(
            begun_at=now - (number + 1) * DAY / 24, moved_at=now, finished_at=now if number else None, nexthops=9,
            endpoints=9, handshakes=9,
            slowest=[{"address": f"192.0.2.{one}", "port": 25, "ms": 9, "cause": ""} for one in range(1, 5)],
            failed=[{"address": f"192.0.2.{one}", "port": 25, "ms": 9, "cause": "connect-timeout"} for one in range(1, 5)],
        )  # fmt: skip


def _around(partner: Partner, ann: User, bob: User) -> None:
    """Invitations, our own certificates, links of walls, addresses that are told of alerts."""
    now = timezone.now()
    for number in range(EACH):
        by = (ann, bob)[number % 2]
        invite(f"new{number}@brixner.example", User.Role.PARTNER, partner=partner, by=by, now=now)
        invite(f"new{number}@house.example", User.Role.EDITOR, by=by, now=now)
        add_own(f"mx{number}.house.example", self_signed(f"mx{number}.house.example").pem, by=by, now=now)
        make_wall_link(f"hall {number}", shows_names=False, language="de", by=by, now=now)
        add_target(NoticeTarget.Via.MAIL, f"watch{number}@house.example", by=by, now=now)


def _alerts(ann: User, bob: User) -> None:
    """Open alerts, each about several partners and told to several addresses; somebody looks after them."""
    now, rows = timezone.now(), list(Channel.objects.select_related("partner").order_by("pk"))
    targets = list(NoticeTarget.objects.all())
    for number, cause in enumerate(("fingerprint-mismatch", "certificate-expired", "certificate-ends", "below-agreed")):
        alert = Alert.objects.create(
            cause=cause, severity=tuple(Severity)[number % 3].value, grouping=f"g{number}", day=now.date(),
            opened_at=now - DAY, where=f"mx{number}.example", acknowledged_by=(ann, bob)[number % 2], acknowledged_at=now,
        )  # fmt: skip
        for row in rows[: EACH + 1]:
            part = AlertPartner.objects.create(
                alert=alert, partner=row.partner, cause=cause, day=now.date(), opened_at=now - DAY
            )
            part.channels.add(row)
        for target in targets:
            AlertDelivery.objects.create(
                alert=alert, kind="raised", target=target, via="mail", address=target.address, day=now.date(),
                planned_at=now, sent_at=now,
            )  # fmt: skip


def _lowered(by: User) -> None:
    """Agreements that ask less for a while."""
    now = timezone.now()
    for row in Channel.objects.filter(level="secure", partner__name__startswith="Partner")[:EACH]:
        lower_until(
            row,
            {"level": "may", "match": ""},
            until=now + 9 * DAY,
            reason="they move",
            version=row.version,
            by=by,
            now=now,
        )
