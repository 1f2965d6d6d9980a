"""What a person may see of the channels, and the facts of one channel's page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from partners.core.lifetime import first_bounce, queue_lifetime
from partners.core.outcome import Delivery
from partners.core.reasons import Reason
from partners.core.vantage import HERE
from partners.models import Channel, ComplianceInterval, Pin, RelayGroup, User, VerdictRow
from partners.reports.lanes import vantage_word

__all__ = ["ChannelPage", "HostRow", "channel_page", "own_channels", "visible_channels"]

_WORST = ("bounce", "defer", "unknown", "deliver")


def visible_channels(user: User) -> QuerySet[Channel]:
    """Return the living channels that *user* may see: all for the house's people, own ones for a partner."""
    channels = Channel.objects.filter(removed_at__isnull=True)
    if user.sees_everything:
        return channels
    return channels.filter(
        partner__memberships__user=user,
        partner__memberships__ended_at__isnull=True,
        partner__memberships__since__isnull=False,
    ).distinct()


def own_channels(user: User) -> tuple[Channel, ...]:
    """Return the channels of the partner whose person *user* is, with their keys, in two queries."""
    return tuple(visible_channels(user).select_related("partner").prefetch_related("nexthops").order_by("pk"))


@dataclass(frozen=True, slots=True)
class HostRow:
    """One address in the host matrix, in Postfix's words.

    key: of the nexthop whose mail goes there; group: the relay group, where the groups differ about this address, for
    the mail team alone. effective: the level that is enforced there.
    """

    mx_host: str
    preference: int
    address: str
    port: int
    delivery: str
    tls_status: str
    text: str
    reasons: tuple[str, ...]
    seen_at: datetime | None
    key: str = ""
    group: str = ""
    dsn: str = ""
    effective: str = ""
    plaintext: bool = False


@dataclass(frozen=True, slots=True)
class ChannelPage:
    """All that a channel's page shows; of several nexthops and relay groups the worst leads.

    bounces_at: by when the first message that waits bounces, at the latest; None where none has to wait.
    verdict_key: the nexthop of the leading verdict. applies: for the mail team alone, the key outside of this channel
    by which mail goes until an own entry is released ("" where there is none, or main.cf's default applies). A partner
    gets outcomes of own entries only.
    """

    channel: Channel
    keys: tuple[str, ...]
    state: str
    cause: str
    since: datetime | None
    hosts: tuple[HostRow, ...]
    delivery: str
    tls_status: str
    reasons: tuple[str, ...]
    judged_at: datetime | None
    pins: tuple[Pin, ...]
    intervals: tuple[ComplianceInterval, ...]
    bounces_at: datetime | None = None
    applies: str = ""
    verdict_key: str = ""
    seen_from: str = ""  # the vantages, where one of them is not here

    @property
    def many_keys(self) -> bool:
        """Whether an address needs to be told with its nexthop."""
        return len({row.key for row in self.hosts}) > 1

    @property
    def many_groups(self) -> bool:
        """Whether relay groups differ about an address."""
        return any(row.group for row in self.hosts)

    @property
    def taking(self) -> int:
        """How many addresses would take mail."""
        return sum(row.delivery == Delivery.DELIVER.value for row in self.hosts)


