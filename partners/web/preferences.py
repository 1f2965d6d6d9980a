"""What a reader may choose for the browser: the theme. (The language is Django's set_language.)"""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

THEME_COOKIE: Final = "tlsportal_theme"
THEMES: Final = frozenset({"light", "dark"})
_KEPT_FOR: Final = timedelta(days=365)


def chosen_theme(request: HttpRequest) -> str:
    """Return "light" or "dark" as chosen in this browser; empty: as the system asks."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return theme if theme in THEMES else ""


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Remember the theme in this browser and go back to the page; any other word than the two forgets it."""
    answer = HttpResponseRedirect(_way_back(request))
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        answer.set_cookie(
            THEME_COOKIE,
            theme,
            max_age=_KEPT_FOR,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    else:
        answer.delete_cookie(THEME_COOKIE, samesite="Lax")
    return answer


def _way_back(request: HttpRequest) -> str:
    """Return the page that was named or came from, if it is one of ours."""
    for url in (request.POST.get("next", ""), request.headers.get("referer", "")):
        if url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
            return url
    return "/"
