"""A proposal as a card that says what is really protected, and what it costs in renewals."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners.actions.proposing import Proposal
from partners.actions.stored import Stored
from partners.core.certificates import certificate_facts
from partners.core.errors import CertificateRefused
from partners.core.observation import Dnssec, PeerFacts

__all__ = ["Card", "Line", "cards"]

_BEGINS: Final = 11  # "3D:95:42:1F"
_YEAR: Final = timedelta(days=365)
_ORDER: Final = ("encrypt", "secure", "fingerprint", "dane-only")  # as on the page, weakest first
_STATES: Final = {"deliver": "ok", "defer": "bad", "bounce": "bad", "unknown": "unk"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a card. state: "no" where it does not protect."""

    state: str
    text: str
    mx_host: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """What c-level-card shows; possible: it can be chosen."""

    value: str
    level: str
    of: str
    recommended: bool
    possible: bool
    plain: str
    protects: tuple[Line, ...]
    hosts: tuple[Line, ...]
    cost: str
    cost_note: str


def cards(found: Sequence[Proposal], facts: Mapping[str, Stored]) -> tuple[Card, ...]:
    """Return a card for each level that is proposed, and a dimmed one for dane-only where it cannot be."""
    by_level = {one.level: one for one in found}
    made = [_card(by_level[level], facts) for level in _ORDER if level in by_level]
    return (*made, *([] if "dane-only" in by_level or not found else [_without_dane(facts)]))


def _card(one: Proposal, facts: Mapping[str, Stored]) -> Card:
    cost, note = _cost(one.level, facts)
    return Card(
        value=one.level,
        level=one.level,
        of=_("of the public key") if one.level == "fingerprint" else "",
        recommended=one.recommended,
        possible=True,  # what would defer may still be drafted, ahead of what the partner changes
        plain=_plain(one.level, one.seen),
        protects=_protects(one.level, one.match),
        hosts=tuple(_hosts(one)),
        cost=cost,
        cost_note=note,
    )


def _plain(level: str, seen: Sequence[str]) -> str:
    """Say in a sentence what the level asks for. seen: the public keys that the servers showed."""
    if level == "fingerprint" and seen:
        text = ngettext(
            "Exactly this public key, whoever signed its certificate: SHA-256 %(begins)s…. That we saw it is no proof: "
            "have it read to you.",
            "Exactly these %(count)s public keys, whoever signed their certificates; the first is SHA-256 %(begins)s…. "
            "That we saw them is no proof: have them read to you.",
            len(seen),
        )
        return text % {"count": len(seen), "begins": seen[0][:_BEGINS]}
    return {
        "dane-only": _("The key that their signed DNS names. They renew, you do nothing."),
        "secure": _("Their certificate must carry one of the names below and come from an authority you trust."),
        "fingerprint": _("Exactly the public keys they show, whoever signed their certificates."),
        "encrypt": _("Encrypted, but to whoever answers. No certificate is looked at."),
    }[level]


def _protects(level: str, match: str) -> tuple[Line, ...]:
    """Return what the level protects against, in the same four lines on every card."""
    authenticated = level != "encrypt"
    follows_mx = level == "secure" and "hostname" in match.split()
    false = _("a false certificate: if no authority errs") if level == "secure" else _("a false certificate")
    return (
        Line("ok", _("listening on the line")),
        Line("ok" if authenticated else "no", _("a wrong or false server")),
        Line("ok" if authenticated and not follows_mx else "no", _("a changed MX record")),
        Line(("weak" if level == "secure" else "ok") if authenticated else "no", false),
    )


def _hosts(one: Proposal) -> Iterator[Line]:
    """Yield what Postfix would do at each MX host."""
    for host in one.hosts:
        counts = {"delivered": host.delivered, "total": host.total}
        text = _("%(delivered)s of %(total)s deliver") % counts
        text += f", {host.tls_status}" if host.tls_status not in {"", "none"} and host.delivered else ""
        yield Line(_STATES.get(host.delivery, "unk"), f"{text}: {host.text}" if host.text else text, host.mx_host)
    if one.unknown:
        yield Line("unk", _("What this level asks for was not looked at yet: save it as a draft, and it will be."))
    if one.refusal:
        yield Line("bad", one.refusal)


def _cost(level: str, facts: Mapping[str, Stored]) -> tuple[str, str]:
    """Return how many steps a year the level asks of people, by how long their certificates live."""
    if level != "fingerprint":
        return "0", {
            "secure": _("steps a year; renewals pass by themselves while the names stay"),
            "dane-only": _("steps a year; renewals pass by themselves"),
        }.get(level, _("steps a year"))
    life = min(_lifetimes(facts), default=None)
    if life is None or life <= timedelta(0):
        return _("each time"), _("a step whenever they make a new key")
    steps = max(1, math.ceil(_YEAR / life - 0.1))
    days = ngettext("their certificate lives %s day", "their certificate lives %s days", life.days) % life.days
    return _("up to %s") % steps, _("steps a year, if they make a new key at each renewal: %s") % days


def _lifetimes(facts: Mapping[str, Stored]) -> Iterator[timedelta]:
    for stored in facts.values():
        for peer in stored.peers:
            if not isinstance(peer, PeerFacts) or peer.tls is None or not peer.tls.chain:
                continue
            try:
                leaf = certificate_facts(peer.tls.chain[0])
            except CertificateRefused:
                continue
            if leaf.not_before and leaf.not_after:
                yield leaf.not_after - leaf.not_before


def _without_dane(facts: Mapping[str, Stored]) -> Card:
    """Return the dimmed card: why dane-only is not possible for them."""
    signed = any(one.dnssec is Dnssec.SECURE for stored in facts.values() if stored.dns for one in stored.dns.hosts)
    why = _("no TLSA records for their hosts") if signed else _("their DNS is not signed")
    return Card(
        value="dane-only",
        level="dane-only",
        of="",
        recommended=False,
        possible=False,
        plain=_plain("dane-only", ()),
        protects=_protects("dane-only", ""),
        hosts=(Line("bad", why),),
        cost=_("not possible"),
        cost_note=_("would ask for no step of yours; ask them for it"),
    )
