"""Alerts, whom they are told to, and when a cycle came to its end."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0007_group_changes"),
    ]

    operations = [
        migrations.CreateModel(
            name="Cycle",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=16, unique=True)),
                ("finished_at", models.DateTimeField()),
                ("seconds", models.FloatField(default=0.0)),
                ("nexthops", models.PositiveIntegerField(default=0)),
                ("endpoints", models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name="contact",
            name="language",
            field=models.CharField(choices=[("en", "English"), ("de", "Deutsch")], default="en", max_length=8),
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("cause", models.CharField(max_length=64)),
                (
                    "severity",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "stopped"), (2, "breaks_soon"), (3, "weaker"), (4, "unknown")]
                    ),
                ),
                ("place", models.CharField(blank=True, max_length=300)),
                ("grouping", models.CharField(max_length=400)),
                ("where", models.CharField(blank=True, max_length=300)),
                ("breaks_at", models.DateTimeField(blank=True, null=True)),
                ("day", models.DateField()),
                ("opened_at", models.DateTimeField(db_index=True)),
                ("acknowledged_at", models.DateTimeField(blank=True, null=True)),
                ("word", models.CharField(blank=True, max_length=300)),
                ("snoozed_until", models.DateTimeField(blank=True, null=True)),
                ("escalated_at", models.DateTimeField(blank=True, null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "acknowledged_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("severity", "opened_at", "pk"),
            },
        ),
        migrations.CreateModel(
            name="AlertPartner",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("cause", models.CharField(max_length=64)),
                ("day", models.DateField()),
                ("opened_at", models.DateTimeField()),
                ("calm_since", models.DateTimeField(blank=True, db_index=True, null=True)),
                ("returned_at", models.DateTimeField(blank=True, null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="partners.alert"
                    ),
                ),
                ("channels", models.ManyToManyField(related_name="alert_parts", to="partners.channel")),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="alert_parts", to="partners.partner"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="NoticeTarget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("via", models.CharField(choices=[("mail", "mail"), ("webhook", "webhook")], max_length=8)),
                ("address", models.CharField(max_length=500)),
                (
                    "language",
                    models.CharField(choices=[("en", "English"), ("de", "Deutsch")], default="en", max_length=8),
                ),
                (
                    "least",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "stopped"), (2, "breaks_soon"), (3, "weaker"), (4, "unknown")], default=4
                    ),
                ),
                ("only_escalated", models.BooleanField(default=False)),
                ("nonce", models.CharField(blank=True, max_length=64)),
                ("key_id", models.CharField(blank=True, max_length=16)),
                ("added_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "added_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ("via", "address"),
            },
        ),
        migrations.CreateModel(
            name="AlertDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("raised", "raised"),
                            ("more", "more partners"),
                            ("escalated", "escalated"),
                            ("returned", "returned"),
                            ("recovered", "recovered"),
                        ],
                        max_length=12,
                    ),
                ),
                ("via", models.CharField(choices=[("mail", "mail"), ("webhook", "webhook")], max_length=8)),
                ("address", models.CharField(max_length=500)),
                ("language", models.CharField(default="en", max_length=8)),
                ("day", models.DateField()),
                ("planned_at", models.DateTimeField()),
                ("next_try_at", models.DateTimeField(blank=True, db_index=True, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("lease_token", models.CharField(blank=True, max_length=32)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("failed_at", models.DateTimeField(blank=True, null=True)),
                ("fault", models.CharField(blank=True, max_length=300)),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="partners.alert"
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="partners.partner",
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="partners.noticetarget",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PartnerNotices",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("contacts_told", models.BooleanField(default=False)),
                ("warn_percent", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("changed_at", models.DateTimeField()),
                (
                    "changed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "partner",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notices", to="partners.partner"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(condition=models.Q(("closed_at__isnull", True)), fields=["severity"], name="alert_open"),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at__isnull", True)), fields=("grouping",), name="alert_one_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertpartner",
            constraint=models.UniqueConstraint(fields=("partner", "cause", "day"), name="alert_once_a_day"),
        ),
        migrations.AddConstraint(
            model_name="alertpartner",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at__isnull", True)), fields=("partner", "cause"), name="alert_part_one_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="noticetarget",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at__isnull", True)), fields=("via", "address"), name="notice_target_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.UniqueConstraint(
                condition=models.Q(("partner__isnull", True)),
                fields=("alert", "kind", "day", "via", "address"),
                name="delivery_once_house",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.UniqueConstraint(
                condition=models.Q(("partner__isnull", False)),
                fields=("alert", "kind", "day", "partner", "via", "address"),
                name="delivery_once_partner",
            ),
        ),
        migrations.AddConstraint(
            model_name="partnernotices",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("warn_percent__isnull", True),
                    models.Q(("warn_percent__gte", 1), ("warn_percent__lte", 90)),
                    _connector="OR",
                ),
                name="notices_percent",
            ),
        ),
    ]
