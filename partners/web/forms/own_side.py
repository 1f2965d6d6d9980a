"""The form of a certificate of our own: shape and size; what it holds, the action knows."""

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from partners.core.uploads import UPLOAD_BYTES_MAX

__all__ = ["OwnCertificateForm"]

_NAMES_MAX = 5000


class _NotSentBack(forms.Textarea):
    """A field whose content no answer repeats: a private key may have been pasted."""

    def format_value(self, value: object) -> str:  # noqa: ARG002  Django's signature
        """Return nothing, whatever was sent."""
        return ""


class OwnCertificateForm(forms.Form):
    """Host names and a certificate, as a file or pasted."""

    names = forms.CharField(
        label=_("Host names"),
        max_length=_NAMES_MAX,
        widget=forms.Textarea(attrs={"rows": 3, "class": "form-control mono", "spellcheck": "false"}),
        help_text=_("The public names of the servers that show it, one a line."),
    )
    file = forms.FileField(
        label=_("Certificate file"),
        required=False,
        widget=forms.FileInput,
        help_text=_("PEM, DER or PKCS#7; never a key."),
    )
    pasted = forms.CharField(
        label=_("Or the certificate as text"),
        required=False,
        max_length=UPLOAD_BYTES_MAX,
        widget=_NotSentBack(attrs={"rows": 4, "class": "form-control mono", "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, object]:
        """Ask for one of the two."""
        given = super().clean() or {}
        if not given.get("file") and not given.get("pasted") and "file" not in self.errors:
            raise forms.ValidationError(_("Choose a file, or paste the certificate."))
        return given

    @property
    def content(self) -> bytes:
        """What was sent, at most one byte over the limit (the action refuses it then)."""
        file = self.cleaned_data.get("file")
        if isinstance(file, UploadedFile):
            return bytes(file.read(UPLOAD_BYTES_MAX + 1))
        return str(self.cleaned_data["pasted"]).encode()
