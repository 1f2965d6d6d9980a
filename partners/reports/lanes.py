"""Rows of the page of the running watch, and its own words: lanes, vantages, and how long something takes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils.formats import number_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from partners.core.names import place_text
from partners.core.vantage import HERE
from partners.models import RoundRow
from partners.reports.sentences import team_sentence

__all__ = ["DNS", "Failing", "LaneRow", "RoundLine", "Slow", "lane_word", "span_words", "vantage_word"]

DNS: Final = "dns"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One lane. work: "dns" or "servers"; more: there are more than *waiting*; ends_in: seconds, None if not known.

    finished, rate: of the last quarter of an hour, rate a minute of those in which somebody was at work.
    """

    work: str
    lane: str
    vantage: str
    waiting: int
    more: bool
    at_work: int
    oldest_at: datetime | None
    finished: int = 0
    rate: float = 0.0
    running: int = 0

    @property
    def title(self) -> str:
        """What is done in it."""
        return _("Names in the DNS") if self.work == DNS else _("Servers")

    @property
    def lane_word(self) -> str:
        """Why it is done."""
        return lane_word(self.lane)

    @property
    def seen_from(self) -> str:
        """From where."""
        return vantage_word(self.vantage)

    @property
    def ends_words(self) -> str:
        """How long the rest takes, in words; "" where that is not known."""
        return span_words(self.ends_in) if self.ends_in else ""

    @property
    def ends_in(self) -> timedelta | None:
        """How long the rest takes at that rate."""
        left = self.waiting + self.at_work
        return timedelta(minutes=left / self.rate) if left and self.rate else None


@dataclass(frozen=True, slots=True)
class RoundLine:
    """One round that is over, or was cut off (its worker ended without a word)."""

    lane: str
    vantage: str
    begun_at: datetime
    ended_at: datetime
    seconds: float
    nexthops: int
    endpoints: int
    handshakes: int
    troubled: int
    cut_off: bool

    @property
    def lane_word(self) -> str:
        """Why it was run."""
        return lane_word(self.lane)

    @property
    def seen_from(self) -> str:
        """From where."""
        return vantage_word(self.vantage)

    @property
    def took(self) -> str:
        """How long it took, in words."""
        return span_words(timedelta(seconds=self.seconds))

    @property
    def rate(self) -> float:
        """Servers a minute."""
        return self.endpoints / max(self.seconds, 1.0) * 60


@dataclass(frozen=True, slots=True)
class Slow:
    """A session that took long. cause: of one that gave no fact."""

    address: str
    port: int
    seconds: float
    cause: str

    @property
    def place(self) -> str:
        """Address and port as one writes them: an IPv6 address in brackets."""
        return place_text(self.address, self.port)

    @property
    def took(self) -> str:
        """How long it took, in words."""
        return span_words(timedelta(seconds=self.seconds))

    @property
    def said(self) -> str:
        """What came of it, where no fact did."""
        return team_sentence(self.cause) if self.cause else ""


@dataclass(frozen=True, slots=True)
class Failing:
    """An address that gives no fact since a while. pk: of an endpoint there."""

    address: str
    vantage: str
    provider: str
    since: datetime
    cause: str
    again_at: datetime | None
    pk: int

    @property
    def said(self) -> str:
        """Why."""
        return team_sentence(self.cause)

    @property
    def seen_from(self) -> str:
        """From where."""
        return vantage_word(self.vantage)


def lane_word(lane: str) -> str:
    """Return the word for *lane*; one that this release does not know stays as it is."""
    words = {
        RoundRow.Lane.DUE: _("in its turn"),
        RoundRow.Lane.ASKED: _("asked for by a person"),
        RoundRow.Lane.SLOW: _("slow lane"),
    }
    return words.get(RoundRow.Lane(lane), lane) if lane in RoundRow.Lane.values else lane


def vantage_word(vantage: str) -> str:
    """Return the word for *vantage*: a name that somebody gave stays as it is."""
    return _("here") if vantage == HERE else vantage


def span_words(span: timedelta) -> str:
    """Return *span* as a person says it, from a second to days."""
    seconds = span.total_seconds()
    if seconds < 10:
        return _("%(seconds)s s") % {"seconds": number_format(seconds, 1)}
    if seconds < 60:
        return _("%(seconds)d s") % {"seconds": seconds}
    return timesince(_EPOCH, _EPOCH + span, depth=1)
