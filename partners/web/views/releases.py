"""From drafts to the map: candidates, releases and what the relays fetch."""

import hashlib

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from partners.actions import releases as acts
from partners.actions.tokens import group_of_token
from partners.models import Candidate, Change, Release
from partners.reports.releases import active_artefact, candidate_page, release_list
from partners.web.access import door, reader, whole


@require_safe
@door("release-list")
def show_list(request: HttpRequest) -> HttpResponse:
    """Show drafts, open candidates and the history."""
    return render(request, "partners/release_list.html", {"page": release_list()})


@require_POST
@door("candidate-cut")
def cut(request: HttpRequest) -> HttpResponse:
    """Freeze the chosen drafts as a candidate."""
    chosen = [whole(pk) for pk in request.POST.getlist("change")]
    candidate = acts.cut(Change.objects.filter(pk__in=chosen), by=reader(request), now=timezone.now())
    return redirect("candidate-detail", pk=candidate.pk)


@require_safe
@door("candidate-detail")
def show_candidate(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what the guard found, the difference and who may approve."""
    page = candidate_page(pk)
    if page is None:
        raise Http404
    return render(request, "partners/candidate_detail.html", {"page": page})


@require_POST
@door("candidate-decide")
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve, publish or give up a candidate."""
    candidate = get_object_or_404(Candidate, pk=pk)
    act, by, now = request.POST.get("act"), reader(request), timezone.now()
    if act == "approve":
        seen = (request.POST.get("sha256", ""), request.POST.get("findings_sha256", ""))
        word, stops = request.POST.get("word", ""), request.POST.get("accept_stops") == "yes"
        acts.approve(candidate, seen=seen, by=by, now=now, word=word, accept_stops=stops)
        messages.success(request, _("Approved."))
    elif act == "publish":
        release = acts.publish(candidate, by=by, now=now, reason=request.POST.get("word", ""))
        messages.success(request, _("Release %s is what the relays fetch from now on.") % release.number)
        return redirect("release-detail", number=release.number)
    elif act == "abandon":
        acts.abandon(candidate, by=by, now=now)
        return redirect("release-list")
    return redirect("candidate-detail", pk=pk)


@require_safe
@door("release-detail")
def show(request: HttpRequest, number: int) -> HttpResponse:
    """Show one release, byte for byte."""
    release = get_object_or_404(Release.objects.prefetch_related("artefacts__group"), number=number)
    return render(request, "partners/release_detail.html", {"release": release})


@require_safe
@door("export-home")
def export_home(request: HttpRequest) -> HttpResponse:
    """Show the map of the published release per relay group."""
    release = acts.head()
    artefacts = release.artefacts.select_related("group") if release else ()
    return render(request, "partners/export_home.html", {"release": release, "artefacts": artefacts})


@require_safe
@door("export-download")
def download(request: HttpRequest, group: str) -> HttpResponse:
    """Hand out the published map of *group* as a file."""
    artefact = active_artefact(group)
    if artefact is None:
        raise Http404
    answer = _plain(artefact.text)
    answer["Content-Disposition"] = 'attachment; filename="tls_policy"'
    return answer


@require_safe
@door("relay-export")
def relay_export(request: HttpRequest, group: str) -> HttpResponse:
    """Hand the published map to a relay of *group* that shows its token, over TLS or loopback only.

    401 without a token, 404 for another group's token (no relay learns which groups there are), 304 on a known ETag.
    """
    if not request.is_secure() and request.META.get("REMOTE_ADDR") not in {"127.0.0.1", "::1"}:
        return HttpResponse(
            _("Use https: the token would travel in the clear.\n"), status=403, content_type="text/plain"
        )
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    opened = group_of_token(secret.strip(), now=timezone.now()) if scheme.lower() == "bearer" else None
    if opened is None:
        answer = HttpResponse(_("A relay token is needed.\n"), status=401, content_type="text/plain")
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    artefact = active_artefact(group) if opened.name == group else None
    if artefact is None:
        return HttpResponse(_("There is no map here for this token.\n"), status=404, content_type="text/plain")
    etag = f'"{artefact.sha256}"'
    if etag in [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]:
        return HttpResponse(status=304, headers={"ETag": etag})
    answer = _plain(artefact.text)
    answer["ETag"] = etag
    return answer


def _plain(text: str) -> HttpResponse:
    answer = HttpResponse(text.encode(), content_type="text/plain; charset=utf-8")
    answer["X-Content-SHA256"] = hashlib.sha256(text.encode()).hexdigest()
    answer["Cache-Control"] = "private, no-cache"
    return answer
