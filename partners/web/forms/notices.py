"""Forms of the notices: whom alerts are told to, and what is set for a partner. What may be, the actions know."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from partners.core.alarms import Severity
from partners.models import NoticeTarget
from partners.reports.alerts import SEVERITIES

__all__ = ["PartnerNoticesForm", "TargetForm"]


class TargetForm(forms.Form):
    """An address or a webhook of the house."""

    via = forms.ChoiceField(label=_("How"), choices=NoticeTarget.Via.choices)
    address = forms.CharField(
        label=_("Address"),
        max_length=500,
        widget=forms.TextInput(attrs={"class": "form-control mono", "spellcheck": "false", "autocomplete": "off"}),
        help_text=_("A mail address, or an address like https://hooks.example.com/path."),
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    least = forms.TypedChoiceField(
        label=_("From"),
        coerce=lambda text: Severity(int(text)),
        choices=[(one.value, SEVERITIES[one]) for one in reversed(Severity)],
        help_text=_("This, and all that is worse."),
    )
    only_escalated = forms.BooleanField(label=_("Only what nobody looks after in time"), required=False)

    @property
    def target(self) -> dict[str, Any]:
        """What add_target() takes."""
        given = self.cleaned_data
        return {
            "via": NoticeTarget.Via(given["via"]),
            "address": given["address"],
            "language": given["language"],
            "least": given["least"],
            "only_escalated": given["only_escalated"],
        }


class PartnerNoticesForm(forms.Form):
    """What is set for one partner."""

    contacts_told = forms.BooleanField(
        label=_("Tell their contacts of their own alerts"),
        required=False,
        help_text=_("By mail, in the contact's language, with what to do; never of anybody else."),
    )
    warn_percent = forms.IntegerField(
        label=_("Warn when this much of a certificate's lifetime is left"),
        required=False,
        min_value=1,
        max_value=90,
        help_text=_("In percent; empty for the default of 15, which is 7 days of 47 and 13 of 90."),
    )
