"""The demo's rows: people, partners, pins and releases, told as if the house had had the portal for some weeks.

Only actions write, at moments that lie behind: the servers are looked at with the clock of each of these moments, so
that sightings, states, releases and the audit trail have a past. A start that was cut short is begun with a new
directory.
"""

import secrets
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from partners.actions.approvals import approve_pin
from partners.actions.certificates import add_authority, submit
from partners.actions.invitations import accept, approve_invitation, invite
from partners.actions.judging import judge_due
from partners.actions.leases import make_due
from partners.actions.partners import add_partner, edit_channel, lower_until
from partners.actions.relay_groups import add_group
from partners.actions.releases import approve, cut, publish
from partners.core.errors import ActionRefused, GuardRefused
from partners.core.levels import SecurityLevel
from partners.core.outcome import Delivery
from partners.core.relay import DEBIAN_12
from partners.management.demo.cast import CAST, RELEASE_DAYS, SERVERS, WAVES
from partners.management.demo.papers import Papers
from partners.management.demo.world import CONTACT, PEOPLE, Habit, Issuer, Player
from partners.models import Candidate, Change, Channel, Nexthop, Partner, User
from partners.tasks.engines import engine_from_settings
from partners.tasks.rounds import Round

__all__ = ["fill", "is_filled", "look_again"]

ORIGIN = "demo"
GROUP = "main"
_PASSWORD_BYTES = 12  # 16 characters
_WORD = "demo: shown as it is, so that the pages have something to tell"
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_OPENED = max(WAVES) + 1  # days before the first start
_LOWERED_DAYS = 10
_CURED = "delta.example"
# The relays validate DNSSEC; and they listen elsewhere, so that a partner on loopback is not one of them.
_MAIN_CF = {"smtp_dns_support_level": "dnssec", "inet_interfaces": "192.0.2.25, 2001:db8::25"}

Tell = Callable[[str], None]


def fill(papers: Papers, *, tell: Tell) -> None:
    """Bring all in once; *tell* hears the logins. Errors: ActionRefused where other people are at home."""
    if is_filled():  # whatever became of the partners since then is the visitor's own
        tell(_("filled before; the logins were told at the first start"))
        return
    _demand_empty()
    now = timezone.now()
    opened = now - _OPENED * _DAY
    _bring_people(tell, now=opened)
    anna, ben, eda = (User.objects.get(email=email) for email, *_rest in PEOPLE[:3])
    postfix, openssl = (str(release) for release in DEBIAN_12)
    public = papers.ca_pem(Issuer.PUBLIC).decode()
    add_group(GROUP, postfix=postfix, openssl=openssl, main_cf=_MAIN_CF, ca_pem=public, by=anna, now=opened)
    for days in WAVES:
        then = now - days * _DAY
        for player in CAST:
            if player.joined == days:
                _bring_partner(player, papers, editor=eda, approver=ben, now=then)
        _release(_("%s partners join") % sum(one.joined == days for one in CAST), author=eda, approver=anna, now=then)
    _bring_contact(tell, inviter=anna, second=ben, now=now - 3 * _DAY)
    then = now - RELEASE_DAYS * _DAY
    _lower("meridian.example", until=now + _LOWERED_DAYS * _DAY, by=eda, now=then)
    _announce("glacier.example", papers.leaf_pem("glacier-next"), by=eda, approver=ben, now=then)
    _release(_("Meridian lowered, Glacier's new key taken in"), author=eda, approver=anna, now=then)
    _leave_work(papers, editor=eda, now=now)
    tell(_("%s invented partners with some weeks behind them; more happens in the first minutes") % len(CAST))


def is_filled() -> bool:
    """Whether the work of fill() is done, to its last step."""
    return Candidate.objects.filter(state=Candidate.State.OPEN).exists() or Candidate.objects.count() > len(WAVES) + 1


def look_again(key: str) -> None:
    """Ask the workers to look at *key* now, as if its row had come round."""
    rows = Nexthop.objects.filter(key=key).values_list("pk", flat=True)
    make_due(list(rows), origin=ORIGIN, now=timezone.now())


def _demand_empty() -> None:
    """Raise ActionRefused unless nobody, and no partner, is there yet."""
    if Partner.objects.exists() or User.objects.exists():
        raise ActionRefused(
            _("demo"),
            _("this data directory has people or partners of its own, and the demo is kept apart from them"),
            _("name an empty directory with --data-dir"),
        )


def _bring_people(tell: Tell, *, now: datetime) -> None:
    """Make the accounts of the house, all or none, and tell how to sign in."""
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    with transaction.atomic():
        people: list[User] = []
        for email, name, role in PEOPLE:
            invited = invite(email, role, by=people[0] if people else None, now=now)
            if invited.waits:
                invited = approve_invitation(invited.invitation, by=people[1], now=now)
            people.append(accept(invited.token, password=password, name=name, now=now))
    for email, _first, role in PEOPLE:
        tell(_login(email, role, password))


