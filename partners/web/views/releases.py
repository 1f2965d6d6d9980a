"""From drafts to the map: candidates and releases."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_POST, require_safe

from partners.actions import releases as acts
from partners.actions.access import may_approve, single_operator_mode
from partners.actions.relay_groups import settings_by_group
from partners.actions.rollbacks import drafts_in_the_way
from partners.models import Candidate, CandidateMap, Change, Release
from partners.reports.candidates import Reader, candidate_page
from partners.reports.relays import relays_rail
from partners.reports.releases import compare_page, release_list, release_page
from partners.web.access import door, reader, whole
from partners.web.views.export import plain_text

_STATES = {"open": gettext_noop("draft"), "published": gettext_noop("published"), "abandoned": gettext_noop("given up")}


@require_safe
@door("release-list")
def show_list(request: HttpRequest) -> HttpResponse:
    """Show drafts, open candidates and the history."""
    page = release_list(before=whole(request.GET.get("before", "")))
    return render(request, "partners/release_list.html", {"page": page})


@require_POST
@door("candidate-cut")
def cut(request: HttpRequest) -> HttpResponse:
    """Freeze the chosen drafts as a candidate, or all up to the newest that was shown.

    instead: an open candidate whose changes are cut again, without those of the channel `without`; it is given up.
    """
    by, now = reader(request), timezone.now()
    former = Candidate.objects.filter(pk=whole(request.POST.get("instead", "")), state=Candidate.State.OPEN).first()
    candidate = acts.cut(_chosen(request.POST, former), by=by, now=now)
    if former is not None:
        acts.abandon(former, by=by, now=now)
    return redirect("candidate-detail", pk=candidate.pk)


def _chosen(given: QueryDict, former: Candidate | None) -> QuerySet[Change]:
    """Return the changes that a form asks for; thousands of them are not sent one by one."""
    if former is not None:
        return former.changes.exclude(channel=whole(given.get("without", "")))
    if newest := whole(given.get("all_up_to", "")):
        return Change.objects.filter(pk__lte=newest, release__isnull=True, withdrawn_at__isnull=True)
    return Change.objects.filter(pk__in=[whole(pk) for pk in given.getlist("change")])


@require_safe
@door("candidate-detail")
def show_candidate(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what the guard found, the difference and who may approve."""
    by = reader(request)
    page = candidate_page(pk, Reader(by, may_approve(by), single_operator_mode()))
    if page is None:
        raise Http404
    context = {
        "page": page,
        "state_word": _(_STATES[page.candidate.state]),
        "author": page.candidate.author.get_full_name() or page.candidate.author.email,
        "relays": relays_rail(page.published, now=timezone.now()),
        "nothing": {
            "state": "ok",
            "title": _("Nothing that stops or weakens mail"),
            "text": _("Every nexthop whose entry changes was judged on every relay group; each keeps its outcome."),
        },
    }
    return render(request, "partners/candidate_detail.html", context)


@require_safe
@door("candidate-map")
def candidate_map(_request: HttpRequest, pk: int, group: str) -> HttpResponse:
    """Hand out the frozen map of a candidate for one relay group."""
    one = get_object_or_404(CandidateMap, candidate=pk, group__name=group)
    return plain_text(one.text, file_name="tls_policy")


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
    page = release_page(number)
    if page is None:
        raise Http404
    lost = drafts_in_the_way(page.release)
    context = {"page": page, "relays": relays_rail(page.published, now=timezone.now()), "lost": lost}
    return render(request, "partners/release_detail.html", context)


@require_safe
@door("release-map")
def release_map(_request: HttpRequest, number: int, group: str) -> HttpResponse:
    """Hand out the map of any release for one relay group."""
    release = get_object_or_404(Release, number=number)
    return plain_text(get_object_or_404(release.artefacts, group__name=group).text, file_name="tls_policy")


@require_POST
@door("release-rollback")
def roll_back(request: HttpRequest, number: int) -> HttpResponse:
    """Cut a candidate with the bytes of an older release; it goes through guard and approval as any."""
    release = get_object_or_404(Release, number=number)
    losing = {whole(text) for text in request.POST.getlist("draft")}
    candidate = acts.roll_back(release, by=reader(request), now=timezone.now(), losing=losing)
    if losing:
        messages.warning(
            request,
            _("Drafts were withdrawn for this. Tell their authors: the partner's page lets them take each up again."),
        )
    return redirect("candidate-detail", pk=candidate.pk)


@require_safe
@door("release-compare")
def compare(request: HttpRequest) -> HttpResponse:
    """Show what changes from one release to another."""
    old, new = whole(request.GET.get("old", "")), whole(request.GET.get("new", ""))
    page = compare_page(old, new, settings_by_group())
    if page is None:
        raise Http404
    return render(request, "partners/release_compare.html", {"page": page})