def channel_page(user: User, pk: int) -> ChannelPage | None:
    """Return the page of channel *pk*, or None where *user* may not see it (or it does not exist: the same answer)."""
    visible = visible_channels(user).select_related("partner__owner").prefetch_related("nexthops")
    channel = visible.filter(pk=pk).first()
    if channel is None:
        return None
    keys = tuple(row.key for row in channel.nexthops.all())
    intervals = tuple(channel.intervals.order_by("-valid_from", "-pk")[:20])
    now = next((one for one in intervals if one.valid_to is None), None)  # two may begin at the same moment
    allowed = VerdictRow.objects.all() if user.sees_everything else VerdictRow.objects.own()
    rows = allowed.filter(nexthop__channel=channel).select_related("group", "nexthop")
    verdicts = list(rows.worst_first())
    verdict = verdicts[0] if verdicts else None
    return ChannelPage(
        channel=channel,
        keys=keys,
        state=now.state if now else "pending",
        cause=now.cause if now else Reason.NOT_RELEASED.value,
        since=now.valid_from if now else None,
        hosts=_hosts(verdicts, with_groups=user.sees_everything),
        delivery=verdict.delivery if verdict else "",
        tls_status=verdict.tls_status if verdict else "",
        reasons=tuple(verdict.reasons) if verdict else (),
        judged_at=verdict.judged_at if verdict else None,
        pins=tuple(channel.pins.select_related("certificate", "proposed_by", "decided_by")),
        intervals=intervals,
        bounces_at=_bounces_at(now, [row for row in verdicts if row.is_own]),
        applies=verdict.key if verdict and not verdict.is_own else "",
        seen_from=_seen_from({row.group.vantage for row in verdicts}),
        verdict_key=verdict.nexthop.key if verdict else "",
    )


def _bounces_at(now: ComplianceInterval | None, verdicts: list[VerdictRow]) -> datetime | None:
    """Return by when mail that waits for the channel begins to bounce."""
    groups = [row.group for row in verdicts if row.delivery == Delivery.DEFER.value]
    if now is None or now.state != ComplianceInterval.State.VIOLATED or not groups:
        return None
    return first_bounce(
        now.valid_from, [queue_lifetime(group.main_cf.get("maximal_queue_lifetime", "")) for group in groups]
    )


def _hosts(verdicts: Sequence[VerdictRow], *, with_groups: bool) -> tuple[HostRow, ...]:
    """Return the addresses of all *verdicts*, those of the worst first, each once per outcome.

    with_groups: where relay groups differ about an address, say which is which; else its worst outcome stands alone.
    """
    found: dict[tuple[str, str, str, int], dict[tuple[str, str, str], list[HostRow]]] = {}
    for verdict in verdicts:
        for raw in verdict.hosts:
            row = replace(_host_row(raw), key=verdict.nexthop.key, group=_named(verdict.group))
            place = found.setdefault((row.key, row.mx_host, row.address, row.port), {})
            place.setdefault((row.delivery, row.tls_status, row.text), []).append(row)
    rows: list[HostRow] = []
    for outcomes in found.values():
        if len(outcomes) == 1 or not with_groups:
            worst = min(outcomes.values(), key=lambda same: _rank(same[0]))
            rows.append(replace(worst[0], group=""))
        else:
            rows += [replace(same[0], group=_names(same)) for same in outcomes.values()]
    return tuple(rows)


def _named(group: RelayGroup) -> str:
    """Return the name of *group*, with its vantage where that is not here."""
    return group.name if group.vantage == HERE else f"{group.name} ({vantage_word(group.vantage)})"


def _seen_from(vantages: set[str]) -> str:
    """Return from where the addresses were seen, "" where all were seen from here."""
    return ", ".join(vantage_word(one) for one in sorted(vantages)) if vantages - {HERE} else ""


def _rank(row: HostRow) -> int:
    return _WORST.index(row.delivery) if row.delivery in _WORST else len(_WORST)


def _names(rows: Iterable[HostRow]) -> str:
    return ", ".join(sorted({row.group for row in rows}))


def _host_row(row: Mapping[str, Any]) -> HostRow:
    seen = row.get("seen_at")
    return HostRow(
        mx_host=str(row.get("mx_host", "")),
        preference=int(row.get("preference", 0)),
        address=str(row.get("address", "")),
        port=int(row.get("port", 25)),
        delivery=str(row.get("delivery", "")),
        tls_status=str(row.get("tls_status", "")),
        text=str(row.get("text", "")),
        reasons=tuple(row.get("reasons", ())),
        seen_at=datetime.fromisoformat(seen) if seen else None,
        dsn=str(row.get("dsn", "")),
        effective=str(row.get("effective", "")),
        plaintext=bool(row.get("plaintext", False)),
    )
