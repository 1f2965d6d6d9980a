"""The form of a saved view: its name, and for whom it is."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from partners.actions.saved_views import NAME_MAX

__all__ = ["SavedViewForm"]


class SavedViewForm(forms.Form):
    """may_share: whether the reader may show it to others; is_new: whether it is only now saved."""

    name = forms.CharField(
        label=_("Name of the view"),
        max_length=NAME_MAX,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
        help_text=_("It stands above the list, such as “Banks that are weaker”."),
    )
    is_shared = forms.BooleanField(
        label=_("Share it"),
        required=False,
        help_text=_("Mail team and management find it above their lists too. “Only mine” then means whoever looks."),
    )
    opens_first = forms.BooleanField(
        label=_("Open the list with it"), required=False, help_text=_("For you alone; “All” still shows every partner.")
    )

    def __init__(self, *args: Any, may_share: bool, is_new: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("is_shared", "opens_first"):
            self.fields[name].widget.attrs["class"] = "form-check-input"
        if not is_new:
            del self.fields["opens_first"]
        if not may_share:
            del self.fields["is_shared"]

    def clean(self) -> dict[str, Any]:
        """Return what was chosen; what was not offered is not."""
        return {"is_shared": False, "opens_first": False, **(super().clean() or {})}
