"""Settings: relay groups, and what the administrator has set by environment."""

import tomllib
from functools import cache

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from partners.actions.access import may_approve, single_operator_mode
from partners.actions.group_changes import apply_change, change_group, refuse_change
from partners.actions.relay_groups import add_group
from partners.core.errors import ActionRefused, RefusedInput
from partners.models import GroupChange, RelayGroup, User
from partners.reports.settings import env_rows, group_summaries, mail_state, version_rows, waiting_changes
from partners.web.access import door, reader, whole
from partners.web.forms.groups import GroupForm, start_of


@require_safe
@door("settings-home")
def show(request: HttpRequest) -> HttpResponse:
    """Show relay groups, what waits for a second person, what may be probed, how mail leaves, mode and versions."""
    by = reader(request)
    context = {
        "groups": group_summaries(),
        "waiting": waiting_changes(by.pk),
        "environment": env_rows(),
        "mail": mail_state(),
        "alone": single_operator_mode(),
        "may_approve": may_approve(by),
        "versions": version_rows(_portal_version()),
    }
    return render(request, "partners/settings_home.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@door("relay-group-add")
def add(request: HttpRequest) -> HttpResponse:
    """Add a relay group; it has no map before the next release."""
    by = _approver(request)
    begin = start_of(RelayGroup())
    form = GroupForm(request.POST or None, request.FILES or None, initial=begin)
    if request.method == "POST" and form.is_valid():
        try:
            group = add_group(form.cleaned_data["name"], by=by, now=timezone.now(), **form.columns)
        except (RefusedInput, ActionRefused) as refusal:
            form.add_error(None, refusal.told_in(_))
        else:
            messages.success(request, _("Relay group %s is there. Its first map comes with the next release.") % group)
            return redirect("settings-home")
    return render(request, "partners/settings_group.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@door("relay-group-change")
def change(request: HttpRequest, group: str) -> HttpResponse:
    """Change a relay group; what asks less of a peer waits for a second person."""
    by, one = _approver(request), get_object_or_404(RelayGroup, name=group)
    form = GroupForm(request.POST or None, request.FILES or None, initial=start_of(one))
    seen = request.POST.get("version", str(one.version))
    if request.method == "POST" and form.is_valid():
        try:
            waits = change_group(one, form.columns, version=whole(seen), by=by, now=timezone.now())
        except (RefusedInput, ActionRefused) as refusal:
            form.add_error(None, refusal.told_in(_))
        else:
            done = _("Saved. Everything is judged by it now.")
            text = _("It asks less than before, so it waits until a second person agrees.") if waits else done
            messages.success(request, text)
            return redirect("settings-home")
    context = {"form": form, "group": one, "version": seen, "alone": single_operator_mode()}
    return render(request, "partners/settings_group.html", context, status=422 if form.errors else 200)


@require_POST
@door("relay-group-decide")
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Agree to a change that waits, or end it."""
    waiting, by = get_object_or_404(GroupChange, pk=pk), reader(request)
    if request.POST.get("act") == "agree":
        apply_change(waiting, by=by, now=timezone.now())
        messages.success(request, _("Agreed. Everything is judged by it now."))
    elif request.POST.get("act") == "refuse":
        refuse_change(waiting, by=by, now=timezone.now())
        messages.success(request, _("Ended. Nothing has changed."))
    return redirect("settings-home")


def _approver(request: HttpRequest) -> User:
    """Return the reader, who is an approver; to others of the team these forms are not there."""
    by = reader(request)
    if not may_approve(by):
        raise Http404
    return by


@cache
def _portal_version() -> str:
    """Return the version of this portal, as its own project file says."""
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())
    return str(project["project"]["version"])
