"""Saved views of the partner list: save what is shown under a name, open, rename, share, remove."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from partners.actions.access import may_edit
from partners.actions.saved_views import change_view, may_change_view, open_first, remove_view, save_view
from partners.core.errors import RefusedInput
from partners.models import SavedView
from partners.reports.saved_views import ViewRow, view_row, view_rows, views_of
from partners.web.access import door, reader
from partners.web.forms.saved_views import SavedViewForm
from partners.web.listed import PARAMETER_WORDS, chosen_of, told_view
from partners.web.queries import query_url

__all__ = ["edit", "open_view", "remove", "save", "set_first", "show_list"]

_METHODS = ["GET", "HEAD", "POST"]


@require_safe
@door("saved-view-list")
def show_list(request: HttpRequest) -> HttpResponse:
    """List the reader's views and those that are shared."""
    person = reader(request)
    found = [
        {"view": row, "words": told_view(row.parameters), "may_change": may_change_view(row.stored, person)}
        for row in view_rows(person)
    ]
    return render(request, "partners/saved_view_list.html", {"rows": found})


@require_http_methods(_METHODS)
@door("saved-view-save")
def save(request: HttpRequest) -> HttpResponse:
    """Save what the list shows; its filters come as the parts of an address, and are read as the list reads them."""
    person, chosen = reader(request), chosen_of(request.GET)
    form = SavedViewForm(request.POST if request.method == "POST" else None, may_share=may_edit(person), is_new=True)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            view = save_view(
                given["name"],
                chosen.parameters,
                is_shared=given["is_shared"],
                opens_first=given["opens_first"],
                by=person,
                now=timezone.now(),
            )
        except RefusedInput as refusal:
            form.add_error("name", refusal.told_in(_))
        else:
            messages.success(request, _("The view “%s” is saved.") % view.name)
            return redirect(reverse("partner-list") + query_url(chosen.parameters))
    context = {"form": form, "words": told_view(chosen.parameters), "query": query_url(chosen.parameters)}
    return render(request, "partners/saved_view_form.html", context, status=422 if form.errors else 200)


@require_safe
@door("saved-view-open")
def open_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Lead to the list as the view has it; what no list knows any more is told."""
    row = view_row(_view(request, pk), reader(request))
    if row.lost:
        gone = ", ".join(str(PARAMETER_WORDS.get(name, name)) for name in row.lost)
        text = _("The view “%(name)s” asked for something that there is no more (%(gone)s); the rest of it is shown.")
        messages.warning(request, text % {"name": row.name, "gone": gone})
    return redirect(reverse("partner-list") + query_url(row.parameters))


@require_http_methods(_METHODS)
@door("saved-view-edit")
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename a view, share it, or take it back from the others."""
    person, view = reader(request), _own_view(request, pk)
    begin = {"name": view.name, "is_shared": view.is_shared}
    may_share = may_edit(person) or view.is_shared
    form = SavedViewForm(request.POST if request.method == "POST" else None, initial=begin, may_share=may_share)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            change_view(view, given["name"], is_shared=given["is_shared"], by=person, now=timezone.now())
        except RefusedInput as refusal:
            form.add_error("name", refusal.told_in(_))
        else:
            messages.success(request, _("The view “%s” is saved.") % given["name"])
            return redirect("saved-view-list")
    row = view_row(view, person)
    context = {"form": form, "view": view, "words": told_view(row.parameters)}
    return render(request, "partners/saved_view_form.html", context, status=422 if form.errors else 200)


@require_http_methods(_METHODS)
@door("saved-view-remove")
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask first, then remove a view."""
    view = _own_view(request, pk)
    if request.method == "POST":
        remove_view(view, by=reader(request), now=timezone.now())
        messages.success(request, _("The view “%s” is removed.") % view.name)
        return redirect("saved-view-list")
    row: ViewRow = view_row(view, reader(request))
    return render(request, "partners/saved_view_remove.html", {"view": row, "words": told_view(row.parameters)})


@require_POST
@door("saved-view-first")
def set_first(request: HttpRequest, pk: int) -> HttpResponse:
    """Let the list open with this view for the reader, or with all partners again."""
    view = _view(request, pk)
    is_first = request.POST.get("first") == "1"
    open_first(view if is_first else None, by=reader(request), now=timezone.now())
    text = _("The list opens with “%s” for you.") if is_first else _("The list opens with all partners for you.")
    messages.success(request, text % view.name if is_first else text)
    return redirect("saved-view-list")


def _view(request: HttpRequest, pk: int) -> SavedView:
    view = views_of(reader(request)).select_related("owner").filter(pk=pk).first()
    if view is None:
        raise Http404
    return view


def _own_view(request: HttpRequest, pk: int) -> SavedView:
    """Return the view, if the reader may change it; to anybody else its forms do not exist."""
    view = _view(request, pk)
    if not may_change_view(view, reader(request)):
        raise Http404
    return view
