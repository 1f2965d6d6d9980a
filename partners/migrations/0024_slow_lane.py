from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0023_saved_views")]

    operations = [
        migrations.AddField("address", "is_slow", models.BooleanField(default=False, db_default=False)),
        migrations.AddField("address", "streak", models.PositiveSmallIntegerField(default=0, db_default=0)),
        migrations.AlterField(
            "roundrow",
            "lane",
            models.CharField(
                choices=[("due", "Due"), ("asked", "Asked"), ("slow", "Slow")], default="due", max_length=16
            ),
        ),
        migrations.RemoveIndex("address", "address_due"),
        migrations.AddIndex(
            "address",
            models.Index(
                name="address_due",
                fields=["vantage", "due_at"],
                condition=models.Q(set_aside_at__isnull=True, is_slow=False),
            ),
        ),
        migrations.AddIndex(
            "address",
            models.Index(
                name="address_slow",
                fields=["vantage", "due_at"],
                condition=models.Q(set_aside_at__isnull=True, is_slow=True),
            ),
        ),
    ]
