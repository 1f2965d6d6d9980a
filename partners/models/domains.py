"""What is told of mail domains beside their MX, and what moved of it."""

from django.db import models

from partners.models.estate import Nexthop

__all__ = ["DomainChange", "DomainWatch"]


class DomainWatch(models.Model):
    """The name servers and the MTA-STS policy of a nexthop's domain, as found last; the row that is claimed.

    facts: domain_to_json(). policy_id: of the record that the policy was fetched for.
    """

    nexthop = models.OneToOneField(Nexthop, models.CASCADE, related_name="domain_watch")
    facts = models.JSONField(default=dict)
    policy_id = models.CharField(max_length=32, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField()
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (models.Index(name="domain_due", fields=["due_at"]),)

    def __str__(self) -> str:
        return f"domain of {self.nexthop_id}"


class DomainChange(models.Model):
    """What moved, as a pair; what is a value of core.moved.What. Written once."""

    nexthop = models.ForeignKey(Nexthop, models.CASCADE, related_name="domain_changes")
    what = models.CharField(max_length=20)
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)
    seen_at = models.DateTimeField()

    class Meta:
        indexes = (models.Index(name="domain_change_seen", fields=["nexthop", "-seen_at"]),)

    def __str__(self) -> str:
        return f"{self.what} of {self.nexthop_id}"
