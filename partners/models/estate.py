"""Partners, their channels and the people on their side."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from partners.core.levels import Protection, SecurityLevel
from partners.core.names import table_key
from partners.core.schedule import PROBE_MINUTES, PROBE_MINUTES_LEAST, PROBE_MINUTES_MOST

__all__ = ["Channel", "Contact", "Membership", "Nexthop", "Partner", "PrivateAuthority"]

_LEVELS = [(level.value, level.value) for level in SecurityLevel]
_PROTECTIONS = [(protection.value, protection.value) for protection in Protection]


class PartnerQuerySet(models.QuerySet["Partner"]):
    """Partners, narrowed to what a person may see."""

    def visible_to(self, user: "models.Model") -> "PartnerQuerySet":
        """Return all partners for the house's own people, else those the person is a member of.

        Deny by default: an account without a role and without a membership sees none.
        """
        if getattr(user, "sees_everything", False):
            return self
        return self.filter(memberships__user_id=user.pk, memberships__ended_at__isnull=True).distinct()


class Partner(models.Model):
    """A company we exchange mail with.

    probe_minutes: how often its servers are looked at. quiet_from, quiet_until: hours of the day, in the portal's time
    zone, in which nobody connects to them unless a person asks; both or none.
    """

    name = models.CharField(_("name"), max_length=200, unique=True)
    tags = models.CharField(_("tags"), max_length=200, blank=True)
    notes = models.TextField(_("notes"), blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)
    probe_minutes = models.PositiveSmallIntegerField(_("minutes between looks"), default=PROBE_MINUTES)
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)

    objects = PartnerQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        indexes = (models.Index(name="partner_quiet", fields=["quiet_from"], condition=Q(quiet_from__isnull=False)),)
        constraints = (
            models.CheckConstraint(
                name="partner_probe_minutes",
                condition=Q(probe_minutes__gte=PROBE_MINUTES_LEAST, probe_minutes__lte=PROBE_MINUTES_MOST),
            ),
            models.CheckConstraint(
                name="partner_quiet_hours",
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return self.name


class Channel(models.Model):
    """The agreement about mail to one partner and the entry that keeps it; covers one or more nexthop keys.

    The fields of the entry are postconf(5)'s names: level, match, tafile (through authorities), protocols, ciphers,
    exclude, servername. agreed, basis, review_on and owner are the agreement.
    """

    partner = models.ForeignKey(Partner, models.PROTECT, related_name="channels")
    agreed = models.CharField(_("agreed protection"), max_length=16, choices=_PROTECTIONS)
    basis = models.CharField(_("basis of the agreement"), max_length=300, blank=True)
    review_on = models.DateField(_("next review"), null=True, blank=True)
    level = models.CharField(_("level"), max_length=16, choices=_LEVELS)
    match = models.TextField(_("match"), blank=True, help_text=_("One name a line; pins are kept apart."))
    protocols = models.CharField(_("protocols"), max_length=100, blank=True)
    ciphers = models.CharField(_("ciphers"), max_length=20, blank=True)
    exclude = models.CharField(_("exclude"), max_length=200, blank=True)
    servername = models.CharField(_("servername"), max_length=255, blank=True)
    comment = models.TextField(_("comment in the map"), blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    lowered_until = models.DateTimeField(null=True, blank=True)
    lowered_reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = (
            models.Index(name="channel_lowered", fields=["lowered_until"], condition=Q(lowered_until__isnull=False)),
        )
        constraints = (
            models.CheckConstraint(
                name="channel_level_known", condition=Q(level__in=[level.value for level in SecurityLevel])
            ),
            models.CheckConstraint(
                name="channel_agreed_known", condition=Q(agreed__in=[protection.value for protection in Protection])
            ),
        )

    def __str__(self) -> str:
        return f"channel {self.pk}"


class TableKeyField(models.CharField):  # type: ignore[type-arg]  # Django's class takes no parameters when it runs
    """The key as Postfix folds it, kept by the field itself (as auto_now is), so that no writer can forget it."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: ARG002, FBT001  Django's signature
        """Return the folded key of the row that is saved."""
        folded = table_key(str(getattr(model_instance, "key", "")))
        setattr(model_instance, self.attname, folded)
        return folded


class Nexthop(models.Model):
    """A policy map key of a channel, exactly as Postfix looks it up, and when it is to be looked up again.

    table_key: the same folded; two keys that fold alike are one key to Postfix, so the database takes only one of them.
    due_at is the work: whoever claims the row sets lease_token and lease_until; a record without that token is dropped.
    """

    channel = models.ForeignKey(Channel, models.PROTECT, related_name="nexthops")
    key = models.CharField(_("nexthop"), max_length=300, unique=True)
    table_key = TableKeyField(max_length=900, unique=True, editable=False)  # folding makes up to three of one character
    due_at = models.DateTimeField(null=True, blank=True)
    asked_by = models.CharField(max_length=16, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    crashes = models.PositiveSmallIntegerField(default=0)
    set_aside_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("key",)
        indexes = (
            models.Index(name="nexthop_due", fields=["due_at"], condition=Q(set_aside_at__isnull=True)),
            models.Index(name="nexthop_aside", fields=["channel"], condition=Q(set_aside_at__isnull=False)),
            models.Index(name="nexthop_asked", fields=["due_at"], condition=~Q(asked_by="")),
        )

    def __str__(self) -> str:
        return self.key


class PrivateAuthority(models.Model):
    """A partner's own CA, trusted for that channel only (tafile=), never in the global CA set."""

    channel = models.ForeignKey(Channel, models.PROTECT, related_name="authorities")
    pem = models.TextField()
    sha256 = models.CharField(max_length=64)
    subject = models.CharField(max_length=300)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(name="authority_once", fields=["channel", "sha256"]),)

    def __str__(self) -> str:
        return self.subject


class Contact(models.Model):
    """A person on the partner's side whom we write to; not necessarily one who signs in."""

    partner = models.ForeignKey(Partner, models.PROTECT, related_name="contacts")
    name = models.CharField(max_length=200)
    email = models.EmailField()
    phone = models.CharField(max_length=40, blank=True)
    language = models.CharField(max_length=8, choices=[("en", "English"), ("de", "Deutsch")], default="en")

    class Meta:
        constraints = (models.UniqueConstraint(name="contact_once", fields=["partner", "email"]),)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person of the partner who signs in and sees this partner's own channels."""

    partner = models.ForeignKey(Partner, models.PROTECT, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="memberships")
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    since = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(name="membership_once", fields=["partner", "user"]),
            models.CheckConstraint(name="membership_not_by_self", condition=~Q(user=models.F("invited_by"))),
        )

    def __str__(self) -> str:
        return f"membership {self.pk}"
