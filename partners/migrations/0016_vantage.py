"""Facts carry the vantage that they were seen from; probes elsewhere have tokens."""

from django.db import migrations, models


def forget_elsewhere(apps, schema_editor):
    """Take away what other vantages saw: an address is one row again."""
    endpoint, look = apps.get_model("partners", "Endpoint"), apps.get_model("partners", "Look")
    address, sighting = apps.get_model("partners", "Address"), apps.get_model("partners", "Sighting")
    away = list(address.objects.exclude(vantage="here").values_list("pk", flat=True))
    ends = list(endpoint.objects.filter(address_id__in=away).values_list("pk", flat=True))
    # Row by row of each table: the collector of a cascade mixes the models of two states.
    for rows in (
        sighting.objects.filter(endpoint_id__in=ends),
        endpoint.nexthops.through.objects.filter(endpoint_id__in=ends),
        look.endpoints.through.objects.filter(endpoint_id__in=ends),
        endpoint.objects.filter(pk__in=ends),
        address.objects.filter(pk__in=away),
    ):
        rows._raw_delete(rows.db)
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else the table cannot be altered before the commit


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
