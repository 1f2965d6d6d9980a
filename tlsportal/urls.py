"""Where each door hangs: health, sign-in, the read-only admin and the pages."""

from django.urls import URLPattern, URLResolver, include, path

from partners.admin import site
from tlsportal.health import healthz

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("accounts/", include("allauth.urls")),
    path("admin/", site.urls),
    path("", include("partners.web.frame_urls")),
    path("", include("partners.web.urls")),
]
handler500 = "partners.web.failures.server_error"
