"""The fields of an agreement and its entry."""

from collections.abc import Mapping

from django import forms
from django.utils.translation import gettext_lazy

from partners.core.levels import Protection, SecurityLevel

__all__ = ["EntryForm", "PartnerForm", "proposed_fields"]

_PREFILLED_MAX = 10_000

_LEVELS = [(level.value, level.value) for level in SecurityLevel]
_AGREED = [(one.value, one.value) for one in Protection]


class EntryForm(forms.Form):
    """The fields of an agreement and its entry, by their postconf(5) names; the rules are core's."""

    nexthops = forms.CharField(
        label=gettext_lazy("Nexthop"),
        max_length=2000,
        help_text=gettext_lazy(
            "The domain, or the next hop as Postfix writes it: .example.com or [mx.example.com]:587"
        ),
    )
    level = forms.ChoiceField(label="level", choices=_LEVELS, initial="secure")
    match = forms.CharField(
        label="match",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "One a line: names for verify and secure, digests for fingerprint. Announced pins are kept apart."
        ),
    )
    agreed = forms.ChoiceField(label=gettext_lazy("Agreed protection"), choices=_AGREED, initial="ca-and-name")
    basis = forms.CharField(label=gettext_lazy("Basis of the agreement"), max_length=300, required=False)


class PartnerForm(EntryForm):
    """A new partner with its first channel."""

    name = forms.CharField(label=gettext_lazy("Name of the company"), max_length=200)
    field_order = ("name",)


def proposed_fields(asked: Mapping[str, str]) -> dict[str, str]:
    """Return what a link of a proposal fills in: level, match and agreed, where they are of a form's kind.

    It fills the form alone: nothing is saved before the person presses the button.
    """
    found = {}
    if asked.get("level") in dict(_LEVELS):
        found["level"] = asked["level"]
    if asked.get("agreed") in dict(_AGREED):
        found["agreed"] = asked["agreed"]
    if "level" in found:
        found["match"] = asked.get("match", "")[:_PREFILLED_MAX]
    return found
