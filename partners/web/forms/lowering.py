"""The form of a relaxation: what is asked until which day, and why."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy

from partners.core.levels import SecurityLevel
from partners.models import Channel
from partners.web.forms.entry import EntryForm

__all__ = ["LoweringForm"]

_ALONE = ("protocols", "ciphers")


class LoweringForm(forms.Form):
    """The entry until a day; what of it may be, the actions know."""

    level = EntryForm.base_fields["level"]
    match = EntryForm.base_fields["match"]
    protocols = EntryForm.base_fields["protocols"]
    ciphers = EntryForm.base_fields["ciphers"]
    until = forms.DateField(
        label=gettext_lazy("Last day"),
        widget=forms.DateInput(attrs={"type": "date", "class": "form-control"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("At the end of this day the old entry is drafted again by itself; at most half a year."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        widget=forms.TextInput(attrs={"class": "form-control"}),
        help_text=gettext_lazy("Management and auditors read it beside the partner until the last day."),
    )

    def __init__(self, *args: Any, channel: Channel, **options: Any) -> None:
        start = {name: getattr(channel, name) for name in ("level", "match", *_ALONE)}
        super().__init__(*args, **{"initial": start, **options})
        self.channel = channel
        for name in ("level", "match", *_ALONE):
            box = "form-select" if isinstance(self.fields[name], forms.ChoiceField) else "form-control"
            given = self.fields[name].widget.attrs.get("class", "")
            self.fields[name].widget.attrs["class"] = " ".join(dict.fromkeys([box, *given.split()]))
        self.fields["match"].help_text = gettext_lazy(
            "Left out by itself where the level takes none. It comes back with the old entry."
        )

    @property
    def lowered(self) -> dict[str, str]:
        """What lower_until() takes: the fields that differ, without those that the level does not take."""
        given = {name: self.cleaned_data[name].strip() for name in ("level", "match", *_ALONE)}
        level = SecurityLevel(given["level"])
        if not level.takes_match:
            given["match"] = ""
        if level is SecurityLevel.NONE:
            given |= dict.fromkeys((*_ALONE, "exclude", "servername"), "")
        kept = {name: "\n".join(str(getattr(self.channel, name)).splitlines()) for name in given}
        return {name: text for name, text in given.items() if "\n".join(text.splitlines()) != kept[name]}

    @property
    def end(self) -> datetime:
        """The moment after the last day, in the portal's time zone."""
        day: date = self.cleaned_data["until"]
        return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))

    def clean_until(self) -> date:
        """Refuse a day that no calendar goes beyond."""
        day: date = self.cleaned_data["until"]
        if day == date.max:
            raise forms.ValidationError(gettext_lazy("Name a day within half a year."))
        return day
