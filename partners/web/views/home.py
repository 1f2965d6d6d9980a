"""The first page after sign-in, by audience; the mail team's is Today."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from partners.actions.access import may_approve, single_operator_mode
from partners.reports.alerts import alert_counts
from partners.reports.today import today
from partners.web.access import audiences_of, door, reader

_FIRST = (("team", "today"), ("management", "compliance"), ("partner", "portal-home"))


@door("home")
def home(request: HttpRequest) -> HttpResponse:
    """Lead each audience to its own first page."""
    audiences = audiences_of(request.user)
    return redirect(next(name for audience, name in _FIRST if audience in audiences))


@require_safe
@door("today")
def show_today(request: HttpRequest) -> HttpResponse:
    """Show what needs a hand, ordered by harm to mail."""
    now = timezone.now()
    by = reader(request)
    page = today(by, now=now, alone=may_approve(by) and single_operator_mode())
    context = {"today": page, "alerts": alert_counts(now=now), "now": now}
    return render(request, "partners/today.html", context)


def lost(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is nothing here; the same words whether it never was or is not the reader's."""
    return render(request, "404.html", status=404)
