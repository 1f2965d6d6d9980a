"""The fields of an agreement and its entry."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partners.core.levels import Protection, SecurityLevel
from partners.core.names import shown

__all__ = ["EntryForm", "NexthopsField", "PartnerForm", "field_of", "nexthops_in", "proposed_fields"]

_PREFILLED_MAX = 10_000

_LEVELS = [(level.value, level.value) for level in SecurityLevel]
_AGREED = {one.value for one in Protection}
_PROTECTIONS = [(one.value, gettext_lazy(one.word)) for one in Protection]
_CIPHERS = [("", gettext_lazy("as main.cf says")), ("medium", "medium"), ("high", "high")]
# What a refusal is about, by the words that it begins with: the field beside which it stands.
_WORD = re.compile(r"[A-Za-z_]+")
_NAMED = ("match", "tafile", "protocols", "ciphers", "exclude", "servername", "level", "agreed", "basis", "comment")
_MONO = {"class": "mono", "spellcheck": "false", "autocomplete": "off", "autocapitalize": "off"}


class NexthopsField(forms.CharField):
    """One nexthop, or several with commas between them. A blank separates nothing: it may be a slip inside of one."""

    def clean(self, value: Any) -> list[str]:
        """Return the nexthops as they were typed; what a nexthop is, core says."""
        found = nexthops_in(super().clean(value))
        for one in found:
            if len(one.split()) > 1:
                fault = _("“%s” holds a blank or a line end: write one nexthop, or several with commas between them.")
                raise ValidationError(fault % shown(one))
        return found

    def prepare_value(self, value: Any) -> Any:
        """Return the nexthops as a person types them."""
        return ", ".join(value) if isinstance(value, list | tuple) else value


class EntryForm(forms.Form):
    """The fields of an agreement and its entry, by their postconf(5) names; the rules are core's."""

    nexthops = NexthopsField(
        label=gettext_lazy("Nexthop"),
        max_length=2000,
        widget=forms.TextInput(attrs=_MONO),
        help_text=gettext_lazy(
            "The domain, or the next hop as Postfix writes it: .example.com or [mx.example.com]:587. Several: with "
            "commas between them."
        ),
    )
    level = forms.ChoiceField(
        label="level",
        choices=_LEVELS,
        initial="secure",
        help_text=gettext_lazy("What Postfix demands of their servers before it hands a message over."),
    )
    match = forms.CharField(
        label="match",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, **_MONO}),
        help_text=gettext_lazy(
            "One a line: names for verify and secure, digests for fingerprint. Announced pins are kept apart."
        ),
    )
    protocols = forms.CharField(
        label="protocols",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"placeholder": ">=TLSv1.2", **_MONO}),
        help_text=gettext_lazy("The TLS versions that are allowed; empty: as main.cf says."),
    )
    ciphers = forms.ChoiceField(
        label="ciphers",
        required=False,
        choices=_CIPHERS,
        help_text=gettext_lazy("The least grade of ciphers that is offered."),
    )
    exclude = forms.CharField(
        label="exclude",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "aNULL:3DES", **_MONO}),
        help_text=gettext_lazy("Ciphers that are not offered, separated by colons."),
    )
    servername = forms.CharField(
        label="servername",
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={"placeholder": "nexthop", **_MONO}),
        help_text=gettext_lazy("The name that is asked for in the handshake (SNI): hostname, nexthop, or a name."),
    )
    agreed = forms.ChoiceField(
        label=gettext_lazy("Agreed protection"),
        choices=_PROTECTIONS,
        initial="ca-and-name",
        help_text=gettext_lazy("What was promised: compliance is measured by it, whatever the entry says."),
    )
    basis = forms.CharField(
        label=gettext_lazy("Basis of the agreement"),
        max_length=300,
        required=False,
        help_text=gettext_lazy("A contract, a ticket, a letter: where it is written down."),
    )
    review_on = forms.DateField(
        label=gettext_lazy("Next review"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("When somebody asks again whether it is still as agreed."),
    )

    ENTRY = ("protocols", "ciphers", "exclude", "servername")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            box = "form-select" if isinstance(field, forms.ChoiceField) else "form-control"
            given = field.widget.attrs.get("class", "")
            field.widget.attrs["class"] = f"{box} {given}".strip()

    @property
    def seldom(self) -> list[forms.BoundField]:
        """The fields that most entries leave empty."""
        return [self[name] for name in self.ENTRY]

    @property
    def seldom_used(self) -> bool:
        """Whether one of them holds something, or is at fault."""
        return any(self[name].value() or self[name].errors for name in self.ENTRY)


class PartnerForm(EntryForm):
    """A new partner with its first channel."""

    name = forms.CharField(
        label=gettext_lazy("Name of the company"),
        max_length=200,
        help_text=gettext_lazy("As your people know it."),
    )
    field_order = ("name",)


def nexthops_in(typed: str) -> list[str]:
    """Return the parts of *typed* between its commas; an empty one is nothing."""
    return [one for part in typed.split(",") if (one := part.strip())]


def field_of(form: forms.Form, text: str) -> str | None:
    """Return the field beside which a refusal stands, None for the whole form. text: its subject and cause.

    The first word that is a field's name decides, for the causes name the attribute that they are about.
    """
    words = _WORD.findall(text.lower())  # "Partner" and "Nexthop" are nouns in German
    if words[:1] == ["partner"]:
        return "name" if "name" in form.fields else None
    found = next((word for word in words if word in _NAMED and word in form.fields), None)
    return found or ("nexthops" if words[:1] == ["nexthop"] and "Postfix" not in text else None)


def proposed_fields(asked: Mapping[str, str]) -> dict[str, str]:
    """Return what a link of a proposal fills in: level, match and agreed, where they are of a form's kind.

    It fills the form alone: nothing is saved before the person presses the button.
    """
    found = {}
    if asked.get("level") in dict(_LEVELS):
        found["level"] = asked["level"]
    if asked.get("agreed") in _AGREED:
        found["agreed"] = asked["agreed"]
    if "level" in found:
        found["match"] = asked.get("match", "")[:_PREFILLED_MAX]
    return found
