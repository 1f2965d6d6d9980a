"""Facts carry the vantage that they were seen from; probes elsewhere have tokens."""

from django.db import migrations, models


def forget_elsewhere(apps, _schema_editor):
    """Take away what other vantages saw: an address is one row again."""
    elsewhere = apps.get_model("partners", "Address").objects.exclude(vantage="here")
    apps.get_model("partners", "Endpoint").objects.filter(address__in=elsewhere).delete()
    elsewhere.delete()


class Migration(migrations.Migration):
    dependencies = [("partners", "0015_second_person")]

    operations = [
        migrations.AddField("address", "vantage", models.SlugField(default="here", max_length=40)),
        migrations.AddField("relaygroup", "vantage", models.SlugField(default="here", max_length=40)),
        migrations.AlterField("address", "address", models.GenericIPAddressField()),
        migrations.RunPython(migrations.RunPython.noop, forget_elsewhere),
        migrations.AddConstraint(
            "address", models.UniqueConstraint(fields=("address", "vantage"), name="address_once")
        ),
        migrations.RemoveIndex("address", "address_due"),
        migrations.AddIndex(
            "address",
            models.Index(
                condition=models.Q(("set_aside_at__isnull", True)), fields=["vantage", "due_at"], name="address_due"
            ),
        ),
        migrations.CreateModel(
            name="VantageToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("vantage", models.SlugField(max_length=40)),
                ("prefix", models.CharField(max_length=12, unique=True)),
                ("sha256", models.CharField(max_length=64)),
                ("made_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("reported_at", models.DateTimeField(blank=True, null=True)),
                ("asked_since", models.DateTimeField(blank=True, null=True)),
                ("asked_times", models.PositiveIntegerField(default=0)),
            ],
            options={"ordering": ("vantage", "pk")},
        ),
        migrations.AddConstraint(
            "vantagetoken",
            models.CheckConstraint(
                condition=models.Q(("vantage", "here"), _negated=True), name="vantage_token_elsewhere"
            ),
        ),
    ]
