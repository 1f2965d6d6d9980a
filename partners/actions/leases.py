"""Who works on which row now: claims with a random token and a deadline, and rows that are asked for.

A claim is a conditional update, so two workers never hold one row. The deadline is short and the holder prolongs it: a
worker that dies lets it pass, the row is claimed again, and after a third time it is set aside until a person asks for
it. Deadlines are set and compared by the database's clock alone: a worker whose own clock is wrong takes nobody's row.
"""

import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog
from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.db.models import DateTimeField, Exists, F, Max, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Least, Now
from kombu.exceptions import OperationalError

from partners.actions import audit
from partners.actions.access import demand_editor
from partners.actions.manners import held_back
from partners.core.facts_json import profile_from_json
from partners.core.observation import NotMeasuredCause, TlsProfile
from partners.core.schedule import CRASHES_MAX
from partners.core.vantage import HERE
from partners.models import Address, Endpoint, Look, User, VerdictRow
from partners.models import Nexthop as NexthopRow

__all__ = [
    "JUDGE_STALE",
    "LEASE",
    "LOOK_SPAN",
    "PROBE_ASKED",
    "RENEW_SECONDS",
    "AddressClaim",
    "Claim",
    "LookClaim",
    "NexthopClaim",
    "Target",
    "ask_now",
    "claim_addresses",
    "claim_looks",
    "claim_nexthops",
    "database_now",
    "due_soon",
    "give_back",
    "lost_nudges",
    "make_due",
    "nudge",
    "renew",
    "set_aside",
    "shared_clock",
    "spoken_to",
]

LEASE = timedelta(seconds=60)  # prolonged while the work goes on; so long nobody has the rows of a worker that died
RENEW_SECONDS = 15  # several may fail before the lease is over
LOOK_SPAN = timedelta(minutes=10)  # after that nobody speaks to an address for the sake of a look
PROBE_ASKED = "partners.tasks.probing.probe_asked"
JUDGE_STALE = "partners.tasks.alerts.judge_stale"
_CONTROL_QUEUE = "control"
_NUDGE_EXPIRES_SECONDS = 60

log = structlog.get_logger(__name__)
lost_nudges = {"count": 0}  # of this process, for /healthz and metrics
Row = TypeVar("Row", NexthopRow, Address, Look)


@dataclass(frozen=True, slots=True)
class NexthopClaim:
    """A nexthop that this worker looks up; asked_at: since when somebody waits, so that its addresses are due too."""

    pk: int
    key: str
    token: str
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LookClaim:
    """A look whose nexthop this worker looks up."""

    pk: int
    key: str
    token: str


@dataclass(frozen=True, slots=True)
class Target:
    """One session to have: port and TLS profile at an address; pk is the endpoint's."""

    pk: int
    port: int
    profile: TlsProfile


@dataclass(slots=True, eq=False)  # one claim is one claim, whatever it comes to hold
class AddressClaim:
    """An address that this worker speaks to. open: endpoints without a result yet; the last result ends the lease."""

    pk: int
    address: str
    token: str
    targets: tuple[Target, ...]
    open: set[int] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    leaf_ends: list[datetime] = field(default_factory=list)
    is_moved: bool = False
    vantage: str = HERE
    longest: timedelta | None = None  # of its sessions that gave a fact


Claim = NexthopClaim | LookClaim | AddressClaim
_FREE = Q(lease_until__isnull=True) | Q(lease_until__lte=Now())
_MODELS = {NexthopClaim: NexthopRow, LookClaim: Look, AddressClaim: Address}


def database_now() -> datetime:
    """Return the moment by the clock that all workers share, the database's."""
    # An aggregate over no row is one row all the same, which the ORM turns into a datetime on either database.
    found: datetime = NexthopRow.objects.filter(pk=0).aggregate(moment=Coalesce(Max(Now()), Now()))["moment"]
    return found


def shared_clock() -> Callable[[], datetime]:
    """Return a clock that begins at the database's moment and goes on by itself, whatever this machine's date says."""
    begun, moment = time.monotonic(), database_now()
    return lambda: moment + timedelta(seconds=time.monotonic() - begun)


def claim_nexthops(
    limit: int, *, now: datetime, only: Collection[int] | None = None, asked: bool = False
) -> list[NexthopClaim]:
    """Claim up to *limit* nexthops that are due, those that somebody asked for first.

    only: of these primary keys. asked: of those that somebody asked for. A dotted key has no MX and is never due.
    """
    due = _due(NexthopRow.objects.all(), now).exclude(key__startswith=".")
    due = (due if only is None else due.filter(pk__in=only)).order_by("due_at")
    # Two questions, so that each reads an index in its order and stops at the limit.
    rows = _take(due.exclude(asked_by=""), limit)
    if not asked and len(rows) < limit:
        rows += _take(due.filter(asked_by=""), limit - len(rows))
    return [NexthopClaim(row.pk, row.key, row.lease_token, row.due_at if row.asked_by else None) for row in rows]


