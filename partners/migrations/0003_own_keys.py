"""The key that a verdict rests on, keys as Postfix folds them, and how a pin is known."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import partners.models.estate
from partners.core.names import table_key


def fold_keys(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Fill the folded keys; two that fold alike were never one map that Postfix takes, so a person has to choose."""
    first: dict[str, str] = {}
    for nexthop in apps.get_model("partners", "Nexthop").objects.order_by("pk"):
        folded = table_key(nexthop.key)
        if folded in first:
            raise ValueError(
                f"nexthop {nexthop.key}: Postfix folds it to the key of {first[folded]}; remove one of the two "
                "channels with the release before this one, then migrate again"
            )
        first[folded] = nexthop.key
        nexthop.table_key = folded
        nexthop.save(update_fields=["table_key"])


def drop_verdicts(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Drop the verdicts, which do not say on whose key they rest; the next tick judges again from the facts."""
    apps.get_model("partners", "VerdictRow").objects.all().delete()


def undo_nothing(_apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Leave what the columns held: they go as well."""


class Migration(migrations.Migration):
    dependencies = [("partners", "0002_watch")]

    operations = [
        migrations.AddField("nexthop", "table_key", models.CharField(max_length=900, null=True)),
        migrations.AddField("pin", "is_backup", models.BooleanField(default=False)),
        migrations.AddField(
            "pin",
            "origin",
            models.CharField(choices=[("given", "Given"), ("seen", "Seen")], default="given", max_length=8),
        ),
        migrations.AddField("pin", "seen_of", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("pin", "seen_on", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("verdictrow", "is_own", models.BooleanField(default=False)),
        migrations.AddField("verdictrow", "key", models.CharField(blank=True, max_length=300)),
        migrations.RunPython(fold_keys, undo_nothing),
        migrations.RunPython(drop_verdicts, undo_nothing),
        migrations.AlterField(
            "nexthop",
            "table_key",
            partners.models.estate.TableKeyField(editable=False, max_length=900, unique=True),
        ),
    ]
