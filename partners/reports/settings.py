"""What the settings page tells: relay groups, what waits, and what the administrator has set by environment."""

import platform
import re
import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from partners.core.relay import DEBIAN_12, DEBIAN_13
from partners.models import GroupChange, Invitation, RelayGroup
from partners.reports.names import person_name

__all__ = [
    "EnvRow",
    "GroupSummary",
    "MailState",
    "WaitingChange",
    "env_rows",
    "group_summaries",
    "mail_state",
    "version_rows",
    "waiting_changes",
]

_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class EnvRow:
    """One setting of the surroundings. env: the variable that sets it; is_set: whether it differs from the default."""

    label: str
    value: str
    env: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """A relay group in a line."""

    name: str
    postfix: str
    openssl: str
    map_type: str
    directory: str
    parameters: int
    authorities: int
    waits: int


@dataclass(frozen=True, slots=True)
class WaitingChange:
    """A change that waits for a second person. rows: (column, was, becomes); mine: the reader proposed it."""

    pk: int
    group: str
    who: str
    made_at: datetime
    rows: tuple[tuple[str, str, str], ...]
    weakens: tuple[str, ...]
    mine: bool
    stale: bool


@dataclass(frozen=True, slots=True)
class MailState:
    """How mail to invited people goes out. state: mark; faults: how many links did not leave."""

    state: str
    text: str
    last_at: datetime | None
    faults: int


def group_summaries() -> tuple[GroupSummary, ...]:
    """Return the relay groups, in two queries."""
    waiting = set(GroupChange.objects.filter(state=GroupChange.State.OPEN).values_list("group_id", flat=True))
    return tuple(
        GroupSummary(
            group.name,
            group.postfix,
            group.openssl,
            group.map_type,
            group.tafile_directory,
            len(group.main_cf),
            len(_CERTIFICATE.findall(group.ca_pem)),
            int(group.pk in waiting),
        )
        for group in RelayGroup.objects.all()
    )


def waiting_changes(reader: int) -> tuple[WaitingChange, ...]:
    """Return what waits, oldest first, in one query; *reader* cannot decide on what they proposed."""
    rows = GroupChange.objects.filter(state=GroupChange.State.OPEN).select_related("group", "author")
    return tuple(
        WaitingChange(
            pk=one.pk,
            group=one.group.name,
            who=person_name(one.author),
            made_at=one.made_at,
            rows=tuple(
                (name, _short(name, getattr(one.group, name)), _short(name, value))
                for name, value in sorted(one.fields.items())
            ),
            weakens=tuple(one.weakens),
            mine=one.author_id == reader,
            stale=one.version != one.group.version,
        )
        for one in rows
    )


def mail_state() -> MailState:
    """Return how mail goes out, in one query."""
    found = Invitation.objects.aggregate(last=Max("mailed_at"))
    faults = Invitation.objects.filter(~Q(mail_fault=""), used_at__isnull=True, revoked_at__isnull=True).count()
    if not getattr(settings, "MAIL_CONFIGURED", True):
        text = _("The portal sends no mail: links are shown once to whoever makes them. Set TLSPORTAL_MAIL_RELAY.")
        return MailState("unk", text, found["last"], faults)
    if faults:
        return MailState("weak", _("Mail did not leave the last time; the invitations say why."), found["last"], faults)
    text = _("Mail leaves by %(relay)s, port %(port)s, from %(sender)s.")
    values = {"relay": settings.EMAIL_HOST, "port": settings.EMAIL_PORT, "sender": settings.DEFAULT_FROM_EMAIL}
    return MailState("ok" if found["last"] else "unk", text % values, found["last"], 0)


def env_rows() -> tuple[EnvRow, ...]:
    """Return what may be probed and by whom, as the environment says; no secret is among it."""
    networks = ", ".join(settings.PROBE_NETWORKS)
    ports = ", ".join(["25", "465", "587", *settings.PROBE_PORTS])
    broker = urlsplit(settings.BROKER_URL)
    return (
        EnvRow(
            _("Networks that may be probed"),
            networks or _("globally routable addresses alone"),
            "TLSPORTAL_PROBE_NETWORKS",
            _("beside all globally routable addresses") if networks else "",
        ),
        EnvRow(_("Ports that may be probed"), ports, "TLSPORTAL_PROBE_PORTS"),
        EnvRow(_("Name in EHLO"), settings.PROBE_EHLO or _("the host's own"), "TLSPORTAL_PROBE_EHLO"),
        EnvRow(_("Source address"), settings.PROBE_SOURCE or _("the system's choice"), "TLSPORTAL_PROBE_SOURCE"),
        EnvRow(_("Resolver"), settings.RESOLVER or "/etc/resolv.conf", "TLSPORTAL_RESOLVER"),
        EnvRow(_("Client certificate"), settings.PROBE_CLIENT_CERT or _("none"), "TLSPORTAL_PROBE_CLIENT_CERT"),
        EnvRow(_("Address of the portal"), settings.PORTAL_URL, "TLSPORTAL_URL"),
        EnvRow(_("Broker"), f"{broker.scheme}://{broker.hostname or broker.path}", "TLSPORTAL_BROKER_URL"),
        EnvRow(_("Database"), settings.DATABASES["default"]["ENGINE"].rsplit(".", 1)[-1], "TLSPORTAL_DATABASE_URL"),
        EnvRow(_("Time zone"), settings.TIME_ZONE, "TLSPORTAL_TIME_ZONE"),
    )


def version_rows(portal: str) -> tuple[tuple[str, str], ...]:
    """Return what runs here, and which relays' releases the verdicts are held against."""
    known = ", ".join(f"Postfix {postfix} / OpenSSL {openssl}" for postfix, openssl in (DEBIAN_12, DEBIAN_13))
    return (
        ("tlsportal", portal),
        ("Python", platform.python_version()),
        ("Django", django.get_version()),
        ("OpenSSL", ssl.OPENSSL_VERSION),
        (_("Verdicts are held against"), known),
    )


def _short(name: str, value: object) -> str:
    """Return a column's value in a few words."""
    if name == "ca_pem":
        return _("%s certificates") % len(_CERTIFICATE.findall(str(value)))
    if isinstance(value, dict):
        return ", ".join(f"{key} = {text}" for key, text in sorted(value.items())) or _("empty")
    return str(value)
