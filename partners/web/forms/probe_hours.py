"""The form of when a partner's servers are looked at: shape and types; what may be, the action knows."""

from django import forms
from django.utils.translation import gettext_lazy as _

from partners.core.schedule import PROBE_MINUTES_LEAST, PROBE_MINUTES_MOST

__all__ = ["ProbeHoursForm"]


def _time_input() -> forms.TimeInput:
    return forms.TimeInput(format="%H:%M", attrs={"type": "time", "class": "form-control"})


class ProbeHoursForm(forms.Form):
    """How often, and when not."""

    minutes = forms.IntegerField(
        label=_("Minutes between two looks"),
        min_value=PROBE_MINUTES_LEAST,
        max_value=PROBE_MINUTES_MOST,
        help_text=_("Near the end of a certificate, and after something moved, we look sooner by ourselves."),
    )
    quiet_from = forms.TimeField(
        label=_("Quiet from"),
        required=False,
        widget=_time_input(),
        help_text=_("In these hours nobody connects to their servers, unless a person asks for a look."),
    )
    quiet_until = forms.TimeField(label=_("Quiet until"), required=False, widget=_time_input())
