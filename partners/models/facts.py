"""What the probe saw: facts are rows that never change; a sighting says since when and until when."""

from django.db import models

from partners.core.vantage import HERE
from partners.models.estate import Nexthop
from partners.models.pins import Certificate

__all__ = ["Address", "ChainLink", "DnsSighting", "Endpoint", "Observation", "Sighting"]


class Address(models.Model):
    """A remote address: the row that is claimed, leased and rate-limited, so that no two probes meet there.

    vantage: from where it is spoken to; what is seen there is that vantage's alone.
    failing_since: the first try of those that gave no fact, None while it answers. backed_off_until: it asked for rest;
    nobody speaks to it before that, whoever asks. asked_at: since when somebody waits for it, which quiet hours do not
    hold up. claimed_at: when it was claimed last, so that neither it nor its provider (the base domain of the MX host
    that led here) is spoken to too often. is_slow: only the slow lane speaks to it; streak: looks in a row that speak
    for the other lane (core.slow_lane).
    """

    vantage = models.SlugField(max_length=40, default=HERE)
    address = models.GenericIPAddressField()
    provider = models.CharField(max_length=253, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    crashes = models.PositiveSmallIntegerField(default=0)
    set_aside_at = models.DateTimeField(null=True, blank=True)
    backed_off_until = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    is_slow = models.BooleanField(default=False, db_default=False)
    streak = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        constraints = (models.UniqueConstraint(name="address_once", fields=["address", "vantage"]),)
        indexes = (
            models.Index(
                name="address_due",
                fields=["vantage", "due_at"],
                condition=models.Q(set_aside_at__isnull=True, is_slow=False),
            ),
            models.Index(
                name="address_slow",
                fields=["vantage", "due_at"],
                condition=models.Q(set_aside_at__isnull=True, is_slow=True),
            ),
            models.Index(name="address_aside", fields=["id"], condition=models.Q(set_aside_at__isnull=False)),
            models.Index(name="address_provider", fields=["provider", "claimed_at"]),
            models.Index(
                name="address_failing", fields=["failing_since"], condition=models.Q(failing_since__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return str(self.address)


class Endpoint(models.Model):
    """An address with port and TLS profile; nexthops that share it share one handshake a cycle."""

    address = models.ForeignKey(Address, models.PROTECT, related_name="endpoints")
    port = models.PositiveIntegerField()
    profile = models.JSONField(default=dict)
    profile_key = models.CharField(max_length=64)
    nexthops = models.ManyToManyField(Nexthop, related_name="endpoints")
    tried_at = models.DateTimeField(null=True, blank=True)
    not_measured = models.CharField(max_length=32, blank=True)
    not_measured_detail = models.CharField(max_length=512, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(name="endpoint_once", fields=["address", "port", "profile_key"]),)

    def __str__(self) -> str:
        return f"{self.address_id}:{self.port}"


class Observation(models.Model):
    """Immutable facts, kept once; facts_key is the SHA-256 of what judge() reads and nothing else."""

    facts_key = models.CharField(max_length=64, unique=True)
    facts = models.JSONField()

    def __str__(self) -> str:
        return self.facts_key


class ChainLink(models.Model):
    """A certificate in the chain that an observation saw; position 0 is the leaf. Written once, with the facts."""

    observation = models.ForeignKey(Observation, models.CASCADE, related_name="chain_links")
    certificate = models.ForeignKey(Certificate, models.PROTECT, related_name="chain_links")
    position = models.PositiveSmallIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(name="chain_link_once", fields=["observation", "position"]),)

    def __str__(self) -> str:
        return f"{self.observation_id}:{self.position}"


class Sighting(models.Model):
    """An observation at an endpoint from first_seen to last_seen; the newest one is the current one."""

    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="sightings")
    observation = models.ForeignKey(Observation, models.PROTECT, related_name="sightings")
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()  # no index: each look writes it, and would write all indexes anew
    times = models.PositiveIntegerField(default=1)
    current = models.BooleanField(default=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(name="sighting_one_current", fields=["endpoint"], condition=models.Q(current=True)),
        )

    def __str__(self) -> str:
        return f"sighting {self.pk}"


class DnsSighting(models.Model):
    """What the DNS said of a nexthop from first_seen to last_seen."""

    nexthop = models.ForeignKey(Nexthop, models.CASCADE, related_name="dns_sightings")
    observation = models.ForeignKey(Observation, models.PROTECT, related_name="dns_sightings")
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    current = models.BooleanField(default=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="dns_sighting_one_current", fields=["nexthop"], condition=models.Q(current=True)
            ),
        )

    def __str__(self) -> str:
        return f"dns sighting {self.pk}"
