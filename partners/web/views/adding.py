"""Add a partner: look at the servers first, then choose; nothing of a partner is kept before it is saved.

Editing is the same page: the look at the channel's own servers, the cards, the fields, and what Postfix would do.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from partners.actions import partners as acts
from partners.actions.inforce import maps_in_force
from partners.actions.leases import ask_now
from partners.actions.looking import ask_look, look_facts
from partners.actions.proposing import Proposal, proposals, proposals_from
from partners.actions.stored import Stored
from partners.actions.whatif import Ground, WhatIf, ground_of, what_if
from partners.core.errors import ActionRefused, RefusedInput
from partners.core.grammar import ParsedPolicy
from partners.models import Look, Nexthop, User
from partners.reports.drafts import taken_back
from partners.reports.partners import ChannelPage, channel_page
from partners.reports.watching import LookState, look_state, own_look, state_of_look
from partners.web.access import door, reader, whole
from partners.web.cards import cards
from partners.web.forms.entry import EntryForm, PartnerForm, field_of, nexthops_in, proposed_fields

_STOP_POLLING: Final = 286  # htmx: swap, and ask no more
_EDITED: Final = (
    "level", "match", "agreed", "basis", "protocols", "ciphers", "exclude", "servername", "review_on",
)  # fmt: skip


@require_http_methods(["GET", "POST"])
@door("partner-add")
def add(request: HttpRequest) -> HttpResponse:
    """Ask for the nexthop, or, without a look, for the fields; save the partner as a draft change."""
    person, now = reader(request), timezone.now()
    if request.method == "GET" and "fields" not in request.GET:
        return render(request, "partners/look_ask.html", {"steps": _steps(1), "typed": request.GET.get("nexthop", "")})
    look = own_look(person, whole(request.POST.get("look", "")), now=now) if request.method == "POST" else None
    form = PartnerForm(request.POST or None, initial={"nexthops": request.GET.get("nexthop", "")[:300]})
    if request.method == "POST" and form.is_valid():
        saved = _added(request, form, look, now)
        if saved is not None:
            return saved
    seen = look_facts(look) if look else {}
    context = _entry_context(form, _look_of(look, now), proposals_from(seen, now=now), seen)
    context |= {"look_row": look, "preview": _preview(form, ground_of(None, seen), person, now), "steps": _steps(3)}
    return render(request, "partners/entry_form.html", context, status=422 if form.errors else 200)


@require_POST
@door("look-ask")
def ask(request: HttpRequest) -> HttpResponse:
    """Begin a look at what was typed and lead to the page that watches it."""
    typed = request.POST.get("nexthop", "")[:300]
    try:
        look = ask_look(typed, by=reader(request), now=timezone.now())
    except (RefusedInput, ActionRefused) as refusal:
        context = {"steps": _steps(1), "typed": typed, "refusal": refusal.told_in(_)}
        return render(request, "partners/look_ask.html", context, status=422)
    return redirect("look-show", pk=look.pk)


@require_safe
@door("look-show")
def show_look(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how far a look is; once it is done, the levels as cards and the fields."""
    person, now = reader(request), timezone.now()
    look = own_look(person, pk, now=now)
    if look is None:
        raise Http404
    state = state_of_look(look, now=now)
    seen = look_facts(look)
    found = () if state.running else proposals_from(seen, now=now)
    start = {"nexthops": look.key, **_chosen(found, request.GET)}
    start |= {name: request.GET[name][:300] for name in ("name", "basis") if request.GET.get(name)}
    form = PartnerForm(initial=start)
    context = _entry_context(form, state, found, seen, chosen=str(start.get("level", "")))
    context |= {"look_row": look, "steps": _steps(2 if state.running else 3, state), "today": _today(look.key)}
    if not state.running:
        context["preview"] = _preview(form, ground_of(None, seen), person, now)
    return render(request, "partners/entry_form.html", context)


@require_safe
@door("look-panel")
def look_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what a look has seen so far; once all is done the page comes again with what fits."""
    now = timezone.now()
    look = own_look(reader(request), pk, now=now)
    if look is None:
        raise Http404
    state = state_of_look(look, now=now)
    context = {
        "look": state,
        "look_url": reverse("look-panel", args=[pk]),
        "look_again": reverse("look-show", args=[pk]),
    }
    answer = render(request, "partners/_look.html", context)
    if request.headers.get("HX-Request") == "true" and not state.running:
        answer.status_code = _STOP_POLLING
        answer["HX-Refresh"] = "true"
    return answer


@require_http_methods(["GET", "POST"])
@door("channel-edit")
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Edit a channel as a draft change; a change by somebody else in between is told and nothing is lost."""
    person, now = reader(request), timezone.now()
    page = channel_page(person, pk)
    if page is None:
        raise Http404
    ground = ground_of(page.channel, pins=page.pins)
    found = proposals(page.channel, now=now, ground=ground)
    start: dict[str, Any] = {name: getattr(page.channel, name) for name in _EDITED}
    start |= {"nexthops": ", ".join(page.keys), **_chosen(found, request.GET, by_itself=False)}
    start |= proposed_fields(request.GET) | taken_back(page.channel, whole(request.GET.get("draft", "")))
    form = EntryForm(request.POST or None, initial=start)
    version = request.POST.get("version", str(page.channel.version))
    if request.method == "POST" and form.is_valid():
        saved = _edited(request, form, page, whole(version), seen=_sighted(found), now=now)
        if saved is not None:
            return saved
    look = look_state(page.channel, now=now)
    context = _entry_context(form, look, found, ground.facts, chosen=str(start["level"]))
    context |= {"page": page, "version": version, "preview": _preview(form, ground, person, now)}
    context["authorities"] = page.channel.authorities.order_by("added_at")
    return render(request, "partners/entry_form.html", context, status=422 if form.errors else 200)