def claim_looks(limit: int, *, now: datetime) -> list[LookClaim]:
    """Claim up to *limit* looks that are due."""
    due = _due(Look.objects.filter(expires_at__gt=now), now).order_by("due_at")
    return [LookClaim(row.pk, row.key, row.lease_token) for row in _take(due, limit)]


def spoken_to(now: datetime, only: Collection[int] | None = None) -> Q:
    """Match the endpoints that somebody may speak to: a nexthop names them (one of *only*), or a fresh look does."""
    ties = Endpoint.nexthops.through.objects.filter(endpoint=OuterRef("pk"))
    ties = ties if only is None else ties.filter(nexthop__in=only)
    looks = Look.endpoints.through.objects.filter(endpoint=OuterRef("pk"), look__made_at__gt=now - LOOK_SPAN)
    return Q(Exists(ties)) | Q(Exists(looks))


def claim_addresses(
    limit: int,
    *,
    now: datetime,
    only: Collection[int] | None = None,
    vantage: str = HERE,
    is_slow: bool = False,
    holder: str = "",
) -> list[AddressClaim]:
    """Claim up to *limit* addresses of one lane that are due at *vantage* and have not asked for rest.

    only: those of the nexthops with these primary keys, and of fresh looks. An address that neither a nexthop nor a
    fresh look names is never spoken to; what manners.py holds back is due later. is_slow: of the slow lane, where those
    that somebody waits for come first. holder: what the lease tokens begin with, so that whose they are can be told.
    """
    due = _due_addresses(now, only, vantage, is_slow=is_slow)
    order = (F("asked_at").asc(nulls_last=True), "due_at") if is_slow else ("due_at",)
    rows = _take(due.order_by(*order), limit, hold=partial(held_back, now=now), holder=holder)
    targets: dict[int, list[Target]] = {row.pk: [] for row in rows}
    for one in Endpoint.objects.filter(spoken_to(now), address__in=rows).order_by("pk") if rows else ():
        targets[one.address_id].append(Target(one.pk, one.port, profile_from_json(one.profile)))
    return [
        AddressClaim(
            row.pk,
            str(row.address),
            row.lease_token,
            tuple(targets[row.pk]),
            open={one.pk for one in targets[row.pk]},
            vantage=vantage,
        )
        for row in rows
    ]


def due_soon(within: timedelta, *, now: datetime, only: Collection[int] | None = None, is_slow: bool = False) -> bool:
    """Whether an address that is not due yet will be, so soon that a round may wait for it."""
    return _due_addresses(now + within, only, HERE, is_slow=is_slow).filter(due_at__gt=now).exists()


def renew(claims: Collection[Claim]) -> None:
    """Prolong the leases of *claims*, of those that are still held."""
    for model, rows in _by_model(claims).items():
        mine = model.objects.filter(pk__in=[one.pk for one in rows], lease_token__in={one.token for one in rows})
        mine.update(lease_until=Now() + LEASE)


def give_back(claims: Collection[Claim]) -> None:
    """End the leases of *claims* that were not worked on; they are due as before, and it counts as no crash."""
    for model, rows in _by_model(claims).items():
        mine = model.objects.filter(pk__in=[one.pk for one in rows], lease_token__in={one.token for one in rows})
        mine.update(lease_token="", lease_until=None)


def ask_now(nexthop: NexthopRow, *, by: User, now: datetime) -> None:
    """Make *nexthop* due now: the same row as ever, with another origin; also what was set aside is tried again.

    An address that asked for rest keeps it: nobody is made a nuisance by a button.
    """
    demand_editor(by)
    with transaction.atomic():
        make_due([nexthop.pk], origin="person", now=now)
        audit.record("probe.asked", f"nexthop {nexthop.key}", by=by, now=now)
        nudge(PROBE_ASKED)


def make_due(nexthops: Collection[int] | None, *, origin: str, now: datetime) -> None:
    """Make the rows of *nexthops* (None: all), and of what was set aside of their addresses, due now.

    Due by the database's clock, whatever the caller's says.
    """
    rows = NexthopRow.objects.exclude(key__startswith=".")
    aside = Address.objects.filter(set_aside_at__isnull=False)
    if nexthops is not None:
        rows, aside = rows.filter(pk__in=nexthops), aside.filter(endpoints__nexthops__in=nexthops)
    moment = Least(Now(), Value(now, output_field=DateTimeField()))
    rows.update(due_at=moment, asked_by=origin, set_aside_at=None, crashes=0)
    Address.objects.filter(pk__in=list(aside.values_list("pk", flat=True))).update(set_aside_at=None, crashes=0)


