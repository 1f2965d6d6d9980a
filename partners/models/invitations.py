"""Single-use links that bring a person in."""

from django.conf import settings
from django.db import models

from partners.models.estate import Partner

__all__ = ["Invitation"]


class Invitation(models.Model):
    """A link for one address, one role and at most one partner; only its SHA-256 is kept."""

    email = models.EmailField()
    role = models.CharField(max_length=16)
    partner = models.ForeignKey(Partner, models.PROTECT, null=True, blank=True, related_name="invitations")
    sha256 = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    single_operator = models.BooleanField(default=False)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="invitation_partner_role",
                condition=models.Q(role="partner", partner__isnull=False)
                | (~models.Q(role="partner") & models.Q(partner__isnull=True)),
            ),
            models.CheckConstraint(
                name="invitation_two_people",
                condition=models.Q(approved_by__isnull=True)
                | models.Q(single_operator=True)
                | ~models.Q(approved_by=models.F("invited_by")),
            ),
        )

    def __str__(self) -> str:
        return f"invitation {self.pk}"
