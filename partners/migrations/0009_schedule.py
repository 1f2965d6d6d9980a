"""When partners are looked at: their interval and quiet hours, and indexes for what is due."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0008_alerts"),
    ]

    operations = [
        migrations.AddField(
            model_name="address",
            name="asked_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="address",
            name="claimed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="address",
            name="provider",
            field=models.CharField(blank=True, max_length=253),
        ),
        migrations.AddField(
            model_name="partner",
            name="probe_minutes",
            field=models.PositiveSmallIntegerField(default=60, verbose_name="minutes between looks"),
        ),
        migrations.AddField(
            model_name="partner",
            name="quiet_from",
            field=models.TimeField(blank=True, null=True, verbose_name="quiet from"),
        ),
        migrations.AddField(
            model_name="partner",
            name="quiet_until",
            field=models.TimeField(blank=True, null=True, verbose_name="quiet until"),
        ),
        migrations.AlterField(
            model_name="address",
            name="due_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="nexthop",
            name="due_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="address",
            index=models.Index(
                condition=models.Q(("set_aside_at__isnull", True)), fields=["due_at"], name="address_due"
            ),
        ),
        migrations.AddIndex(
            model_name="address",
            index=models.Index(fields=["provider", "claimed_at"], name="address_provider"),
        ),
        migrations.AddIndex(
            model_name="nexthop",
            index=models.Index(
                condition=models.Q(("set_aside_at__isnull", True)), fields=["due_at"], name="nexthop_due"
            ),
        ),
        migrations.AddIndex(
            model_name="nexthop",
            index=models.Index(
                condition=models.Q(("asked_by", ""), _negated=True), fields=["due_at"], name="nexthop_asked"
            ),
        ),
        migrations.AddIndex(
            model_name="partner",
            index=models.Index(
                condition=models.Q(("quiet_from__isnull", False)), fields=["quiet_from"], name="partner_quiet"
            ),
        ),
        migrations.AddConstraint(
            model_name="partner",
            constraint=models.CheckConstraint(
                condition=models.Q(("probe_minutes__gte", 5), ("probe_minutes__lte", 1440)),
                name="partner_probe_minutes",
            ),
        ),
        migrations.AddConstraint(
            model_name="partner",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("quiet_from__isnull", True), ("quiet_until__isnull", True)),
                    models.Q(("quiet_from__isnull", False), ("quiet_until__isnull", False)),
                    _connector="OR",
                ),
                name="partner_quiet_hours",
            ),
        ),
    ]
