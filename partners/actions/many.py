"""Many partners at once: what an act would do to each, looked at first, and what it did, so that it can be undone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from partners.actions import audit
from partners.core.errors import ActionRefused, StaleRefused
from partners.core.verdict import Verdict
from partners.models import BulkAct, User

__all__ = ["MOST", "Plan", "Planned", "claim_undo", "demand_count", "keep_act", "split_seen"]

# How many at once: what is locked and written is one short transaction, what is judged one page.
MOST: Final[Mapping[str, int]] = {"tags": 1000, "probe": 1000, "level": 200}


@dataclass(frozen=True, slots=True)
class Planned:
    """One row of a preview. version: of what would be written, as it was read; refusal: why it stays as it is, or "".

    weaker: whether the entry would ask less of the peer, so that a second person has to agree; verdicts: what Postfix
    would do by stored facts, unseen: the keys that nobody looked at.
    """

    channel: int
    partner: int
    version: int
    name: str
    key: str
    before: str
    after: str
    refusal: str = ""
    weaker: bool = False
    verdicts: tuple[Verdict, ...] = ()
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What an act would do, row by row."""

    rows: tuple[Planned, ...]

    @property
    def changing(self) -> tuple[Planned, ...]:
        """Those that would be changed."""
        return tuple(row for row in self.rows if not row.refusal)

    @property
    def refused(self) -> tuple[Planned, ...]:
        """Those that would stay, each with its reason."""
        return tuple(row for row in self.rows if row.refusal)

    @property
    def seen(self) -> dict[int, int]:
        """Channel -> version of those that would be changed: what a person agrees to."""
        return {row.channel: row.version for row in self.changing}


def demand_count(kind: str, count: int) -> None:
    """Raise ActionRefused for none, and for more than are changed at once."""
    if not count:
        raise ActionRefused(_("selection"), _("no partner is selected"), _("tick some, or take all that match"))
    if count > MOST[kind]:
        cause = _("more than %s partners are selected, and no more are changed at once") % MOST[kind]
        raise ActionRefused(_("selection"), cause, _("filter further, and do it in parts"))


def split_seen(plan: Plan, seen: Mapping[int, int], still: Iterable[int]) -> tuple[list[Planned], list[dict[str, Any]]]:
    """Return of *plan* what may be written, and the others with the reason: nothing changes that was not seen so.

    still: the channels that the selection holds now.
    """
    known, wanted = {row.channel: row for row in plan.rows}, set(still)
    kept: list[Planned] = []
    left: list[dict[str, Any]] = []
    for channel, version in seen.items():
        row = known.get(channel)
        if row is None:
            why = _("it was removed in between")
        elif channel not in wanted:
            why = _("it does not match the filter any more")
        elif row.version != version:
            why = _("somebody saved it in between")
        elif row.refusal:
            why = row.refusal
        else:
            kept.append(row)
            continue
        left.append({"channel": channel, "name": row.name if row else "", "why": why})
    return kept, left


def keep_act(
    kind: BulkAct.Kind,
    asked: Mapping[str, object],
    rows: Sequence[Mapping[str, Any]],
    left: Sequence[Mapping[str, Any]],
    *,
    by: User,
    now: datetime,
) -> BulkAct:
    """Write the act and its audit entry, in the caller's transaction."""
    act = BulkAct.objects.create(kind=kind, asked=dict(asked), rows=list(rows), left=list(left), by=by, made_at=now)
    changed = [{name: row[name] for name in ("channel", "before", "after", "change") if name in row} for row in rows]
    detail = {"kind": kind.value, "asked": dict(asked), "changed": changed}
    audit.record("bulk.done", f"bulk act {act.pk}", by=by, now=now, detail=detail)
    return act


def claim_undo(act: BulkAct, *, by: User, now: datetime) -> None:
    """Mark *act* as undone, in the caller's transaction; StaleRefused if it is already."""
    mine = BulkAct.objects.filter(pk=act.pk, undone_at__isnull=True)
    if not mine.update(undone_at=now, undone_by=by):
        raise StaleRefused(_("bulk act %s") % act.pk, _("it is undone already"))
