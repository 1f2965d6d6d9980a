"""What an address of the partner list says: read, written, and told in words."""

from collections.abc import Iterator, Mapping
from typing import Final

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partners.models.saved_views import VIEW_PARAMETERS
from partners.reports.listing import Chosen
from partners.reports.saved_views import ViewRow
from partners.web.queries import query_url

__all__ = ["COLUMN_WORDS", "PARAMETER_WORDS", "chips", "chosen_of", "told_view", "view_tabs"]

COLUMN_WORDS: Final[Mapping[str, Promise]] = {
    "level": gettext_lazy("Entry"),
    "would": gettext_lazy("Postfix would"),
    "hosts": gettext_lazy("Hosts"),
    "next": gettext_lazy("Next date"),
    "owner": gettext_lazy("Owner"),
    "seen": gettext_lazy("Seen"),
}
PARAMETER_WORDS: Final[Mapping[str, Promise]] = {
    "q": gettext_lazy("Search"),
    "state": gettext_lazy("State"),
    "level": gettext_lazy("Level"),
    "agreed": gettext_lazy("Agreed"),
    "tag": gettext_lazy("Tag"),
    "mine": gettext_lazy("Owner"),
    "sort": gettext_lazy("Sorted by"),
    "cols": gettext_lazy("Columns"),
}
_SORT_WORDS: Final[Mapping[str, Promise]] = {
    "harm": gettext_lazy("harm"),
    "name": gettext_lazy("partner"),
    "level": gettext_lazy("entry"),
    "owner": gettext_lazy("owner"),
    "seen": gettext_lazy("last seen"),
}


def chosen_of(given: QueryDict) -> Chosen:
    """Return what *given* chooses; columns may come one by one, as boxes of a form send them."""
    asked = {name: str(given.get(name, "")) for name in (*VIEW_PARAMETERS, "after", "before")}
    return Chosen.of({**asked, "cols": ",".join(given.getlist("cols"))})


def chips(chosen: Chosen) -> Iterator[dict[str, str]]:
    """Yield a chip for each filter beside the tabs, with the address that takes it away."""
    filters = {
        "q": chosen.query,
        "level": chosen.level,
        "agreed": chosen.agreed,
        "tag": chosen.tag,
        "mine": _("me") if chosen.mine else "",
    }
    for name, shown in filters.items():
        if shown:
            url = query_url(chosen.parameters, **{name: ""})
            yield {"name": name, "label": str(PARAMETER_WORDS[name]), "value": shown, "url": url}


def view_tabs(rows: tuple[ViewRow, ...], chosen: Chosen) -> list[dict[str, object]]:
    """Return a tab for each saved view; the one that shows what is *chosen* is current."""
    given = chosen.parameters
    return [{"pk": row.pk, "name": row.name, "on": dict(row.parameters) == given} for row in rows]


def told_view(parameters: Mapping[str, str]) -> list[dict[str, str]]:
    """Say what *parameters* (of a Chosen) show, each with its label; the page words a state and what is agreed."""
    return [
        {"name": name, "label": str(label), "value": _told(name, parameters[name])}
        for name, label in PARAMETER_WORDS.items()
        if parameters.get(name)
    ]


def _told(name: str, text: str) -> str:
    if name == "mine":
        return _("me")
    if name == "sort":
        word = str(_SORT_WORDS[text.removeprefix("-")])
        return _("%s, the other way round") % word if text.startswith("-") else word
    if name == "cols":
        return ", ".join(str(COLUMN_WORDS[one]) for one in text.split(","))
    return text
