"""Ways out of a bad verdict: the partner mends it, or another entry takes the mail meanwhile, each with its outcome."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from django.urls import reverse
from django.utils.translation import gettext as _

from partners.actions.proposing import HostTally, Proposal, proposals
from partners.actions.whatif import Ground
from partners.models import Contact
from partners.reports.partners import ChannelPage
from partners.reports.sentences import partner_sentence

__all__ = ["Outcome", "Way", "ways_out"]

_WAYS_MAX: Final = 3
_BAD: Final = frozenset({"violated", "weaker"})
_OTHER: Final = ("fingerprint", "secure", "dane-only", "encrypt")  # the least loss of protection first


@dataclass(frozen=True, slots=True)
class Outcome:
    """What Postfix would then do at one MX host."""

    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Way:
    """One way, as c-ways shows it."""

    icon: str
    title: str
    text: str
    label: str
    url: str
    outcomes: tuple[Outcome, ...] = ()
    primary: bool = False
    note: str = ""


def ways_out(page: ChannelPage, contact: Contact | None, *, ground: Ground, now: datetime) -> tuple[Way, ...]:
    """Return at most three ways, () where mail flows as agreed. Another entry is offered only if it takes all mail."""
    if page.state not in _BAD:
        return ()
    found = {one.level: one for one in proposals(page.channel, now=now, ground=ground)}
    others = [found[level] for level in _OTHER if level in found]
    return (_theirs(page, contact), *_ours(page, others))[:_WAYS_MAX]


def _theirs(page: ChannelPage, contact: Contact | None) -> Way:
    """Return the way in which the partner acts."""
    name = page.channel.partner.name
    causes = list(dict.fromkeys(text for code in (*page.reasons, page.cause) if (text := partner_sentence(code))))
    if contact is None:
        invite = reverse("partner-invite", args=[page.channel.partner_id])
        text = _("Nobody on their side is named yet: ask their postmaster, or invite a contact.")
        return Way("phone", _("%s mends it") % name, text, _("Invite a contact"), invite, primary=True)
    subject = quote(_("Mail from us to %s") % " ".join(page.keys))
    letter = f"mailto:{quote(contact.email, safe='@')}?subject={subject}&body={quote(chr(10).join(causes))}"
    return Way(
        "phone",
        _("%s mends it") % name,
        _("The letter says: “%s”") % " ".join(causes),
        _("Write to %s") % contact.name,
        letter,
        primary=True,
        note=" ".join(filter(None, (contact.email, contact.phone))),
    )


def _ours(page: ChannelPage, others: Sequence[Proposal]) -> Iterator[Way]:
    """Yield what another entry would bring, where every address would take the mail."""
    titles = {
        "fingerprint": (
            "key",
            _("Pin the key that is shown now"),
            _("Strong, but have it read to you first: that it is shown is no proof that it is theirs."),
        ),
        "secure": (
            "cert",
            _("Go by CA and name"),
            _("Their certificate carries the names and leads to a CA you trust."),
        ),
        "dane-only": ("world", _("Go by their signed DNS"), _("The key that their TLSA records name.")),
        "encrypt": ("shield-half", _("Lower to encrypt"), _("Mail flows encrypted, but to whoever answers.")),
    }
    for one in others:
        if not one.possible or (one.level == page.channel.level and one.match == page.channel.match):
            continue
        icon, title, text = titles[one.level]
        url = f"{reverse('channel-edit', args=[page.channel.pk])}?card={one.level}#fields"
        outcomes = tuple(Outcome("weak" if one.level == "encrypt" else "ok", _told(host)) for host in one.hosts)
        note = _("asks less than before: a second person must agree")
        yield Way(icon, title, text, _("Fill in the entry"), url, outcomes, note=note)


def _told(host: HostTally) -> str:
    words = {"mx_host": host.mx_host, "delivered": host.delivered, "total": host.total, "status": host.tls_status}
    return _("%(mx_host)s: %(delivered)s of %(total)s deliver, %(status)s") % words
