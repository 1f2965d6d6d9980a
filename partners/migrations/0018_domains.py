"""Mail domains: who serves their DNS, their MTA-STS policy, and what moved."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0017_wall_links")]

    operations = [
        migrations.CreateModel(
            name="DomainWatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("facts", models.JSONField(default=dict)),
                ("policy_id", models.CharField(blank=True, max_length=32)),
                ("looked_at", models.DateTimeField(blank=True, null=True)),
                ("due_at", models.DateTimeField()),
                ("lease_token", models.CharField(blank=True, max_length=32)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                (
                    "nexthop",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="domain_watch",
                        to="partners.nexthop",
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["due_at"], name="domain_due")]},
        ),
        migrations.CreateModel(
            name="DomainChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("what", models.CharField(max_length=20)),
                ("before", models.TextField(blank=True)),
                ("after", models.TextField(blank=True)),
                ("seen_at", models.DateTimeField()),
                (
                    "nexthop",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="domain_changes",
                        to="partners.nexthop",
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["nexthop", "-seen_at"], name="domain_change_seen")]},
        ),
    ]
