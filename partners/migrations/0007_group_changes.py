"""Changes of a relay group that wait for a second person."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_PERSON = settings.AUTH_USER_MODEL
_STATES = [("open", "Open"), ("applied", "Applied"), ("refused", "Refused")]


class Migration(migrations.Migration):
    dependencies = [("partners", "0006_looks")]

    operations = [
        migrations.CreateModel(
            "GroupChange",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fields", models.JSONField()),
                ("version", models.PositiveIntegerField()),
                ("weakens", models.JSONField(default=list)),
                ("made_at", models.DateTimeField()),
                ("state", models.CharField(choices=_STATES, default="open", max_length=8)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                (
                    "author",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=_PERSON),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=_PERSON,
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="changes",
                        to="partners.relaygroup",
                    ),
                ),
            ],
            options={
                "ordering": ("made_at", "pk"),
                "constraints": [
                    models.CheckConstraint(
                        condition=~models.Q(state="applied")
                        | (models.Q(decided_by__isnull=False) & ~models.Q(decided_by=models.F("author"))),
                        name="group_change_second_person",
                    )
                ],
            },
        ),
    ]
