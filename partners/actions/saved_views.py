"""Save, rename, share and remove views of the partner list; each person has one at most that opens first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from partners.actions import audit
from partners.actions.access import demand_editor, may_approve, may_edit
from partners.core.errors import NotAllowed, SettingsRefused, StaleRefused
from partners.models import DefaultView, SavedView, User
from partners.models.saved_views import VIEW_PARAMETERS

__all__ = [
    "NAME_MAX",
    "OWN_MAX",
    "SHARED_MAX",
    "change_view",
    "may_change_view",
    "open_first",
    "remove_view",
    "save_view",
]

NAME_MAX: Final = 60
OWN_MAX: Final = 20  # of one person: what is not found at a glance is no view
SHARED_MAX: Final = 30  # of all
_TEXT_MAX: Final = 200


def may_change_view(view: SavedView, user: User) -> bool:
    """Whether *user* may rename or remove *view*: its owner, and of a shared one an approver."""
    return view.owner_id == user.pk or (view.is_shared and may_approve(user))


def save_view(
    name: str,
    parameters: Mapping[str, str],
    *,
    is_shared: bool = False,
    opens_first: bool = False,
    by: User,
    now: datetime,
) -> SavedView:
    """Keep *parameters* (names in VIEW_PARAMETERS) as a view of *by*, who has to see the whole list.

    is_shared: everybody who sees the list finds it; that takes an editor. Errors: SettingsRefused, NotAllowed.
    """
    _demand_reader(by)
    text, kept = _name(name), _parameters(parameters)
    if is_shared:
        demand_editor(by)
    with transaction.atomic():
        if SavedView.objects.filter(owner=by).count() >= OWN_MAX:
            raise SettingsRefused(
                _("view %s") % text, _("%s views are kept for each person") % OWN_MAX, _("remove one")
            )
        _demand_place(text, is_shared=is_shared)
        try:
            with transaction.atomic():
                view = SavedView.objects.create(owner=by, name=text, parameters=kept, is_shared=is_shared, made_at=now)
        except IntegrityError as cause:
            raise _name_taken(text) from cause
        if opens_first:
            DefaultView.objects.update_or_create(person=by, defaults={"view": view})
        detail = {"name": text, "shared": is_shared, "parameters": kept}
        audit.record("saved-view.saved", f"saved view {view.pk}", by=by, now=now, detail=detail)
    return view


def change_view(
    view: SavedView, name: str, *, is_shared: bool, parameters: Mapping[str, str] | None = None, by: User, now: datetime
) -> None:
    """Rename *view*, share it or take it back from the others; parameters: what it shows from now on, None as before.

    A view that is not shared any more opens first for its owner alone. Errors: as save_view().
    """
    _demand_change(view, by)
    text, kept = _name(name), view.parameters if parameters is None else _parameters(parameters)
    if is_shared and not view.is_shared:
        demand_editor(by)
    with transaction.atomic():
        row = SavedView.objects.select_for_update().filter(pk=view.pk).first()
        if row is None:
            raise _gone(view)
        if is_shared and not row.is_shared:
            _demand_place(text, is_shared=True)
        detail = {"before": _told(row)}
        row.name, row.is_shared, row.parameters = text, is_shared, kept
        try:
            with transaction.atomic():
                row.save(update_fields=["name", "is_shared", "parameters"])
        except IntegrityError as cause:
            raise _name_taken(text) from cause
        if not is_shared:
            DefaultView.objects.filter(view=row).exclude(person=row.owner_id).delete()
        detail["after"] = _told(row)
        audit.record("saved-view.changed", f"saved view {row.pk}", by=by, now=now, detail=detail)


def remove_view(view: SavedView, *, by: User, now: datetime) -> None:
    """Remove *view*, for all who found it there; StaleRefused if it is gone already."""
    _demand_change(view, by)
    with transaction.atomic():
        gone, _rows = SavedView.objects.filter(pk=view.pk).delete()
        if not gone:
            raise _gone(view)
        audit.record("saved-view.removed", f"saved view {view.pk}", by=by, now=now, detail=_told(view))


def open_first(view: SavedView | None, *, by: User, now: datetime) -> None:
    """Let the list of *by* open with *view*, None for the whole list. Raises NotAllowed for what *by* does not see."""
    _demand_reader(by)
    if view is not None and view.owner_id != by.pk and not view.is_shared:
        raise NotAllowed(str(by), _("this view is somebody else's"))
    with transaction.atomic():
        if view is None:
            DefaultView.objects.filter(person=by).delete()
        else:
            DefaultView.objects.update_or_create(person=by, defaults={"view": view})
        detail = {"view": view.pk if view else None}
        audit.record("saved-view.opens-first", f"account {by.pk}", by=by, now=now, detail=detail)


def _demand_reader(user: User) -> None:
    if not (user.is_active and user.sees_everything):
        raise NotAllowed(str(user), _("only who sees the list of partners keeps views of it"))


def _demand_change(view: SavedView, user: User) -> None:
    _demand_reader(user)
    if not may_change_view(view, user):
        raise NotAllowed(str(user), _("this view is somebody else's"), _("ask its owner or an approver"))
    if view.is_shared and not may_edit(user):
        raise NotAllowed(str(user), _("only the mail team may do this"), _("ask an editor"))


def _demand_place(name: str, *, is_shared: bool) -> None:
    if is_shared and SavedView.objects.filter(is_shared=True).count() >= SHARED_MAX:
        raise SettingsRefused(_("view %s") % name, _("%s views are shared already") % SHARED_MAX, _("remove one"))


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > NAME_MAX or not name.isprintable():
        cause = _("its name is empty, too long or not printable")
        raise SettingsRefused(_("view"), cause, _("name it in 1 to %s letters") % NAME_MAX)
    return name


def _parameters(given: Mapping[str, str]) -> dict[str, str]:
    """Return *given* as it is kept; a name that no list ever had is a mistake of the caller."""
    strange = sorted(set(given) - set(VIEW_PARAMETERS))
    if strange:
        raise SettingsRefused(_("view"), _("a list has no filter %s") % ", ".join(strange)[:_TEXT_MAX])
    return {name: given[name][:_TEXT_MAX] for name in VIEW_PARAMETERS if given.get(name)}


def _name_taken(name: str) -> SettingsRefused:
    return SettingsRefused(_("view %s") % name, _("its owner has one of that name"), _("choose another name"))


def _gone(view: SavedView) -> StaleRefused:
    return StaleRefused(_("view %s") % view.name, _("it was removed in between"))


def _told(view: SavedView) -> dict[str, object]:
    return {"name": view.name, "shared": view.is_shared, "parameters": view.parameters}
