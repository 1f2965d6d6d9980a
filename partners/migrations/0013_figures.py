"""What is counted ahead for the pages of a large estate, and until when a verdict holds."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now


def judge_all_once(apps: Any, schema_editor: Any) -> None:  # noqa: ARG001  Django's signature
    """Let every verdict be judged again: none says yet until when it holds."""
    apps.get_model("partners", "VerdictRow").objects.update(holds_until=Now())


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0012_last_seen"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChannelEnd",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=12)),
                ("at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("pinned", models.BooleanField()),
                ("succeeded", models.BooleanField()),
                ("ends", models.JSONField()),
                ("subject", models.CharField(max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name="DailyTally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("compliant", "Compliant"),
                            ("violated", "Violated"),
                            ("weaker", "Weaker"),
                            ("rolling", "Rolling"),
                            ("pending", "Pending"),
                            ("unknown", "Unknown"),
                        ],
                        max_length=12,
                    ),
                ),
                ("count", models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="KeptFigures",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=16, unique=True)),
                ("size", models.PositiveIntegerField()),
                ("counted_at", models.DateTimeField()),
                ("seconds", models.FloatField()),
                ("figures", models.JSONField()),
            ],
        ),
        migrations.AddField(
            model_name="certificate",
            name="announced",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="certificate",
            name="in_use",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="verdictrow",
            name="holds_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="certificate",
            index=models.Index(
                condition=models.Q(("in_use", True)), fields=["not_after", "id"], name="certificate_ends"
            ),
        ),
        migrations.AddIndex(
            model_name="certificate",
            index=models.Index(
                condition=models.Q(("in_use", True)), fields=["subject", "id"], name="certificate_subject"
            ),
        ),
        migrations.AddIndex(
            model_name="certificate",
            index=models.Index(
                condition=models.Q(("in_use", True)), fields=["issuer", "id"], name="certificate_issuer"
            ),
        ),
        migrations.AddIndex(
            model_name="certificate",
            index=models.Index(
                condition=models.Q(("announced", True)), fields=["not_after", "id"], name="certificate_announced"
            ),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(
                condition=models.Q(("release__isnull", True), ("withdrawn_at__isnull", True)),
                fields=["made_at"],
                name="change_draft",
            ),
        ),
        migrations.AddIndex(
            model_name="channel",
            index=models.Index(
                condition=models.Q(("lowered_until__isnull", False)), fields=["lowered_until"], name="channel_lowered"
            ),
        ),
        migrations.AddIndex(
            model_name="complianceinterval",
            index=models.Index(
                condition=models.Q(("valid_to__isnull", True)),
                fields=["state", "valid_from", "channel"],
                name="compliance_by_state",
            ),
        ),
        migrations.AddIndex(
            model_name="complianceinterval",
            index=models.Index(fields=["valid_from"], name="compliance_begun"),
        ),
        migrations.AddIndex(
            model_name="complianceinterval",
            index=models.Index(
                condition=models.Q(("valid_to__isnull", False)), fields=["valid_to"], name="compliance_ended"
            ),
        ),
        migrations.AddField(
            model_name="channelend",
            name="channel",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="end", to="partners.channel"
            ),
        ),
        migrations.AddConstraint(
            model_name="dailytally",
            constraint=models.UniqueConstraint(fields=("day", "state"), name="daily_tally_once"),
        ),
        migrations.AddIndex(
            model_name="channelend",
            index=models.Index(fields=["at", "channel"], name="channel_end_at"),
        ),
        migrations.RunPython(judge_all_once, migrations.RunPython.noop),
    ]
