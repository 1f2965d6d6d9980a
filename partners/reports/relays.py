"""Relay groups, their relays and tokens, and who stays behind the published release."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from partners.core.lifetime import TIME_UNITS
from partners.core.relay import RelaySettings
from partners.models import Artefact, Head, Relay, RelayGroup, RelayToken, Release
from partners.reports.released import read_maps

__all__ = [
    "FETCH_EVERY",
    "GroupRow",
    "Rail",
    "RelayRow",
    "SettingRow",
    "groups_page",
    "published_release",
    "relays_rail",
    "setting_rows",
]

FETCH_EVERY: Final = timedelta(minutes=1)  # what the script on the export page is run at
_LATE: Final = timedelta(minutes=15)  # so long without a fetch is told
_FIRST: Final = (
    "smtp_tls_security_level",
    "smtp_tls_fingerprint_digest",
    "smtp_tls_CAfile",
    "smtp_dns_support_level",
    "smtp_tls_mandatory_protocols",
    "smtp_tls_mandatory_ciphers",
    "smtp_address_preference",
    "maximal_queue_lifetime",
)
_HIDDEN: Final = frozenset({"postfix", "openssl", "ca_pem", "ta_files", "extra"})


@dataclass(frozen=True, slots=True)
class RelayRow:
    """One relay, or one token that names none. release: what it fetched last, "" before its first fetch."""

    state: str
    name: str
    release: str
    note: str
    behind: bool
    token: RelayToken | None = None


@dataclass(frozen=True, slots=True)
class Rail:
    """The relays in short, beside a release."""

    sub: str
    rows: tuple[RelayRow, ...]


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A parameter of main.cf as the guard uses it. is_set: named in the group, else Postfix's own default."""

    name: str
    value: str
    is_set: bool


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A relay group. faults: why its settings cannot be read; sha256: of the published map's file."""

    group: RelayGroup
    relays: tuple[RelayRow, ...]
    settings: tuple[SettingRow, ...]
    more: tuple[SettingRow, ...]
    digest: str
    fault: str
    sha256: str

    @property
    def behind(self) -> int:
        """How many relays stay behind."""
        return sum(row.behind for row in self.relays)


def published_release() -> Release | None:
    """Return the published release, None before the first."""
    head = Head.objects.select_related("release").filter(pk=1).first()
    return head.release if head else None


def relays_rail(published: Release | None, *, now: datetime) -> Rail:
    """Return the relays that hold a token, those behind first, in one query."""
    tokens = RelayToken.objects.filter(revoked_at__isnull=True).select_related("relay", "group")
    rows = sorted(_of_tokens(tokens, published, now=now, told=("group",)), key=lambda row: (not row.behind, row.name))
    if published is None:
        return Rail(_("nothing is published yet"), tuple(rows))
    if not rows:
        return Rail("", ())
    current = sum(row.release == str(published.number) for row in rows)
    sub = _("%(count)s of %(total)s on release %(release)s") % {
        "count": current,
        "total": len(rows),
        "release": published.number,
    }
    return Rail(sub, tuple(rows))


def groups_page(settings: Mapping[int, RelaySettings | str], *, now: datetime) -> tuple[GroupRow, ...]:
    """Return each relay group, by name, in six queries. settings: by group, as the guard reads them, or why not."""
    published = published_release()
    maps = list(Artefact.objects.filter(release=published).defer("text", "ca_pem")) if published else []
    read = read_maps(maps)
    hashes = {one.group_id: read[one.pk].sha256 for one in maps}
    relays: dict[int, list[Relay]] = {}
    for relay in Relay.objects.all():
        relays.setdefault(relay.group_id, []).append(relay)
    tokens: dict[int, list[RelayToken]] = {}
    for token in RelayToken.objects.filter(revoked_at__isnull=True).select_related("relay", "group").order_by("pk"):
        tokens.setdefault(token.group_id, []).append(token)
    rows = []
    for group in RelayGroup.objects.all():
        found = settings.get(group.pk, "")
        own = tokens.get(group.pk, [])
        held = {token.relay_id for token in own}
        without = [one for one in relays.get(group.pk, []) if one.pk not in held]
        told = list(_of_tokens(own, published, now=now, told=()))
        told += [RelayRow("unk", one.name, "", _("no token: it cannot fetch"), behind=True) for one in without]
        first, more = setting_rows(found, group) if isinstance(found, RelaySettings) else ((), ())
        rows.append(
            GroupRow(
                group=group,
                relays=tuple(sorted(told, key=lambda row: (not row.behind, row.name))),
                settings=first,
                more=more,
                digest=found.fingerprint_digest if isinstance(found, RelaySettings) else "",
                fault=found if isinstance(found, str) else "",
                sha256=hashes.get(group.pk, ""),
            )
        )
    return tuple(rows)


def setting_rows(settings: RelaySettings, group: RelayGroup) -> tuple[tuple[SettingRow, ...], tuple[SettingRow, ...]]:
    """Return what decides most, and the rest; in the words of main.cf."""
    named = {one.name: getattr(settings, one.name) for one in fields(settings) if one.name not in _HIDDEN}
    rows = {
        name: SettingRow(name, _written(name, value, settings), name in group.main_cf) for name, value in named.items()
    }
    if group.ca_pem and "smtp_tls_CAfile" not in group.main_cf:
        rows["smtp_tls_CAfile"] = replace(rows["smtp_tls_CAfile"], is_set=True)  # settings_of() puts the CA set there
    first = tuple(rows[name] for name in _FIRST)
    more = tuple(row for name, row in rows.items() if name not in _FIRST)
    aside = tuple(SettingRow(name, text, is_set=True) for name, text in settings.extra)
    return first, (*more, *aside)


def _written(name: str, value: Any, settings: RelaySettings) -> str:
    """Return *value* as main.cf would have it."""
    if name == "smtp_tls_fingerprint_digest":
        return settings.fingerprint_digest
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in TIME_UNITS:
        return f"{value}s"
    if isinstance(value, frozenset | tuple):
        return ", ".join(sorted(str(one) for one in value) if isinstance(value, frozenset) else map(str, value))
    return "" if value is None else str(getattr(value, "value", value))


def _of_tokens(
    tokens: Iterable[RelayToken], published: Release | None, *, now: datetime, told: Sequence[str]
) -> Iterable[RelayRow]:
    """Yield a row per token."""
    for token in tokens:
        state, note, behind = _fetched(token, published, now=now)
        name = token.relay.name if token.relay else _("token %s") % token.prefix
        number = token.relay.active_release if token.relay else None
        parts = [token.group.name if "group" in told else "", note]
        parts += [_("runs release %s") % number] if number is not None else []
        release = str(token.fetched_release or "")
        yield RelayRow(state, name, release, " · ".join(part for part in parts if part), behind, token)


def _fetched(token: RelayToken, published: Release | None, *, now: datetime) -> tuple[str, str, bool]:
    """Return mark, words and whether the relay stays behind."""
    if token.fetched_at is None:
        return "unk", _("has not fetched yet"), published is not None
    when = date_format(localtime(token.fetched_at), "j M, H:i")
    if now - token.fetched_at > _LATE:
        return "weak", _("no fetch since %s") % when, True
    is_old = published is not None and token.fetched_release != published.number
    if is_old and published is not None and now - published.published_at > 2 * FETCH_EVERY:
        return "weak", _("still answered with another release at %s") % when, True
    return "ok", _("fetched %s") % naturaltime(token.fetched_at), False
