"""The kept row of each channel, written in the same transaction as whatever moves it; see models/standings.py."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import SystemRandom
from typing import Any, Final

import structlog
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Max

from partners.actions.rows import update_rows
from partners.actions.standing_facts import computed
from partners.models import Channel, Sighting, Standing, StandingSeen, StandingTally, StandingWords

__all__ = ["index_search", "look_after", "note_seen", "restand", "restand_all", "restand_missing"]

_AT_ONCE: Final = 1000  # channels of one transaction
_SUM_AFTER: Final = 200  # rows of the tally, after which they are summed up
_KEPT: Final = tuple(one.name for one in Standing._meta.concrete_fields if not one.primary_key)  # noqa: SLF001  Django's documented model API
_TABLE, _TALLY = Standing._meta.db_table, StandingTally._meta.db_table  # noqa: SLF001  as above
_SEEN: Final = StandingSeen._meta.db_table  # noqa: SLF001  as above
_SEARCHED: Final = StandingWords._meta.db_table  # noqa: SLF001  as above
_WORDS: Final = ("words", "digests")
dice = SystemRandom()
_Place = tuple[str, str, str]  # state, level, agreed

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Moves:
    """What was found to differ, and what that means for the tally."""

    rows: int
    tally: Counter[_Place]


def restand(channels: Collection[int]) -> int:
    """Write anew where *channels* stand, and return how many rows were wrong; a fixed number of queries.

    The caller holds the transaction, and has written all else: what is read here is what will stand. Rows that are
    right are not written. The rows are locked first, in one order, so that of two who move a channel the later one sees
    what the earlier one did.
    """
    if not channels:
        return 0
    locked = Standing.objects.select_for_update(no_key=True, of=("self",)).select_related("searched", "seen")
    before = {row.pk: row for row in locked.filter(pk__in=channels).order_by("pk")}
    after = computed(channels)
    moves = _write(before, {pk: one.standing for pk, one in after.items()})
    words = _write_parts(
        StandingWords, _parts(before, "searched"), {pk: one.words for pk, one in after.items()}, _WORDS
    )
    seen = _write_parts(StandingSeen, _parts(before, "seen"), {pk: one.seen for pk, one in after.items()}, ("seen_at",))
    _count(moves.tally)
    return moves.rows + words + seen


def note_seen(endpoints: Collection[int]) -> None:
    """Say of the channels behind *endpoints*, which were just looked at, when a server of theirs was seen last.

    One statement of its own, outside of other transactions: it locks rows in the order of the channels, which no lock
    on addresses follows. A moment that is older than the kept one is none.
    """
    if not endpoints:
        return
    looked = Sighting.objects.filter(current=True, endpoint__in=endpoints, endpoint__nexthops__isnull=False)
    told = looked.order_by().values("endpoint__nexthops__channel").annotate(last=Max("last_seen"))
    statement, given = told.values_list("endpoint__nexthops__channel", "last").query.sql_with_params()
    lock = "ORDER BY kept.standing_id FOR NO KEY UPDATE OF kept" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_SEEN} SET seen_at = later.seen_at FROM ("  # noqa: S608  names of our own models
            f"WITH told(channel_id, seen_at) AS ({statement}) "
            f"SELECT kept.standing_id, told.seen_at FROM {_SEEN} kept JOIN told ON told.channel_id = kept.standing_id "
            f"WHERE told.seen_at > kept.seen_at {lock}"
            f") AS later WHERE later.standing_id = {_SEEN}.standing_id",
            given,
        )


def restand_all() -> int:
    """Write anew where every channel stands, and return how many rows were wrong."""
    wrong, last = 0, 0
    while pks := list(Channel.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:_AT_ONCE]):
        wrong += _restand_alone(pks)
        last = pks[-1]
    with transaction.atomic():
        _recount()
    return wrong


def restand_missing(limit: int) -> int:
    """Stand up to *limit* living channels that have no row yet (an upgrade brought the table); return how many."""
    missing = Channel.objects.filter(removed_at__isnull=True, standing__isnull=True).order_by("pk")
    pks = list(missing.values_list("pk", flat=True)[:limit])
    _restand_alone(pks)
    return len(pks)


def look_after(limit: int) -> int:
    """Look after the rows of *limit* channels from a random one on, and return how many were wrong.

    None should be: what is wrong is told in the log, and mended.
    """
    last = Channel.objects.aggregate(last=Max("pk"))["last"] or 0
    start = dice.randint(0, max(last - limit, 0))
    pks = list(Channel.objects.filter(pk__gt=start).order_by("pk").values_list("pk", flat=True)[:limit])
    wrong = _restand_alone(pks)
    with transaction.atomic():
        _recount()
    if wrong:
        log.warning("standing.mended", rows=wrong)
    return wrong


def _restand_alone(channels: Collection[int]) -> int:
    """Restand *channels* in a transaction of their own, once more where somebody else wrote a first row just then."""
    try:
        with transaction.atomic():
            return restand(channels)
    except IntegrityError:
        with transaction.atomic():
            return restand(channels)


def index_search() -> str:
    """Make the search's trigram indexes on PostgreSQL if they are missing; return what stands in the way, "" if not."""
    if connection.vendor != "postgresql":
        return ""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            for column in _WORDS:
                cursor.execute(
                    f"CREATE INDEX IF NOT EXISTS standing_{column} ON {_SEARCHED} USING gin ({column} gin_trgm_ops)"
                )
    except DatabaseError as refused:
        return str(refused).strip().splitlines()[0]
    return ""