def _bring_contact(tell: Tell, *, inviter: User, second: User, now: datetime) -> None:
    """Make the account of a partner's contact."""
    email, name, key = CONTACT
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    partner = Nexthop.objects.select_related("channel__partner").get(key=key).channel.partner
    with transaction.atomic():
        invited = invite(email, User.Role.PARTNER, partner=partner, by=inviter, now=now)
        agreed = approve_invitation(invited.invitation, by=second, now=now + _HOUR)
        accept(agreed.token, password=password, name=name, now=now + 2 * _HOUR)
    tell(_login(email, User.Role.PARTNER, password))


def _login(email: str, role: User.Role, password: str) -> str:
    return _("demo login: %(email)s (%(role)s), password %(password)s") % {
        "email": email,
        "role": role.label,
        "password": password,
    }


def _bring_partner(player: Player, papers: Papers, *, editor: User, approver: User, now: datetime) -> None:
    """Draft the entry of *player*, with its pin or its own CA, all or nothing."""
    is_pinned = player.level is SecurityLevel.FINGERPRINT
    first = SecurityLevel.ENCRYPT if is_pinned else player.level  # without a pin there is no entry at fingerprint
    with transaction.atomic():
        change = add_partner(
            player.name,
            player.keys,
            first,
            player.agreed,
            basis=player.basis,
            review_on=(now + 365 * _DAY).date(),
            match=player.match,
            by=editor,
            now=now,
        )
        channel = change.channel
        if is_pinned:
            _announce(player.key, papers.leaf_pem(player.pinned), by=editor, approver=approver, now=now)
            channel.refresh_from_db()
            edit_channel(channel, {"level": player.level}, version=channel.version, by=editor, now=now)
        if player.has_ca:
            add_authority(channel, papers.ca_pem(Issuer.OWN), by=editor, now=now)


def _announce(key: str, pem: bytes, *, by: User, approver: User, now: datetime) -> None:
    """Let *pem* be announced for *key*, and a second person take it in."""
    pin = submit(_channel(key), pem, by=by, now=now)
    approve_pin(pin, by=approver, now=now, word="demo: compared on the telephone")


def _lower(key: str, *, until: datetime, by: User, now: datetime) -> None:
    """Let the entry of *key* be lowered for some days."""
    channel = _channel(key)
    fields, reason = {"level": SecurityLevel.ENCRYPT}, "demo: self-signed until their new CA signs"
    lower_until(channel, fields, until=until, reason=reason, version=channel.version, by=by, now=now)


def _leave_work(papers: Papers, *, editor: User, now: datetime) -> None:
    """Leave two decisions to a second person: a partner's next certificate, and a candidate."""
    submit(_channel(CONTACT[2]), papers.leaf_pem("borealis-next"), by=User.objects.get(email=CONTACT[0]), now=now)
    channel = _channel(_CURED)
    change = edit_channel(channel, {"match": "mail.hosting.example"}, version=channel.version, by=editor, now=now)
    _look(now=timezone.now())
    cut([change], by=editor, now=timezone.now())


def _channel(key: str) -> Channel:
    return Nexthop.objects.select_related("channel__partner").get(key=key).channel


def _release(reason: str, *, author: User, approver: User, now: datetime) -> None:
    """Look at all, release what is drafted, and look again an hour later, under the map in force."""
    _look(now=now)
    changes = Change.objects.filter(release__isnull=True, withdrawn_at__isnull=True)
    candidate = cut(changes, by=author, now=now)
    _demand_known(candidate)
    seen = candidate.sha256, candidate.findings_sha256
    approve(candidate, seen=seen, by=approver, now=now, word=_WORD, accept_stops=True)
    publish(candidate, by=author, now=now, reason=reason)
    _look(now=now + _HOUR)
    judge_due(Nexthop.objects.count(), now=now + _HOUR)  # where no session is had, no new fact has it judged again


def _demand_known(candidate: Candidate) -> None:
    """Raise GuardRefused where a partner could not be looked at: its mail is not stopped knowingly."""
    busy = {server.mx_host for server in SERVERS if server.habit is Habit.IS_BUSY}
    expected = {key for player in CAST if busy & set(player.mx) for key in player.keys}
    outcomes = [row for row in candidate.findings if row["kind"] == "outcome"]
    unknown = {row["nexthop"] for row in outcomes if row["after"]["delivery"] == Delivery.UNKNOWN.value} - expected
    if unknown:
        cure = _("see the lines of `demo_world serve`, and start again")
        raise GuardRefused(_("demo"), _("nothing is known of %s") % ", ".join(sorted(unknown)), cure)


def _look(*, now: datetime) -> None:
    """Probe all keys in the foreground, with clocks that say *now*."""
    rows: Collection[int] = list(Nexthop.objects.values_list("pk", flat=True))
    make_due(rows, origin=ORIGIN, now=now)
    Round(only=rows, is_told=False, clock=lambda: now, engine=engine_from_settings(clock=lambda: now)).run()
