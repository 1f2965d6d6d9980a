"""What the shell around each page shows: entries, person, theme and language, ready for the templates."""

from dataclasses import dataclass
from typing import Any

import structlog
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from partners.models import User
from partners.reports.watch import watch_banner
from partners.web.preferences import chosen_theme


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a navigation before it is resolved.

    group: the heading it stands below; key: the letter that opens it after "g".
    """

    url_name: str
    label: Promise
    icon: str
    group: Promise | str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as the template prints it; opens_group: whether the heading stands above this one."""

    url: str
    label: Promise
    icon: str
    group: Promise | str
    key: str
    opens_group: bool
    current: bool


@dataclass(frozen=True, slots=True)
class Person:
    """The reader, as the corner of the shell names them."""

    name: str
    initials: str
    roles: str


_LOOK_BACK = _("Look back and ahead")
_SET_UP = _("Set-up")
_WATCH = _("Look at servers")

TEAM = (
    Row("today", _("Today"), "inbox", key="t"),
    Row("alert-list", _("Alerts"), "bell"),
    Row("partner-list", _("Partners"), "users", key="p"),
    Row("approvals", _("Approvals"), "user-check", key="a"),
    Row("release-list", _("Releases"), "stack", key="r"),
    Row("relay-list", _("Relays"), "server"),
    Row("watch", _("The watch"), "eye", _WATCH),
    Row("endpoint-list", _("Servers"), "route", _WATCH),
    Row("compliance", _("Compliance"), "chart", _LOOK_BACK, "c"),
    Row("certificate-list", _("Certificates"), "cert", _LOOK_BACK),
    Row("audit-list", _("Audit log"), "book", _LOOK_BACK),
    Row("export-home", _("Export"), "download", _SET_UP),
    Row("settings-home", _("Settings"), "settings", _SET_UP),
)
PARTNER = (
    Row("portal-home", _("Your servers"), "server"),
    Row("portal-help", _("Help"), "note"),
)
MANAGEMENT = (
    Row("compliance", _("Compliance"), "chart"),
    Row("partner-list", _("Partners"), "users"),
    Row("certificate-list", _("Certificates"), "cert"),
    Row("audit-list", _("Audit log"), "book"),
)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return what every page of this reader borrows; `shell` is the template to extend."""
    user: User | AnonymousUser = getattr(request, "user", None) or AnonymousUser()
    template, frame, rows = _audience(user)
    return {
        "shell": template,
        "frame": frame,
        "theme": chosen_theme(request),
        "reference": structlog.contextvars.get_contextvars().get("request_id", ""),
        "navigation": entries(rows, path=request.path),
        "person": person(user),
        "late": watch_banner() if template == "base_team.html" else None,
    }


def entries(rows: tuple[Row, ...], *, path: str) -> list[Entry]:
    """Return *rows* whose page exists; the one that *path* lies in is current."""
    found: list[tuple[Row, str]] = []
    for row in rows:
        try:
            found.append((row, reverse(row.url_name)))
        except NoReverseMatch:
            continue
    inside = [url for _row, url in found if path == url or (url != "/" and path.startswith(url))]
    current = max(inside, key=len, default=None)
    headings = ["", *(str(row.group) for row, _url in found)]
    return [
        Entry(url, row.label, row.icon, row.group, row.key, str(row.group) != headings[index], url == current)
        for index, (row, url) in enumerate(found)
    ]


def person(user: User | AnonymousUser) -> Person | None:
    """Return name, initials and roles of *user*; None for a visitor."""
    if not isinstance(user, User):
        return None
    name = user.get_full_name() or user.email
    words = name.split("@")[0].replace(".", " ").replace("-", " ").split()
    initials = "".join(word[0] for word in [*words[:1], *words[1:][-1:]]).upper()
    labels = {role.value: str(role.label) for role in User.Role}
    return Person(name, initials, ", ".join(labels[role] for role in labels if role in user.roles))


def _audience(user: User | AnonymousUser) -> tuple[str, str, tuple[Row, ...]]:
    """Return the shell, its frame and the entries for *user*: the least of them for whoever has no role."""
    if not isinstance(user, User):
        return "base_entrance.html", "", ()
    if User.Role.PARTNER.value in user.roles:
        return "base_bar.html", "calm", PARTNER
    if user.is_mail_team:
        return "base_team.html", "", TEAM
    if user.sees_everything:
        return "base_bar.html", "sheet", MANAGEMENT
    return "base_bar.html", "calm", ()
