"""The form of a relay group: shape and size; what its words mean, the action knows."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from partners.actions.group_changes import CA_BYTES_MAX, ca_set_of, main_cf_of
from partners.actions.relay_groups import MAP_TYPES
from partners.core.errors import RefusedInput
from partners.models import RelayGroup

__all__ = ["GroupForm", "start_of"]


class GroupForm(forms.Form):
    """A relay group as its relays are set up. name is asked for a new one alone."""

    name = forms.SlugField(label=_("Name"), max_length=60, required=False, help_text=_("a-z, 0-9 and -"))
    postfix = forms.CharField(
        label=_("Postfix release"), max_length=20, help_text=_("Of the oldest relay in the group, like 3.7.11.")
    )
    openssl = forms.CharField(
        label=_("OpenSSL release"), max_length=20, help_text=_("Of the oldest relay, like 3.0.19.")
    )
    map_type = forms.ChoiceField(label=_("Map type"), choices=[(name, name) for name in sorted(MAP_TYPES)])
    tafile_directory = forms.CharField(
        label=_("Directory on the relays"),
        max_length=200,
        help_text=_("Where the map and partners' own CAs stand; it is written into tafile=."),
    )
    vantage = forms.SlugField(
        label=_("Seen from"),
        max_length=40,
        required=False,
        help_text=_("“here” for the portal's own workers, else the name of a probe elsewhere."),
    )
    main_cf = forms.CharField(
        label=_("main.cf"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 8, "class": "form-control mono", "spellcheck": "false"}),
        help_text=_("Lines name = value, as postconf -n prints them; what is left out has Postfix's default."),
    )
    ca_file = forms.FileField(
        label=_("Public CAs"),
        required=False,
        widget=forms.FileInput,
        help_text=_("The file of smtp_tls_CAfile, as PEM. Without a file, the set stays as it is."),
    )
    no_ca = forms.BooleanField(label=_("Trust no public CA"), required=False)

    def clean_main_cf(self) -> dict[str, str]:
        """Return the parameters."""
        try:
            return main_cf_of(self.cleaned_data["main_cf"])
        except RefusedInput as refusal:
            raise forms.ValidationError(refusal.told_in(gettext)) from refusal

    def clean_ca_file(self) -> str | None:
        """Return the certificates as PEM, None where no file was sent; its size is bound before it is read."""
        file = self.cleaned_data["ca_file"]
        if file is None:
            return None
        if file.size > CA_BYTES_MAX:
            raise forms.ValidationError(_("It is larger than we read."))
        try:
            return ca_set_of(file.read().decode("ascii", "replace"))
        except RefusedInput as refusal:
            raise forms.ValidationError(refusal.told_in(gettext)) from refusal

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of the group as they shall be; the CA set is there only if it was spoken of."""
        given = self.cleaned_data
        found = {name: given[name] for name in ("postfix", "openssl", "map_type", "tafile_directory", "main_cf")}
        found |= {"vantage": given["vantage"]} if given["vantage"] else {}
        if given["no_ca"]:
            return {**found, "ca_pem": ""}
        return found if given["ca_file"] is None else {**found, "ca_pem": given["ca_file"]}


def start_of(group: RelayGroup) -> dict[str, Any]:
    """Return what the form of *group* begins with."""
    return {
        "postfix": group.postfix,
        "openssl": group.openssl,
        "map_type": group.map_type,
        "tafile_directory": group.tafile_directory,
        "vantage": group.vantage,
        "main_cf": "".join(f"{name} = {text}\n" for name, text in sorted(group.main_cf.items())),
    }
