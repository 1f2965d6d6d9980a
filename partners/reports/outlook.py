"""What comes of each change on the timeline, said in a sentence beside it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners.core.levels import SecurityLevel
from partners.core.outcome import Delivery
from partners.core.outlook import RAISING, Outlook, Prospect, Standing, outlook_of
from partners.reports.partners import ChannelPage, HostRow
from partners.reports.shown import Place, Shown
from partners.reports.timeline import Seen

__all__ = ["Prospects"]

_TONES: Final = {
    Prospect.BOUNCED: "bad",
    Prospect.DEFERRED: "bad",
    Prospect.PLAINTEXT: "weak",
    Prospect.ENDS: "risk",
    Prospect.RAISABLE: "ok",
}


@dataclass(frozen=True, slots=True)
class Prospects:
    """What is known of a channel now. possible: asked once at most, for the levels that every address would take."""

    page: ChannelPage
    shown: Mapping[Place, Shown]
    possible: Callable[[], Iterable[str]]
    now: datetime

    def of(self, changes: Sequence[Seen]) -> list[tuple[str, str]]:
        """Return tone and sentence for each of *changes*, both "" where there is nothing to say."""
        level = SecurityLevel(self.page.channel.level)
        raising = any(one.newest and one.kinds & RAISING for one in changes)
        within_reach: list[SecurityLevel] = []
        if raising and level in {SecurityLevel.NONE, SecurityLevel.MAY, SecurityLevel.ENCRYPT}:
            within_reach = [SecurityLevel(one) for one in self.possible()]
        told: list[tuple[str, str]] = []
        is_raised = False
        for one in changes:
            found = outlook_of(
                one.kinds if one.newest else (),
                [self._standing(row) for row in self.page.hosts if _concerns(one, row)],
                level=level,
                possible=() if is_raised else within_reach,
                now=self.now,
            )
            is_raised |= found is not None and found.prospect is Prospect.RAISABLE
            told.append((_TONES[found.prospect], self._sentence(found)) if found else ("", ""))
        return told

    def _standing(self, row: HostRow) -> Standing:
        seen = self.shown.get((row.address, row.port))
        chain = seen.chain if seen else ()
        ends = [
            one.not_after
            for position, one in enumerate(chain)
            if one.not_after is not None and not (position and one.self_signed)
        ]
        level = SecurityLevel(row.effective) if row.effective else SecurityLevel(self.page.channel.level)
        return Standing(Delivery(row.delivery), level, row.plaintext, min(ends, default=None))

    def _sentence(self, found: Outlook) -> str:
        if found.prospect is Prospect.RAISABLE and found.level is not None:
            return _("The entry could be raised to %s.") % found.level.value
        if found.prospect is Prospect.ENDS and found.at is not None:
            days = (localtime(found.at).date() - localtime(self.now).date()).days
            words = {"days": days, "day": date_format(localtime(found.at), "j M Y")}
            return (
                ngettext(
                    "Will break in %(days)s day, on %(day)s, unless it is renewed.",
                    "Will break in %(days)s days, on %(day)s, unless it is renewed.",
                    days,
                )
                % words
            )
        return {
            Prospect.BOUNCED: _("Mail would come back to its senders now."),
            Prospect.DEFERRED: _("Mail would be deferred now."),
            Prospect.PLAINTEXT: _("Mail goes without TLS now."),
        }[found.prospect]


def _concerns(change: Seen, row: HostRow) -> bool:
    """Whether *change* is about the address of *row*, or about the nexthop that leads there."""
    return (row.key if change.is_dns else f"{row.address}:{row.port}") in change.newest
