"""The places that are looked from: which relay groups are judged by them, whose token asked for work when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from partners.core.vantage import HERE
from partners.models import RelayGroup, VantageToken

__all__ = ["SORTS", "VIEWS", "VantageFilter", "VantageLine", "vantage_lines"]

SORTS: Final = ("name", "used")
VIEWS: Final = ("used", "all")
_LATE_MINUTES: Final = 15  # where the settings name no limit
_LONG_AGO: Final = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class VantageFilter:
    """What a reader asks for. view: "used" leaves out what is revoked."""

    view: str = "used"
    query: str = ""
    sort: str = "name"

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "VantageFilter":
        """Read a query string; what cannot be read is not asked for."""
        view, sort = given.get("view", ""), given.get("sort", "")
        return cls(
            view=view if view in VIEWS else "used",
            query=given.get("q", "").replace("\0", "").strip().lower()[:40],
            sort=sort if sort.removeprefix("-") in SORTS else "name",
        )


@dataclass(frozen=True, slots=True)
class VantageLine:
    """One token of a vantage; or a vantage that has none. state, note: how its probe is."""

    vantage: str
    groups: tuple[str, ...]
    state: str
    note: str
    token: VantageToken | None

    @property
    def is_open(self) -> bool:
        """Whether there is a token that can be revoked."""
        return self.token is not None and self.token.revoked_at is None


def vantage_lines(wanted: VantageFilter, *, now: datetime) -> tuple[VantageLine, ...]:
    """Return the vantages elsewhere with their tokens, in two queries; one that a group needs is there in any case."""
    groups: dict[str, list[str]] = {}
    for name, vantage in RelayGroup.objects.order_by("name").values_list("name", "vantage"):
        groups.setdefault(vantage, []).append(name)
    tokens = VantageToken.objects.all() if wanted.view == "all" else VantageToken.objects.filter(revoked_at=None)
    lines = [_line(one, tuple(groups.get(one.vantage, ())), now=now) for one in tokens]
    living = {one.vantage for one in lines if one.is_open}
    lines += [
        VantageLine(vantage, tuple(names), "bad", _("no token: nobody looks for it"), None)
        for vantage, names in groups.items()
        if vantage != HERE and vantage not in living
    ]
    found = [one for one in lines if wanted.query in f"{one.vantage} {' '.join(one.groups)}".lower()]
    return tuple(_sorted(found, wanted.sort, now))


def _sorted(lines: list[VantageLine], sort: str, now: datetime) -> list[VantageLine]:
    is_down = sort.startswith("-")
    if sort.removeprefix("-") == "name":
        return sorted(lines, key=lambda one: (one.vantage, one.token.pk if one.token else 0), reverse=is_down)
    never = now - _LONG_AGO
    return sorted(lines, key=lambda one: (one.token and one.token.used_at) or never, reverse=is_down)


def _line(token: VantageToken, groups: tuple[str, ...], *, now: datetime) -> VantageLine:
    """Return the row of *token*: worse where a relay group is judged by it."""
    if token.revoked_at:
        note = _("revoked on %s") % date_format(localtime(token.revoked_at), "j M Y")
        return VantageLine(token.vantage, groups, "unk", note, token)
    if token.used_at is None:
        return VantageLine(token.vantage, groups, "weak" if groups else "unk", _("has not asked for work yet"), token)
    limit = timedelta(minutes=int(settings.CYCLE_LATE_MINUTES) or _LATE_MINUTES)
    if now - token.used_at > limit:
        note = _("asks no more, last %s") % date_format(localtime(token.used_at), "j M, H:i")
        return VantageLine(token.vantage, groups, "bad" if groups else "weak", note, token)
    note = _("asked for work %s") % naturaltime(token.used_at)
    return VantageLine(token.vantage, groups, "ok", note, token)
