"""Single-use links that bring a person in."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from partners.models.accounts import User
from partners.models.estate import Membership, Partner

__all__ = ["AGREEMENT_LIFETIME", "Invitation", "inviters_of"]

AGREEMENT_LIFETIME = timedelta(days=30)  # how long a fresh link can be made on the strength of one agreement


def inviters_of(people: Iterable[int]) -> set[int]:
    """Return who brought any of *people* in on a partner's side: nobody of them agrees to what those send.

    A later invitation by somebody else does not undo the first one.
    """
    contacts = set(people)
    addresses = User.objects.filter(pk__in=contacts).values("email")
    used = Invitation.objects.filter(role=User.Role.PARTNER.value, used_at__isnull=False, email__in=addresses)
    brought = Membership.objects.filter(user__in=contacts).order_by().values_list("invited_by_id", flat=True)
    return set(brought.union(used.exclude(invited_by=None).order_by().values_list("invited_by_id", flat=True)))


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations by what may still happen to them."""

    def unused(self) -> "InvitationQuerySet":
        """Return those that nobody used or ended."""
        return self.filter(used_at__isnull=True, revoked_at__isnull=True)

    def waiting(self, *, alone_counts: bool) -> "InvitationQuerySet":
        """Return those that a second person has to agree to; alone_counts: what one person made alone is agreed."""
        without_second = Q(approved_by__isnull=True, single_operator=False)
        return self.unused().filter(without_second if alone_counts else without_second | Q(single_operator=True))

    def agreed(self, *, alone_counts: bool) -> "InvitationQuerySet":
        """Return those whose link may be used."""
        with_second = Q(approved_by__isnull=False, single_operator=False)
        return self.unused().filter(with_second | Q(single_operator=True) if alone_counts else with_second)

    def sendable(self, *, alone_counts: bool, now: datetime) -> "InvitationQuerySet":
        """Return the agreed ones that are not too old for a fresh link."""
        return self.agreed(alone_counts=alone_counts).filter(agreed_at__gt=now - AGREEMENT_LIFETIME)


class Invitation(models.Model):
    """A link for one address, one role and at most one partner.

    sha256, expires_at: of the newest link; None until the link may be used, so that nobody holds it before.
    agreed_at: when the second person agreed (or the only one acted alone); a link can be made anew for a while after.
    language: of the mail. mail_fault: why the newest link did not leave, empty if it did or was shown.
    """

    email = models.EmailField()
    role = models.CharField(max_length=16)
    partner = models.ForeignKey(Partner, models.PROTECT, null=True, blank=True, related_name="invitations")
    sha256 = models.CharField(max_length=64, unique=True, null=True, blank=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    single_operator = models.BooleanField(default=False)
    language = models.CharField(max_length=8, default="en")
    made_at = models.DateTimeField()
    agreed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail_fault = models.CharField(max_length=300, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="invitation_partner_role",
                condition=Q(role="partner", partner__isnull=False) | (~Q(role="partner") & Q(partner__isnull=True)),
            ),
            models.CheckConstraint(
                name="invitation_two_people",
                condition=Q(approved_by__isnull=True) | Q(single_operator=True) | ~Q(approved_by=F("invited_by")),
            ),
            models.CheckConstraint(
                name="invitation_link_after_agreement",
                condition=Q(sha256__isnull=True) | Q(single_operator=True) | Q(approved_by__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"invitation {self.pk}"
