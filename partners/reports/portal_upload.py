"""What was understood of a partner's upload, beside what that channel has now; nothing is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from partners.core.certificates import CertificateFacts
from partners.models import Pin
from partners.reports.drawings import Fingerprint, fingerprint
from partners.reports.portal import PortalPage

__all__ = ["Check", "Readout", "Refusal", "readout", "reason_not_to_send"]

_ACCEPTED: Final = (Pin.State.ACTIVE, Pin.State.STAGED)
_KNOWN: Final = {
    Pin.State.PROPOSED.value: lambda: _("you sent it before, and we have not checked it yet"),
    Pin.State.STAGED.value: lambda: _("we have it already and have accepted it"),
    Pin.State.ACTIVE.value: lambda: _("it is one that our servers accept now"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One line below the facts. state: ok, weak or bad."""

    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why it is not taken, and what to do instead."""

    cause: str
    cure: str


@dataclass(frozen=True, slots=True)
class Readout:
    """The upload as facts. present: the fingerprint in use now; new: what was read, marked where it differs."""

    names: tuple[str, ...]
    not_before: datetime | None
    not_after: datetime | None
    key: str
    issuer: str
    algorithm: str
    new: Fingerprint
    present: Fingerprint | None
    checks: tuple[Check, ...]
    keeps_key: bool


def reason_not_to_send(
    page: PortalPage, leaf: CertificateFacts | None, digests: dict[str, str], *, now: datetime
) -> Refusal | None:
    """Return why this is not to be handed in: it ran out, or this very channel has it. No other channel is asked."""
    for pin in page.pins:
        if pin.state in _KNOWN and any(pin.digests.get(name) == text for name, text in digests.items()):
            return Refusal(_KNOWN[pin.state](), _("there is nothing to send; see above how far it has come"))
    if leaf is not None and leaf.not_after is not None and leaf.not_after <= now:
        ended = date_format(leaf.not_after, "j F Y, H:i")
        return Refusal(_("it ran out on %s UTC") % ended, _("send the certificate that you are going to install"))
    return None


def readout(
    page: PortalPage,
    leaf: CertificateFacts | None,
    digests: dict[str, str],
    key_digests: dict[str, str],
    *,
    now: datetime,
) -> Readout:
    """Return what was read, and how it fits what this channel has now."""
    algorithm = "sha256" if "sha256" in digests else next(iter(digests), "")
    present = _present(page.pins, algorithm)
    keeps = bool(leaf) and _keeps_key(page, key_digests)
    return Readout(
        names=(leaf.dns_ids or leaf.common_names) if leaf else (),
        not_before=leaf.not_before if leaf else None,
        not_after=leaf.not_after if leaf else None,
        key=f"{leaf.key_type} {leaf.key_bits or ''}".strip() if leaf else "",
        issuer=leaf.issuer if leaf else "",
        algorithm=algorithm,
        new=fingerprint(digests.get(algorithm, ""), present),
        present=fingerprint(present) if present else None,
        checks=tuple(_checks(page, leaf, keeps_key=keeps, now=now)),
        keeps_key=keeps,
    )


def _present(pins: Sequence[Pin], algorithm: str) -> str:
    """Return the fingerprint of the newest certificate in use, "" where only keys are pinned or none is."""
    rows = (pin for pin in pins if pin.state in _ACCEPTED and not pin.of_key)
    return next((str(pin.digests[algorithm]) for pin in rows if algorithm in pin.digests), "")


def _keeps_key(page: PortalPage, key_digests: dict[str, str]) -> bool:
    """Whether the upload has the key of a pin in use, or the key that a server shows now under such a pin."""
    wanted = key_digests.get("sha256", "").replace(":", "").lower()
    held = {pin.certificate.spki_sha256 for pin in page.pins if pin.state in _ACCEPTED and pin.certificate}
    return wanted in held


def _checks(page: PortalPage, leaf: CertificateFacts | None, *, keeps_key: bool, now: datetime) -> list[Check]:
    if leaf is None:
        return [
            Check("weak", _("A fingerprint alone tells neither names nor dates. If you can, send the certificate."))
        ]
    rows = [_names_check(page, leaf)]
    ends = [one.leaf.facts.not_after for one in page.seen if one.leaf and one.leaf.facts.not_after]
    if leaf.not_before and leaf.not_before > now:
        day = date_format(leaf.not_before, "j F Y")
        early = not ends or leaf.not_before < min(ends)
        text = _("becomes valid on %s, before the current one ends") if early else _("becomes valid only on %s")
        rows.append(Check("ok" if early else "weak", text % day))
    elif ends:
        rows.append(Check("ok", _("is valid already, so you may switch as soon as we say it is safe")))
    if any(one.state in _ACCEPTED for one in page.pins):
        rows.append(
            Check("ok", _("has the key that you use today"))
            if keeps_key
            else Check(
                "weak", _("has a new key: we check it with you, usually by telephone, which may take some hours")
            )
        )
    return rows


def _names_check(page: PortalPage, leaf: CertificateFacts) -> Check:
    """Say whether the certificate names the mail servers that the DNS names; where it is pinned, that is no must."""
    hosts = list(dict.fromkeys(one.mx_host for one in page.seen))
    missing = [name for name in hosts if not any(_covers(pattern, name) for pattern in leaf.dns_ids)]
    if not hosts:
        return Check("ok", _("can be read"))
    if missing:
        return Check("weak", _("does not name %s; if it is meant for another server, all is well") % ", ".join(missing))
    return Check("ok", _("names all of your mail servers"))


def _covers(pattern: str, name: str) -> bool:
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    return pattern == name or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])
