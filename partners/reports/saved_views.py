"""Saved views as the list and their own page show them."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from partners.models import DefaultView, SavedView, User
from partners.reports.listing import Chosen
from partners.reports.people import name_of

__all__ = ["ViewRow", "view_row", "view_rows", "views_of"]


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One view. parameters: what an address says for it; lost: names of what it asked for and no list knows any more.

    owner: "" for the reader's own; stored: the row itself, for what asks who may change it.
    """

    pk: int
    name: str
    parameters: Mapping[str, str]
    lost: tuple[str, ...]
    owner: str
    is_shared: bool
    opens_first: bool
    stored: SavedView

    @property
    def is_own(self) -> bool:
        """Whether the reader made it."""
        return not self.owner


def views_of(user: User) -> QuerySet[SavedView]:
    """Return the views that *user* finds on the list: own ones, and those that are shared."""
    if not user.sees_everything:
        return SavedView.objects.none()
    return SavedView.objects.filter(Q(owner=user) | Q(is_shared=True))


def view_rows(user: User) -> tuple[ViewRow, ...]:
    """Return the views of *user*, own ones first, by name; one query."""
    mine = DefaultView.objects.filter(person=user, view=OuterRef("pk"))
    found = views_of(user).select_related("owner").annotate(opens_first=Exists(mine)).order_by("name", "pk")
    return tuple(sorted((view_row(view, user) for view in found), key=lambda row: not row.is_own))


def view_row(view: SavedView, user: User) -> ViewRow:
    """Return *view*, its owner read with it, as *user* sees it."""
    asked = {str(name): str(text) for name, text in view.parameters.items()}
    known = Chosen.of(asked).parameters
    return ViewRow(
        pk=view.pk,
        name=view.name,
        parameters=known,
        lost=tuple(name for name, text in asked.items() if text and known.get(name) != text),
        owner="" if view.owner_id == user.pk else name_of(view.owner),
        is_shared=view.is_shared,
        opens_first=bool(getattr(view, "opens_first", False)),
        stored=view,
    )