def _write(before: Mapping[int, Standing], after: Mapping[int, Standing]) -> _Moves:
    """Write what differs."""
    tally: Counter[_Place] = Counter()
    tally.update(_place(row) for row in after.values())
    tally.subtract(_place(row) for row in before.values())
    gone = sorted(before.keys() - after.keys())
    if gone:
        Standing.objects.filter(pk__in=gone).delete()
    new = [after[pk] for pk in sorted(after.keys() - before.keys())]
    if new:
        Standing.objects.bulk_create(new)
    moved = [after[pk] for pk in sorted(after.keys() & before.keys()) if _differ(before[pk], after[pk], _KEPT)]
    update_rows(moved, _KEPT)
    return _Moves(len(gone) + len(new) + len(moved), tally)


def _parts(before: Mapping[int, Standing], name: str) -> dict[int, Any]:
    """Return what hangs on the kept rows under *name*."""
    return {pk: part for pk, row in before.items() if (part := getattr(row, name, None)) is not None}


def _write_parts(
    model: type[StandingWords] | type[StandingSeen],
    before: Mapping[int, Any],
    after: Mapping[int, Any],
    names: Sequence[str],
) -> int:
    """Write what differs of the rows that hang on the standings, which are locked."""
    new = [after[pk] for pk in sorted(after.keys() - before.keys())]
    if new:
        model._default_manager.bulk_create(new)  # noqa: SLF001  Django's documented API
    moved = [after[pk] for pk in sorted(after.keys() & before.keys()) if _differ(before[pk], after[pk], names)]
    update_rows(moved, names)
    return len(new) + len(moved)


def _differ(one: object, other: object, names: Iterable[str]) -> bool:
    return any(getattr(one, _column(name)) != getattr(other, _column(name)) for name in names)


def _column(name: str) -> str:
    return "owner_id" if name == "owner" else name


def _place(row: Standing) -> _Place:
    return row.state, row.level, row.agreed


def _count(tally: Mapping[_Place, int]) -> None:
    """Add what moved; sum the rows up where they have become many."""
    rows = [
        StandingTally(state=state, level=level, agreed=agreed, difference=count)
        for (state, level, agreed), count in sorted(tally.items())
        if count
    ]
    if not rows:
        return
    StandingTally.objects.bulk_create(rows)
    if connection.vendor != "postgresql" or StandingTally.objects.count() > _SUM_AFTER:
        _sum_up()  # at once where one writes at a time anyway


def _sum_up() -> None:
    """Put one row in the place of many; rows that another writer sums up at this moment are left to him."""
    free = StandingTally.objects.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
    rows = list(free.order_by("pk"))
    sums: Counter[_Place] = Counter()
    for row in rows:
        sums[row.state, row.level, row.agreed] += row.difference
    StandingTally.objects.filter(pk__in=[row.pk for row in rows]).delete()
    StandingTally.objects.bulk_create(
        StandingTally(state=state, level=level, agreed=agreed, difference=count)
        for (state, level, agreed), count in sorted(sums.items())
        if count
    )


def _recount() -> None:
    """Mend the tally where its sums are not what is kept; one statement, so that both are read at one moment."""
    places = "state, level, agreed"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # of two at once, the later one has to see what the earlier one mended
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [_TALLY])
        cursor.execute(
            f"INSERT INTO {_TALLY} ({places}, difference) "  # noqa: S608  names of our own models
            f"SELECT {places}, SUM(number) FROM ("
            f"SELECT {places}, COUNT(*) AS number FROM {_TABLE} GROUP BY {places} "
            f"UNION ALL SELECT {places}, -SUM(difference) FROM {_TALLY} GROUP BY {places}"
            f") AS told GROUP BY {places} HAVING SUM(number) <> 0"
        )
