"""The demo's rows: people, partners, pins, and a first release that was approved by a second person.

Only actions write; each step is skipped where it was done before.
"""

import secrets
from collections.abc import Callable

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from partners.actions.approvals import approve_pin
from partners.actions.certificates import add_authority, submit
from partners.actions.invitations import accept, approve_invitation, invite
from partners.actions.leases import make_due
from partners.actions.partners import add_partner, edit_channel
from partners.actions.relay_groups import add_group
from partners.actions.releases import abandon, approve, cut, head, publish
from partners.core.errors import ActionRefused, GuardRefused
from partners.core.levels import SecurityLevel
from partners.core.outcome import Delivery
from partners.core.relay import DEBIAN_12
from partners.management.demo.papers import Papers
from partners.management.demo.world import CAST, CONTACT, PEOPLE, Issuer, Player
from partners.models import Candidate, Change, Channel, Nexthop, Partner, RelayGroup, User
from partners.tasks.rounds import Round

__all__ = ["fill", "look_again"]

ORIGIN = "demo"
GROUP = "main"
_PASSWORD_BYTES = 12  # 16 characters
_WORD = "demo: shown as it is, so that the pages have something to tell"

Tell = Callable[[str], None]


def fill(papers: Papers, *, tell: Tell) -> None:
    """Bring in what is missing; *tell* hears the logins once. Errors: ActionRefused where other people are at home."""
    if not User.objects.filter(email=PEOPLE[0][0]).exists():
        _demand_empty()
        _bring_people(tell)
    elif head() is not None:  # whatever became of the partners since then is the visitor's own
        tell(_("filled before; the logins were told at the first start"))
        return
    anna, ben, eda = (User.objects.get(email=email) for email, *_rest in PEOPLE[:3])
    if not RelayGroup.objects.exists():
        postfix, openssl = (str(release) for release in DEBIAN_12)
        pem = papers.ca_pem(Issuer.PUBLIC).decode()
        add_group(GROUP, postfix=postfix, openssl=openssl, ca_pem=pem, by=anna, now=timezone.now())
    for player in CAST:
        if not Partner.objects.filter(name=player.name).exists():
            _bring_partner(player, papers, editor=eda, approver=ben)
    if not User.objects.filter(email=CONTACT[0]).exists():
        _bring_contact(tell, inviter=anna, second=ben)
    _publish_first(author=eda, approver=anna)
    tell(_("six invented partners, and a first release; one of them renews its certificate in a minute"))


def look_again(player: Player) -> None:
    """Ask the workers to look at *player* now, as if its row had come round."""
    rows = Nexthop.objects.filter(key=player.key).values_list("pk", flat=True)
    make_due(list(rows), origin=ORIGIN, now=timezone.now())


def _demand_empty() -> None:
    """Raise ActionRefused unless nobody, and no partner, is there yet."""
    if Partner.objects.exists() or User.objects.exists():
        raise ActionRefused(
            _("demo"),
            _("this data directory has people or partners of its own, and the demo is kept apart from them"),
            _("name an empty directory with --data-dir"),
        )


def _bring_people(tell: Tell) -> None:
    """Make the accounts of the house, all or none, and tell how to sign in."""
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    with transaction.atomic():
        people: list[User] = []
        for email, name, role in PEOPLE:
            invited = invite(email, role, by=people[0] if people else None, now=timezone.now())
            if invited.waits:
                invited = approve_invitation(invited.invitation, by=people[1], now=timezone.now())
            people.append(accept(invited.token, password=password, name=name, now=timezone.now()))
    for email, _first, role in PEOPLE:
        tell(_login(email, role, password))


def _bring_contact(tell: Tell, *, inviter: User, second: User) -> None:
    """Make the account of a partner's contact."""
    email, name, key = CONTACT
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    partner = Nexthop.objects.select_related("channel__partner").get(key=key).channel.partner
    with transaction.atomic():
        invited = invite(email, User.Role.PARTNER, partner=partner, by=inviter, now=timezone.now())
        agreed = approve_invitation(invited.invitation, by=second, now=timezone.now())
        accept(agreed.token, password=password, name=name, now=timezone.now())
    tell(_login(email, User.Role.PARTNER, password))


def _login(email: str, role: User.Role, password: str) -> str:
    return _("demo login: %(email)s (%(role)s), password %(password)s") % {
        "email": email,
        "role": role.label,
        "password": password,
    }


def _bring_partner(player: Player, papers: Papers, *, editor: User, approver: User) -> None:
    """Draft the entry of *player*, with its pin or its own CA, all or nothing."""
    now = timezone.now()
    is_pinned = player.level is SecurityLevel.FINGERPRINT
    first = SecurityLevel.ENCRYPT if is_pinned else player.level  # without a pin there is no entry at fingerprint
    with transaction.atomic():
        change = add_partner(player.name, player.key, first, player.agreed, basis=player.basis, by=editor, now=now)
        channel = change.channel
        if is_pinned:
            pin = submit(channel, papers.leaf_pem(player), by=editor, now=now)
            approve_pin(pin, by=approver, now=now, word=player.basis)
            channel.refresh_from_db()
            edit_channel(channel, {"level": player.level}, version=channel.version, by=editor, now=now)
        elif player.issuer is Issuer.OWN:
            add_authority(channel, papers.ca_pem(Issuer.OWN), by=editor, now=now)


def _publish_first(*, author: User, approver: User) -> None:
    """Look at all six, release their entries, and look at them again under the map in force."""
    channels = Channel.objects.filter(nexthops__key__in=[player.key for player in CAST])
    _look(channels)
    for left in Candidate.objects.filter(state=Candidate.State.OPEN):
        abandon(left, by=author, now=timezone.now())
    changes = Change.objects.filter(channel__in=channels, release__isnull=True, withdrawn_at__isnull=True)
    candidate = cut(changes, by=author, now=timezone.now())
    _demand_known(candidate)
    seen = candidate.sha256, candidate.findings_sha256
    approve(candidate, seen=seen, by=approver, now=timezone.now(), word=_WORD, accept_stops=True)
    publish(candidate, by=author, now=timezone.now(), reason=_WORD)
    _look(channels)


def _demand_known(candidate: Candidate) -> None:
    """Raise GuardRefused where a partner could not be looked at: its mail is not stopped knowingly."""
    outcomes = [row for row in candidate.findings if row["kind"] == "outcome"]
    unknown = [row["nexthop"] for row in outcomes if row["after"]["delivery"] == Delivery.UNKNOWN.value]
    if unknown:
        cure = _("see the lines of `demo_world serve`, and start again")
        raise GuardRefused(_("demo"), _("nothing is known of %s") % ", ".join(sorted(unknown)), cure)


def _look(channels: "QuerySet[Channel]") -> None:
    """Probe the keys of *channels* in the foreground."""
    rows = list(Nexthop.objects.filter(channel__in=channels).values_list("pk", flat=True))
    make_due(rows, origin=ORIGIN, now=timezone.now())
    Round(only=rows).run()
