"""Certificates, kept once, and the pins that people accepted."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from partners.models.estate import Channel

__all__ = ["Certificate", "Pin"]


class Certificate(models.Model):
    """A certificate as DER, kept once however often it is seen or announced. Texts are cleaned: a stranger's.

    in_use, announced: as actions/figures.py found it last, for the pages of a large estate; a new one is in use.
    """

    der = models.BinaryField()
    sha256 = models.CharField(max_length=64, unique=True)
    spki_sha256 = models.CharField(max_length=64, db_index=True)
    subject = models.CharField(max_length=300)
    issuer = models.CharField(max_length=300)
    dns_ids = models.JSONField(default=list)
    not_before = models.DateTimeField(null=True)
    not_after = models.DateTimeField(null=True, db_index=True)
    key_type = models.CharField(max_length=40, blank=True)
    first_seen_at = models.DateTimeField()
    in_use = models.BooleanField(default=True)
    announced = models.BooleanField(default=False)

    class Meta:
        indexes = (
            models.Index(name="certificate_ends", fields=["not_after", "id"], condition=Q(in_use=True)),
            models.Index(name="certificate_subject", fields=["subject", "id"], condition=Q(in_use=True)),
            models.Index(name="certificate_issuer", fields=["issuer", "id"], condition=Q(in_use=True)),
            models.Index(name="certificate_announced", fields=["not_after", "id"], condition=Q(announced=True)),
        )

    def __str__(self) -> str:
        return self.sha256


class Pin(models.Model):
    """A fingerprint that a named person promised or accepted for a channel; a partner only adds.

    of_key: digest of the SubjectPublicKeyInfo, else of the certificate. digests: algorithm -> "AA:BB:…", all algorithms
    known (a bare fingerprint knows one). proposed_by and decided_by are two people, in the database too.
    origin: how we know it; what only our probe saw is to be confirmed by another way. is_backup: kept on purpose though
    no address shows it, so that it is no rollover. seen_on of seen_of addresses show it now; seen_everywhere_at: since
    when all of them do.
    """

    class Origin(models.TextChoices):
        GIVEN = "given"
        SEEN = "seen"

    class State(models.TextChoices):
        PROPOSED = "proposed"
        STAGED = "staged"
        ACTIVE = "active"
        RETIRED = "retired"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    channel = models.ForeignKey(Channel, models.PROTECT, related_name="pins")
    of_key = models.BooleanField()
    digests = models.JSONField()
    certificate = models.ForeignKey(Certificate, models.PROTECT, null=True, blank=True, related_name="pins")
    state = models.CharField(max_length=16, choices=State.choices, default=State.PROPOSED)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    word = models.CharField(max_length=500, blank=True)
    single_operator = models.BooleanField(default=False)
    origin = models.CharField(max_length=8, choices=Origin.choices, default=Origin.GIVEN)
    is_backup = models.BooleanField(default=False)
    seen_on = models.PositiveSmallIntegerField(default=0)
    seen_of = models.PositiveSmallIntegerField(default=0)
    seen_everywhere_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("proposed_at", "pk")
        constraints = (
            models.CheckConstraint(
                name="pin_second_person",
                condition=Q(decided_by__isnull=True) | Q(single_operator=True) | ~Q(decided_by=F("proposed_by")),
            ),
            models.CheckConstraint(
                name="pin_accepted_by_somebody",
                condition=Q(state__in=["proposed", "refused", "withdrawn"]) | Q(decided_by__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"pin {self.pk}"

    @property
    def spoken(self) -> tuple[str, str]:
        """Algorithm and digest that both sides read to each other.

        That of the whole certificate where there is one, as `openssl x509 -fingerprint` prints it, even if its key is
        what becomes the pin; else what was sent.
        """
        if self.certificate is not None:
            digest = self.certificate.sha256.upper()
            return "sha256", ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
        algorithm = "sha256" if "sha256" in self.digests else next(iter(self.digests), "")
        return algorithm, str(self.digests.get(algorithm, ""))
