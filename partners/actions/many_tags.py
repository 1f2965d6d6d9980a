"""Tags of many partners at once, and back."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_editor
from partners.actions.many import Plan, Planned, claim_undo, demand_count, keep_act, split_seen
from partners.actions.rows import update_rows
from partners.actions.standings import restand
from partners.core.errors import SettingsRefused
from partners.models import BulkAct, Channel, Partner, User

__all__ = ["TAGS_MOST", "plan_tags", "read_tags", "set_tags", "undo_tags"]

TAGS_MOST: Final = 10  # named in one act
_TAG_MAX: Final = 40
_TEXT_MAX: Final = 200  # of the column
_WRITTEN: Final = ("tags", "version")


def read_tags(text: str) -> tuple[str, ...]:
    """Return the tags that *text* names, with blanks or commas between them, each once. Errors: SettingsRefused."""
    tags: dict[str, str] = {}
    for word in _split(text):
        bare = word.lstrip("#")
        if not bare or len(bare) > _TAG_MAX or not bare.isprintable():
            raise SettingsRefused(
                _("tag %s") % word[:_TAG_MAX], _("it is empty, too long or not printable"), _("take a short word")
            )
        tags.setdefault(bare.casefold(), bare)
    if len(tags) > TAGS_MOST:
        raise SettingsRefused(_("tags"), _("more than %s are named") % TAGS_MOST, _("name fewer"))
    return tuple(tags.values())


def plan_tags(channels: Collection[int], add: Sequence[str], remove: Sequence[str]) -> Plan:
    """Return what adding *add* and taking away *remove* would make of the partners of *channels*, each once."""
    living = Channel.objects.filter(pk__in=channels, removed_at__isnull=True)
    rows: dict[int, Planned] = {}
    for channel in living.select_related("partner", "standing").order_by("standing__folded", "pk"):
        partner = channel.partner
        if partner.pk not in rows:
            key = channel.standing.key if hasattr(channel, "standing") else ""
            rows[partner.pk] = _planned(channel, partner, key, add, remove)
    return Plan(tuple(rows.values()))


def set_tags(
    add: Sequence[str],
    remove: Sequence[str],
    *,
    seen: Mapping[int, int],
    still: Collection[int],
    by: User,
    now: datetime,
) -> BulkAct:
    """Set the tags as plan_tags() told of *seen* (channel -> version); whoever differs by now is left and told."""
    demand_editor(by)
    demand_count(BulkAct.Kind.TAGS, len(seen))
    with transaction.atomic():
        partners = Partner.objects.filter(channels__in=seen).order_by("pk").values_list("pk", flat=True)
        list(Partner.objects.select_for_update(no_key=True).filter(pk__in=set(partners)).order_by("pk"))
        kept, left = split_seen(plan_tags(seen, add, remove), seen, still)
        update_rows([Partner(pk=row.partner, tags=row.after, version=row.version + 1) for row in kept], _WRITTEN)
        _restand(row.partner for row in kept)
        rows = [
            {"channel": row.channel, "partner": row.partner, "name": row.name, "before": row.before, "after": row.after}
            for row in kept
        ]
        return keep_act(BulkAct.Kind.TAGS, {"add": list(add), "remove": list(remove)}, rows, left, by=by, now=now)


def undo_tags(act: BulkAct, *, by: User, now: datetime) -> BulkAct:
    """Give each partner the tags back that it had, exactly; one whose tags moved since is left alone, and told."""
    demand_editor(by)
    with transaction.atomic():
        claim_undo(act, by=by, now=now)
        wanted = {int(row["partner"]): row for row in act.rows}
        there = Partner.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk")
        back: list[Partner] = []
        for partner in there:
            row: dict[str, Any] = wanted.pop(partner.pk)
            if partner.tags != row["after"]:
                wanted[partner.pk] = row
                continue
            partner.tags, partner.version = str(row["before"]), partner.version + 1
            back.append(partner)
        update_rows(back, _WRITTEN)
        _restand(one.pk for one in back)
        why = _("its tags were changed since")
        act.kept = [{"channel": row["channel"], "name": row["name"], "why": why} for row in wanted.values()]
        BulkAct.objects.filter(pk=act.pk).update(kept=act.kept)
        detail = {"restored": len(back), "kept": sorted(wanted)}
        audit.record("bulk.undone", f"bulk act {act.pk}", by=by, now=now, detail=detail)
    return act


def _planned(channel: Channel, partner: Partner, key: str, add: Sequence[str], remove: Sequence[str]) -> Planned:
    """Return what would become of the tags of one partner."""
    away = {tag.casefold() for tag in remove}
    tags = {tag.casefold(): tag for tag in _split(partner.tags) if tag.casefold() not in away}
    for tag in add:
        tags.setdefault(tag.casefold(), tag)
    after = ", ".join(tags.values())
    refusal = ""
    if [tag.casefold() for tag in _split(partner.tags)] == list(tags):
        after, refusal = partner.tags, _("nothing would change")
    elif len(after) > _TEXT_MAX:
        refusal = _("its tags would be longer than %s characters") % _TEXT_MAX
    return Planned(channel.pk, partner.pk, partner.version, partner.name, key, partner.tags, after, refusal)


def _restand(partners: Iterable[int]) -> None:
    restand(list(Channel.objects.filter(partner__in=set(partners)).values_list("pk", flat=True)))


def _split(text: str) -> list[str]:
    return text.replace(",", " ").split()
