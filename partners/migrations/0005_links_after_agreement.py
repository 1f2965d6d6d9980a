"""A link is made when it may be used: none before a second person agreed, and none of before lives on."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F


def end_early_links(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Take the links away that were made before anybody agreed, and date the agreements that are there."""
    invitations = apps.get_model("partners", "Invitation").objects
    waiting = invitations.filter(approved_by__isnull=True, single_operator=False)
    waiting.update(sha256=None, expires_at=None)
    invitations.exclude(pk__in=waiting.values("pk")).update(agreed_at=F("made_at"))


def end_waiting(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Drop what has no link: the older schema has no such row, and nobody holds a way in by it."""
    apps.get_model("partners", "Invitation").objects.filter(sha256__isnull=True).delete()


class Migration(migrations.Migration):
    dependencies = [("partners", "0004_fetches_and_chains")]

    operations = [
        migrations.AddField("invitation", "agreed_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("invitation", "language", models.CharField(default="en", max_length=8)),
        migrations.AddField("invitation", "mail_fault", models.CharField(blank=True, max_length=300)),
        migrations.AddField("invitation", "mailed_at", models.DateTimeField(blank=True, null=True)),
        migrations.AlterField("invitation", "expires_at", models.DateTimeField(blank=True, null=True)),
        migrations.AlterField(
            "invitation", "sha256", models.CharField(blank=True, max_length=64, null=True, unique=True)
        ),
        migrations.RunPython(end_early_links, end_waiting),
        migrations.AddConstraint(
            "invitation",
            models.CheckConstraint(
                condition=models.Q(
                    ("sha256__isnull", True),
                    ("single_operator", True),
                    ("approved_by__isnull", False),
                    _connector="OR",
                ),
                name="invitation_link_after_agreement",
            ),
        ),
    ]
