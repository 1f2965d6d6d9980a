"""The doors of the frame around the pages: theme, language, and the kit of components."""

from django.urls import URLPattern, path
from django.views.i18n import set_language

from partners.web.kit import show_kit
from partners.web.preferences import set_theme

urlpatterns: list[URLPattern] = [
    path("preferences/theme/", set_theme, name="set-theme"),
    path("preferences/language/", set_language, name="set_language"),
    path("kit/", show_kit, name="kit"),
]
