"""Many partners at once: what would change, the yes, what came of it, and back."""

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from partners.actions.many import MOST, Plan, demand_count
from partners.actions.many_levels import draft_levels, plan_levels, undo_levels
from partners.actions.many_probes import ask_many, plan_probes
from partners.actions.many_tags import plan_tags, set_tags, undo_tags
from partners.core.errors import ActionRefused, RefusedInput
from partners.core.levels import SecurityLevel
from partners.models import BulkAct, User
from partners.reports.listing import Chosen, listed_channels
from partners.reports.people import name_of
from partners.web.access import door, reader, whole
from partners.web.forms.bulk import BulkAsked
from partners.web.listed import told_view

__all__ = ["confirm", "preview", "show", "undo"]

SHOWN: Final = 200  # rows of a table; of more the rest is counted


@require_safe
@door("bulk-preview")
def preview(request: HttpRequest) -> HttpResponse:
    """Show what would change, partner by partner; nothing is written and nobody is connected to."""
    asked, person = BulkAsked.of(request.GET), reader(request)
    if not asked.kind:
        raise Http404
    plan, refusal, count = Plan(()), "", 0
    try:
        channels = _channels(asked, person)
        count = len(channels)
        demand_count(asked.kind, count)
        if asked.is_complete:
            plan = _plan(asked, channels)
    except (ActionRefused, RefusedInput) as refused:
        refusal = refused.told_in(_)
    context = {
        "asked": asked,
        "kind": BulkAct.Kind(asked.kind),
        "count": count,
        "most": MOST[asked.kind],
        "refusal": refusal,
        "plan": plan,
        "changing": plan.changing[:SHOWN],
        "refused": plan.refused[:SHOWN],
        "hidden": max(len(plan.changing) - SHOWN, 0),
        "seen": ",".join(f"{channel}.{version}" for channel, version in plan.seen.items()),
        "words": told_view({name: text for name, text in asked.chosen.parameters.items() if name != "sort"}),
        "all_query": urlencode([*(pair for pair in asked.selection if pair[0] != "channel"), ("all", "1")]),
        "levels": [level.value for level in SecurityLevel],
    }
    return render(request, "partners/bulk_preview.html", context, status=422 if refusal else 200)


@require_POST
@door("bulk-confirm")
def confirm(request: HttpRequest) -> HttpResponse:
    """Do what the preview showed; a row that is another by now is left alone, and told."""
    asked, person = BulkAsked.of(request.POST), reader(request)
    seen = dict(_pair(text) for text in request.POST.get("seen", "").split(",") if text)
    if not asked.kind or not asked.is_complete:
        raise Http404
    demand_count(asked.kind, len(seen))
    chosen = asked.chosen if asked.is_all else Chosen()
    still = listed_channels(person, chosen, limit=len(seen), only=list(seen))
    return redirect("bulk-result", pk=_act(asked, seen, still, person).pk)


@require_safe
@door("bulk-result")
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what was done, who was left alone and why, with the way back."""
    act = get_object_or_404(BulkAct.objects.select_related("by", "undone_by"), pk=pk)
    context = {
        "act": act,
        "who": name_of(act.by),
        "undone_by": name_of(act.undone_by) if act.undone_by else "",
        "rows": act.rows[:SHOWN],
        "hidden": max(len(act.rows) - SHOWN, 0),
        "can_undo": bool(act.rows) and act.undone_at is None and act.kind in _UNDO,
    }
    return render(request, "partners/bulk_result.html", context)


@require_POST
@door("bulk-undo")
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back what was done, as far as nobody changed it since."""
    act = get_object_or_404(BulkAct, pk=pk)
    if act.kind not in _UNDO:
        raise Http404
    done = _UNDO[act.kind](act, by=reader(request), now=timezone.now())
    messages.success(request, _("Taken back for %s.") % (len(done.rows) - len(done.kept)))
    return redirect("bulk-result", pk=pk)


_UNDO: Final[Mapping[str, Any]] = {
    BulkAct.Kind.TAGS.value: undo_tags,
    BulkAct.Kind.LEVEL.value: undo_levels,
}


def _channels(asked: BulkAsked, person: User) -> list[int]:
    """Return the channels that are selected, one more than is taken at most."""
    limit = MOST[asked.kind] + 1
    if asked.is_all:
        return listed_channels(person, asked.chosen, limit=limit)
    return listed_channels(person, Chosen(), limit=limit, only=asked.picked) if asked.picked else []


def _plan(asked: BulkAsked, channels: list[int]) -> Plan:
    if asked.kind == BulkAct.Kind.TAGS.value:
        return plan_tags(channels, *asked.tags)
    if asked.level is not None and asked.kind == BulkAct.Kind.LEVEL.value:
        return plan_levels(channels, asked.level, only_raises=asked.only_raises, now=timezone.now())
    return plan_probes(channels)


def _act(asked: BulkAsked, seen: Mapping[int, int], still: list[int], person: User) -> BulkAct:
    given: dict[str, Any] = {"seen": seen, "still": still, "by": person, "now": timezone.now()}
    if asked.kind == BulkAct.Kind.TAGS.value:
        return set_tags(*asked.tags, **given)
    if asked.level is not None and asked.kind == BulkAct.Kind.LEVEL.value:
        return draft_levels(asked.level, only_raises=asked.only_raises, **given)
    return ask_many(**given)


def _pair(text: str) -> tuple[int, int]:
    channel, _dot, version = text.partition(".")
    return whole(channel), whole(version)
