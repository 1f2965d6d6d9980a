"""What the relays fetch, and how they are told to."""

import hashlib
from pathlib import PurePosixPath

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from partners.actions.tokens import note_fetch, token_of
from partners.core.bundle import CA_NAME, manifest_of
from partners.models import Artefact, RelayToken
from partners.reports.authorities import released_set
from partners.reports.relays import published_release
from partners.reports.releases import active_artefact, map_text
from partners.web.access import door

__all__ = [
    "download",
    "download_ca",
    "export_home",
    "fetch_script",
    "plain_text",
    "relay_ca",
    "relay_export",
    "relay_manifest",
    "relay_tafile",
]


@require_safe
@door("export-home")
def export_home(request: HttpRequest) -> HttpResponse:
    """Show the map of the published release per relay group, and the script that fetches it."""
    release = published_release()
    artefacts = release.artefacts.defer("text").select_related("group").order_by("group__name") if release else ()
    rows = [{"map": map_text(one), "script": fetch_script(one), "ca": released_set(one)} for one in artefacts]
    return render(request, "partners/export_home.html", {"release": release, "rows": rows})


@require_safe
@door("export-download")
def download(_request: HttpRequest, group: str) -> HttpResponse:
    """Hand out the published map of *group* as a file."""
    artefact = active_artefact(group)
    if artefact is None:
        raise Http404
    return plain_text(artefact.text, file_name="tls_policy")


@require_safe
@door("export-ca")
def download_ca(_request: HttpRequest, group: str) -> HttpResponse:
    """Hand out the CA set that the published map of *group* is judged by, as a file."""
    artefact = active_artefact(group)
    if artefact is None or not artefact.ca_pem:
        raise Http404
    return plain_text(artefact.ca_pem, file_name=CA_NAME)


@require_safe
@door("relay-export")
def relay_export(request: HttpRequest, group: str) -> HttpResponse:
    """Hand the published map to a relay of *group* that shows its token, over TLS or loopback only.

    401 without a token, 404 for another group's token (no relay learns which groups there are), 304 on a known ETag.
    The ETag is that of the whole artefact; X-CA-SHA256 names the CA set that belongs to this map, "none" for none.
    """
    found = _opened(request, group)
    if isinstance(found, HttpResponse):
        return found
    token, artefact = found
    note_fetch(token, artefact.release.number, now=timezone.now())
    answer = _tagged(request, artefact.text, artefact.sha256)
    if artefact.ca_pem is not None:
        answer["X-CA-SHA256"] = _sha256(artefact.ca_pem) if artefact.ca_pem else "none"
    return answer


@require_safe
@door("relay-ca")
def relay_ca(request: HttpRequest, group: str) -> HttpResponse:
    """Hand the CA set of the published map to a relay of *group*; 404 where the release trusts no public CA."""
    found = _opened(request, group)
    if isinstance(found, HttpResponse):
        return found
    _token, artefact = found
    if not artefact.ca_pem:
        return HttpResponse(_("This release has no CA set.\n"), status=404, content_type="text/plain")
    return _tagged(request, artefact.ca_pem, _sha256(artefact.ca_pem))


@require_safe
@door("relay-manifest")
def relay_manifest(request: HttpRequest, group: str) -> HttpResponse:
    """Hand out what belongs to the published map of *group*: each file with its SHA-256 and size, as JSON."""
    found = _opened(request, group)
    if isinstance(found, HttpResponse):
        return found
    _token, one = found
    manifest = manifest_of(one.release.number, group, one.text, one.tafiles, ca_pem=one.ca_pem or "")
    answer = _tagged(request, manifest.canonical.decode(), manifest.sha256)
    answer["Content-Type"] = "application/json"
    return answer


@require_safe
@door("relay-tafile")
def relay_tafile(request: HttpRequest, group: str, name: str) -> HttpResponse:
    """Hand a file that the published map names in tafile= to a relay of *group*; what it does not name is not there."""
    found = _opened(request, group)
    if isinstance(found, HttpResponse):
        return found
    _token, artefact = found
    named = {PurePosixPath(path).name: pem for path, pem in artefact.tafiles.items()}
    if name not in named:
        return HttpResponse(_("The map names no such file.\n"), status=404, content_type="text/plain")
    return plain_text(named[name])


def plain_text(text: str, *, file_name: str = "") -> HttpResponse:
    """Return *text* as bytes that are told by their hash; file_name: to be saved under that name."""
    answer = HttpResponse(text.encode(), content_type="text/plain; charset=utf-8")
    answer["X-Content-SHA256"] = _sha256(text)
    answer["Cache-Control"] = "private, no-cache"
    if file_name:
        answer["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return answer


def fetch_script(artefact: Artefact) -> str:
    """Return the script with which a relay of the artefact's group fetches its map, ready to be copied."""
    group = artefact.group
    context = {
        "group": group.name,
        "url": settings.PORTAL_URL + reverse("relay-export", args=[group.name]),
        "authorities": settings.PORTAL_URL + reverse("relay-ca", args=[group.name]),
        "files": settings.PORTAL_URL + reverse("relay-tafile", args=[group.name, "NAME"]).removesuffix("NAME"),
        "directory": group.tafile_directory,
        "map_type": group.map_type,
    }
    return render_to_string("partners/fetch_script.sh", context)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _tagged(request: HttpRequest, text: str, tag: str) -> HttpResponse:
    """Return *text* under the ETag *tag*, or 304 to who has it (RFC 9110 section 13.1.2: W/ is no difference)."""
    etag = f'"{tag}"'
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if known == ["*"] or etag in [one.removeprefix("W/") for one in known]:
        return HttpResponse(status=304, headers={"ETag": etag})
    answer = plain_text(text)
    answer["ETag"] = etag
    return answer


def _opened(request: HttpRequest, group: str) -> tuple[RelayToken, Artefact] | HttpResponse:
    """Return the token shown and the map that it opens, else the refusal."""
    if not request.is_secure() and request.META.get("REMOTE_ADDR") not in {"127.0.0.1", "::1"}:
        return HttpResponse(
            _("Use https: the token would travel in the clear.\n"), status=403, content_type="text/plain"
        )
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    token = token_of(secret.strip(), now=timezone.now()) if scheme.lower() == "bearer" else None
    if token is None:
        answer = HttpResponse(_("A relay token is needed.\n"), status=401, content_type="text/plain")
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    artefact = active_artefact(group) if token.group.name == group else None
    if artefact is None:
        return HttpResponse(_("There is no map here for this token.\n"), status=404, content_type="text/plain")
    return token, artefact