def _added(request: HttpRequest, form: forms.Form, look: Look | None, now: datetime) -> HttpResponse | None:
    """Save the partner; None where it was refused, which then stands in the form."""
    person, given = reader(request), dict(form.cleaned_data)
    found = proposals_from(look_facts(look), now=now) if look else ()
    try:
        change = acts.add_partner(
            given.pop("name"),
            given.pop("nexthops"),
            given.pop("level"),
            given.pop("agreed"),
            by=person,
            now=now,
            seen=_sighted(found),
            **given,
        )
    except RefusedInput as refusal:
        _refuse(form, refusal)
        return None
    for nexthop in change.channel.nexthops.all():
        ask_now(nexthop, by=person, now=now)
    messages.success(request, _("Saved as a draft. It reaches the relays with the next release."))
    return redirect("partner-detail", pk=change.channel_id)


def _edited(
    request: HttpRequest, form: forms.Form, page: ChannelPage, version: int, *, seen: tuple[str, ...], now: datetime
) -> HttpResponse | None:
    """Save the edit; None where it was refused, which then stands in the form."""
    person, channel = reader(request), page.channel
    fields = _fields(form)
    try:
        acts.edit_channel(channel, fields, version=version, by=person, now=now, seen=seen)
    except (RefusedInput, ActionRefused) as refusal:
        _refuse(form, refusal)
        return None
    moved = any(fields[name] != getattr(channel, name) for name in ("level", "protocols", "ciphers", "servername"))
    if moved or set(fields["nexthops"]) != set(page.keys):  # another level may ask for another session
        for nexthop in Nexthop.objects.filter(channel=channel):  # as saved: the page has read those before
            ask_now(nexthop, by=person, now=now)
    messages.success(request, _("Saved as a draft. It reaches the relays with the next release."))
    return redirect("partner-detail", pk=channel.pk)


def _refuse(form: forms.Form, refusal: RefusedInput | ActionRefused) -> None:
    form.add_error(field_of(form, f"{refusal.subject} {refusal.cause}"), refusal.told_in(_))


def _fields(form: forms.Form) -> dict[str, Any]:
    """Return what a valid *form* sets, as the actions take it."""
    return dict(form.cleaned_data)


def _sighted(found: tuple[Proposal, ...]) -> tuple[str, ...]:
    """Return the keys that only our probe saw."""
    return tuple(digest for one in found for digest in one.seen)


def _chosen(found: tuple[Proposal, ...], asked: Mapping[str, str], *, by_itself: bool = True) -> dict[str, str]:
    """Return the fields of the card that was asked for, else, *by_itself*, of the one that is recommended."""
    card = asked.get("card", "")
    one = next((one for one in found if one.level == card), None)
    if one is None and by_itself:
        one = next((one for one in found if one.recommended), None)
    return {"level": one.level, "agreed": one.agreed, "match": one.match} if one else {}


def _preview(form: forms.Form, ground: Ground, by: User, now: datetime) -> WhatIf | None:
    """Return what the fields of *form* would be on the relays; None where there is nothing to judge yet."""
    if not form.is_bound:
        given = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items() if name != "name"}
        if not given["nexthops"]:
            return None
        given["nexthops"] = nexthops_in(given["nexthops"])
        return what_if(given, ground.channel, now=now, by=by, ground=ground)
    if any(form[name].errors for name in form.fields if name != "name"):
        return None
    given = {name: form.cleaned_data[name] for name in form.cleaned_data if name != "name"}
    return what_if(given, ground.channel, now=now, by=by, ground=ground)


def _entry_context(
    form: forms.Form,
    look: LookState | None,
    found: tuple[Proposal, ...],
    seen: Mapping[str, Stored],
    *,
    chosen: str = "",
) -> dict[str, Any]:
    picked = str(form["level"].value() or chosen)
    return {"form": form, "look": look, "cards": cards(found, seen), "picked": picked}


def _today(key: str) -> tuple[str, ...]:
    """Say what applies to mail for *key* on the relays now, each sentence once."""
    found = []
    for one in maps_in_force():
        applies, policy = one.policy(key)
        if applies is None:
            level = one.relay.smtp_tls_security_level.value
            found.append(_("Not in the map yet. Today the default of the relays applies: %s.") % level)
        elif isinstance(policy, ParsedPolicy):
            words = {"key": applies, "level": policy.level.value}
            found.append(_("Today mail goes by the entry of %(key)s: %(level)s.") % words)
        else:
            found.append(_("Today the entry of %s applies, which Postfix cannot use.") % applies)
    return tuple(dict.fromkeys(found))


def _look_of(look: Look | None, now: datetime) -> LookState | None:
    return state_of_look(look, now=now) if look else None


def _steps(current: int, look: LookState | None = None) -> list[dict[str, str]]:
    """Return the steps of adding, as c-flow shows them."""
    seen = _("Look")
    if look is not None and look.rows and current > 2:
        seen = _("Look: hosts %(hosts)s, addresses %(count)s") % {"hosts": look.hosts, "count": len(look.rows)}
    titles = (_("Nexthop"), seen, _("Choose"), _("Save as a draft"))
    states = ["done" if at < current else "now" if at == current else "" for at in range(1, len(titles) + 1)]
    return [{"title": title, "state": state} for title, state in zip(titles, states, strict=True)]