def nudge(task: str) -> None:
    """Wake *task* once this transaction is in the database; a broker that is away is counted, a tick comes anyway."""
    transaction.on_commit(partial(_send, task), robust=True)


def _send(task: str) -> None:
    try:
        current_app.send_task(task, queue=_CONTROL_QUEUE, expires=_NUDGE_EXPIRES_SECONDS, retry=False)
    except (OperationalError, OSError) as cause:
        lost_nudges["count"] += 1
        log.warning("nudge.lost", task=task, cause=type(cause).__name__, count=lost_nudges["count"])


def _due(rows: "QuerySet[Row]", now: datetime) -> "QuerySet[Row]":
    """Narrow *rows* to those that are due, not set aside, and leased to nobody."""
    return rows.filter(_FREE, due_at__lte=now, set_aside_at__isnull=True)


def _due_addresses(now: datetime, only: Collection[int] | None, vantage: str, *, is_slow: bool) -> "QuerySet[Address]":
    """Return the addresses of one lane of *vantage* that are due, that have rested, and that somebody names."""
    named = Endpoint.objects.filter(spoken_to(now, only), address=OuterRef("pk"))
    rested = Q(backed_off_until__isnull=True) | Q(backed_off_until__lte=now)
    if settings.PROBE_PAUSE_SECONDS:
        pause = timedelta(seconds=settings.PROBE_PAUSE_SECONDS)
        rested &= Q(claimed_at__isnull=True) | Q(claimed_at__lte=Now() - pause)
    return _due(Address.objects.filter(rested, vantage=vantage, is_slow=is_slow), now).filter(Exists(named))


def _take(
    due: "QuerySet[Row]", limit: int, *, hold: Callable[[list[Any]], set[int]] | None = None, holder: str = ""
) -> list[Row]:
    """Lease up to *limit* rows of *due*; PostgreSQL's claimers pass each other by, SQLite's take turns.

    hold: makes some of the rows due later, and returns their primary keys. A token that is left from another holder
    means that the holder died.
    """
    with transaction.atomic():
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, no_key=True, of=("self",))
        rows = list(due[:limit])
        later = hold(rows) if hold and rows else set()
        rows = [row for row in rows if row.pk not in later]
        return _leased(rows, holder) if rows else []


def _leased(rows: list[Row], holder: str) -> list[Row]:
    """Lease *rows* under one random token, set those aside that ended their worker too often; return what is ours."""
    free = type(rows[0])._default_manager.filter(_FREE)  # noqa: SLF001  Django's documented API
    for row in rows:
        row.crashes += bool(row.lease_token)
    aside = [row for row in rows if row.crashes >= CRASHES_MAX]
    for row in aside:
        changed = free.filter(pk=row.pk).update(
            lease_token="", lease_until=None, set_aside_at=Now(), crashes=row.crashes
        )
        if changed:
            set_aside(row, now=database_now())
    left = [row for row in rows if row.lease_token and row not in aside]
    if left:
        free.filter(pk__in=[row.pk for row in left]).update(crashes=F("crashes") + 1)
    token, wanted = holder + secrets.token_hex(16)[len(holder) :], [row for row in rows if row not in aside]
    fields: dict[str, Any] = {"lease_token": token, "lease_until": Now() + LEASE}
    if isinstance(rows[0], Address):
        fields["claimed_at"] = Now()
    count = free.filter(pk__in=[row.pk for row in wanted]).update(**fields) if wanted else 0
    if count != len(wanted):  # a database without row locks: somebody was faster
        mine = type(rows[0])._default_manager.filter(lease_token=token)  # noqa: SLF001  Django's documented API
        ours = set(mine.values_list("pk", flat=True))
        wanted = [row for row in wanted if row.pk in ours]
    for row in wanted:
        row.lease_token = token
    return wanted


def _by_model(claims: Collection[Claim]) -> dict[Any, list[Claim]]:
    """Return *claims* by the model of their rows."""
    found: dict[Any, list[Claim]] = defaultdict(list)
    for claim in claims:
        found[_MODELS[type(claim)]].append(claim)
    return found


def set_aside(row: NexthopRow | Address | Look, *, now: datetime) -> None:
    """Tell log and pages that *row* ended its worker too often; what is known of it is unknown from now."""
    log.error("probe.set-aside", row=str(row), crashes=row.crashes)
    if isinstance(row, Address):
        row.endpoints.update(
            tried_at=now,
            not_measured=NotMeasuredCause.CRASHED.value,
            not_measured_detail=f"the probe ended {row.crashes} times without a result; ask for it again",
        )
    concerned = {Address: "nexthop__endpoints__address", NexthopRow: "nexthop"}.get(type(row))
    if concerned is not None:
        VerdictRow.objects.filter(**{concerned: row}).update(holds_until=now)
