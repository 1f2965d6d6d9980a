"""From an edit to the map: Change, Candidate, Approval, Release, Artefact."""

from collections.abc import Iterable

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from partners.models.estate import Channel
from partners.models.invitations import inviters_of
from partners.models.relays import RelayGroup

__all__ = ["Approval", "Artefact", "Candidate", "CandidateMap", "Change", "Head", "Release"]


class ChangeQuerySet(models.QuerySet["Change"]):
    """Changes by what they wait for."""

    def ending_relaxations(self) -> "ChangeQuerySet":
        """Return the drafts by which the portal brings back what was lowered until a day that has passed."""
        waiting = self.filter(release__isnull=True, withdrawn_at__isnull=True, channel__removed_at__isnull=True)
        return waiting.filter(relaxed_until__isnull=False)


class Change(models.Model):
    """One person's edit of one channel; `before` and `after` are the channel's fields, keys and pins as JSON.

    relaxed_until: the end of the relaxation that the portal ends by it; None for whatever a person edits.
    """

    channel = models.ForeignKey(Channel, models.PROTECT, related_name="changes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    before = models.JSONField(null=True)
    after = models.JSONField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    relaxed_until = models.DateTimeField(null=True, blank=True)
    release = models.ForeignKey("Release", models.PROTECT, null=True, blank=True, related_name="changes")

    objects = ChangeQuerySet.as_manager()

    class Meta:
        ordering = ("made_at", "pk")
        indexes = (
            models.Index(
                name="change_draft", fields=["made_at"], condition=Q(release__isnull=True, withdrawn_at__isnull=True)
            ),
        )

    def __str__(self) -> str:
        return f"change {self.pk}"


class Release(models.Model):
    """An immutable, numbered map. needs_second without an approver other than the author cannot be written."""

    number = models.PositiveIntegerField(unique=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    needs_second = models.BooleanField()
    single_operator = models.BooleanField(default=False)
    published_at = models.DateTimeField()
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.CheckConstraint(
                name="release_second_person",
                condition=Q(needs_second=False) | Q(single_operator=True) | Q(approver__isnull=False),
            ),
            models.CheckConstraint(
                name="release_two_people",
                condition=Q(approver__isnull=True) | Q(single_operator=True) | ~Q(approver=F("author")),
            ),
        )

    def __str__(self) -> str:
        return f"release {self.number}"


class Head(models.Model):
    """The one row that says which release is published; publishing is a conditional update of it."""

    release = models.ForeignKey(Release, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = (models.CheckConstraint(name="head_is_one_row", condition=Q(id=1)),)

    def __str__(self) -> str:
        return f"head {self.release_id}"


class Candidate(models.Model):
    """A base release with chosen changes, frozen as bytes per relay group; approvals hang on its sha256."""

    class State(models.TextChoices):
        OPEN = "open"
        PUBLISHED = "published"
        ABANDONED = "abandoned"

    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    cut_at = models.DateTimeField()
    base = models.ForeignKey(Release, models.PROTECT, null=True, related_name="+")
    changes = models.ManyToManyField(Change, related_name="candidates")
    sha256 = models.CharField(max_length=64)
    findings = models.JSONField(default=list)
    findings_sha256 = models.CharField(max_length=64)
    guarded_at = models.DateTimeField()
    needs_second = models.BooleanField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.OPEN)
    release = models.OneToOneField(Release, models.PROTECT, null=True, blank=True, related_name="candidate")

    class Meta:
        ordering = ("-cut_at",)
        constraints = (
            models.CheckConstraint(
                name="candidate_published_has_release",
                condition=~Q(state="published") | Q(release__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"candidate {self.pk}"

    def involved(self, changes: Iterable[Change] | None = None) -> set[int]:
        """Return everybody who wrote something of it or invited a contact who did: nobody of them is its second person.

        changes: its changes, where the caller has read them already. The database holds the same rule for itself
        (migrations/_second_person.py).
        """
        read = self.changes.only("author_id") if changes is None else changes
        authors = {self.author_id, *(change.author_id for change in read)}
        return authors | inviters_of(authors)


class CandidateMap(models.Model):
    """The frozen bytes of a candidate for one relay group. ca_pem: as of an Artefact."""

    candidate = models.ForeignKey(Candidate, models.CASCADE, related_name="maps")
    group = models.ForeignKey(RelayGroup, models.PROTECT, related_name="+")
    text = models.TextField()
    tafiles = models.JSONField(default=dict)
    ca_pem = models.TextField(null=True)  # noqa: DJ001  "" trusts no public CA; NULL does not say
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = (models.UniqueConstraint(name="candidate_map_once", fields=["candidate", "group"]),)

    def __str__(self) -> str:
        return f"map {self.sha256[:12]}"


class Approval(models.Model):
    """A second person's yes to exactly these bytes and findings. author: copied, so that the database can tell."""

    candidate = models.ForeignKey(Candidate, models.CASCADE, related_name="approvals")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    candidate_sha256 = models.CharField(max_length=64)
    findings_sha256 = models.CharField(max_length=64)
    given_at = models.DateTimeField()
    word = models.CharField(max_length=500, blank=True)
    single_operator = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(name="approval_once", fields=["candidate", "person", "candidate_sha256"]),
            models.CheckConstraint(
                name="approval_by_second_person", condition=Q(single_operator=True) | ~Q(person=F("author"))
            ),
        )

    def __str__(self) -> str:
        return f"approval {self.pk}"


class Artefact(models.Model):
    """What one relay group fetches of a release: the map, its CA set and its tafiles, byte for byte.

    ca_pem: the public CAs, "" for none; None of a release from before sets were released: the group's own is assumed.
    """

    release = models.ForeignKey(Release, models.PROTECT, related_name="artefacts")
    group = models.ForeignKey(RelayGroup, models.PROTECT, related_name="artefacts")
    text = models.TextField()
    tafiles = models.JSONField(default=dict)
    ca_pem = models.TextField(null=True)  # noqa: DJ001  "" trusts no public CA; NULL does not say
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = (models.UniqueConstraint(name="artefact_once", fields=["release", "group"]),)

    def __str__(self) -> str:
        return f"artefact {self.sha256[:12]}"
