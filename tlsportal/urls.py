"""Where each door hangs: health, sign-in, the read-only admin and the pages."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path, re_path

from partners.admin import site
from tlsportal.health import healthz
from tlsportal.metrics import metrics

# Doors of allauth that would go round an action: nobody signs up alone, and a new address needs a second person.
CLOSED_DOORS = ("signup/", "email/", "confirm-email/")


def not_here(request: HttpRequest) -> HttpResponse:
    """Answer as if there were no such page."""
    raise Http404(request.path)


urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("metrics", metrics, name="metrics"),
    *(re_path(rf"^accounts/{closed}", not_here) for closed in CLOSED_DOORS),
    path("accounts/", include("allauth.urls")),
    path("admin/", site.urls),
    path("", include("partners.web.frame_urls")),
    path("", include("partners.web.urls")),
]
handler400 = "partners.web.failures.not_understood"
handler500 = "partners.web.failures.server_error"
handler429 = "partners.web.failures.too_many"  # allauth's own name for it
