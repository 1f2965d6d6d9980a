"""Our Postfix hosts, in groups that share one map."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from partners.core.vantage import HERE

__all__ = ["GroupChange", "OwnCertificate", "Relay", "RelayGroup", "RelayToken", "VantageToken"]


class RelayGroup(models.Model):
    """Relays that share digest algorithm, oldest Postfix and OpenSSL, map type, CA set and defaults.

    main_cf: parameters that change the outcome, by their postconf(5) names. ca_pem: the named public CAs. changed_at:
    what was judged before is judged again. vantage: whose facts the group is judged by.
    """

    name = models.SlugField(max_length=60, unique=True)
    postfix = models.CharField(max_length=20, default="3.7.11")
    openssl = models.CharField(max_length=20, default="3.0.19")
    map_type = models.CharField(max_length=16, default="hash")
    tafile_directory = models.CharField(max_length=200, default="/etc/postfix/tlsportal")
    main_cf = models.JSONField(default=dict, blank=True)
    ca_pem = models.TextField(blank=True)
    vantage = models.SlugField(max_length=40, default=HERE)
    changed_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class OwnCertificate(models.Model):
    """A certificate that one of our relays or mail servers shows, for partners to pin on their side.

    names: the public host names that show it, one a line. It is kept when it is taken out, for what partners were told.
    """

    names = models.TextField()
    certificate = models.ForeignKey("Certificate", models.PROTECT, related_name="+")
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("added_at", "pk")
        constraints = (
            models.UniqueConstraint(
                name="own_certificate_once", fields=["certificate"], condition=Q(removed_at__isnull=True)
            ),
        )

    def __str__(self) -> str:
        return f"own certificate {self.pk}"


class GroupChange(models.Model):
    """A change of a relay group's settings that asks less of peers: it waits for a second person.

    fields: the columns that change, as they shall be. version: of the group when it was proposed. weakens: sentences on
    what it asks less, for whoever decides.
    """

    class State(models.TextChoices):
        OPEN = "open"
        APPLIED = "applied"
        REFUSED = "refused"

    group = models.ForeignKey(RelayGroup, models.PROTECT, related_name="changes")
    fields = models.JSONField()
    version = models.PositiveIntegerField()
    weakens = models.JSONField(default=list)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("made_at", "pk")
        constraints = (
            models.CheckConstraint(
                name="group_change_second_person",
                condition=~Q(state="applied") | (Q(decided_by__isnull=False) & ~Q(decided_by=F("author"))),
            ),
        )

    def __str__(self) -> str:
        return f"change {self.pk} of {self.group_id}"


class Relay(models.Model):
    """One of our Postfix hosts. active_release: the number it last reported; None until it reports."""

    group = models.ForeignKey(RelayGroup, models.PROTECT, related_name="relays")
    name = models.CharField(max_length=253, unique=True)
    active_release = models.PositiveIntegerField(null=True, blank=True)
    reported_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class RelayToken(models.Model):
    """What a relay shows to fetch its group's map and nothing else; only the SHA-256 of the secret is kept.

    relay: whose token it is, None where that was not said. fetched_release: what it was last answered with; what the
    relay then did with it, only the relay can tell.
    """

    group = models.ForeignKey(RelayGroup, models.PROTECT, related_name="tokens")
    relay = models.ForeignKey(Relay, models.PROTECT, null=True, blank=True, related_name="tokens")
    prefix = models.CharField(max_length=12, unique=True)
    sha256 = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True)
    fetched_release = models.PositiveIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return self.prefix


class VantageToken(models.Model):
    """What a probe elsewhere shows to claim the addresses of its vantage and to report on them, and nothing else.

    Only the SHA-256 of the secret is kept. asked_since, asked_times: how often it asked within the minute that began
    then, so that a stolen one cannot keep the portal busy.
    """

    vantage = models.SlugField(max_length=40)
    prefix = models.CharField(max_length=12, unique=True)
    sha256 = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    reported_at = models.DateTimeField(null=True, blank=True)
    asked_since = models.DateTimeField(null=True, blank=True)
    asked_times = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("vantage", "pk")
        constraints = (models.CheckConstraint(name="vantage_token_elsewhere", condition=~Q(vantage=HERE)),)

    def __str__(self) -> str:
        return self.prefix
