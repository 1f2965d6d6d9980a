"""Which drafts end a relaxation, told apart from what people edit; and what was set aside is found without a scan."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils.dateparse import parse_datetime

_ENDED = "channel.relaxation-ended"


def mark_drafts(apps: Apps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Mark the open drafts that the audit trail knows as written by the portal."""
    trail, change = apps.get_model("partners", "AuditEntry"), apps.get_model("partners", "Change")
    written = {detail.get("change") for detail in trail.objects.filter(act=_ENDED).values_list("detail", flat=True)}
    drafts = change.objects.filter(release__isnull=True, withdrawn_at__isnull=True, before__isnull=False)
    for draft in drafts.iterator():
        before = draft.before or {}
        end = parse_datetime(before.get("lowered_until") or "") if draft.pk in written else None
        if end is not None:
            change.objects.filter(pk=draft.pk).update(relaxed_until=end)


class Migration(migrations.Migration):
    dependencies = [("partners", "0018_domains")]

    operations = [
        # NULL and no default: on SQLite the table is not made anew, which would drop its triggers.
        migrations.AddField("change", "relaxed_until", models.DateTimeField(blank=True, null=True)),
        migrations.RunPython(mark_drafts, migrations.RunPython.noop),
        migrations.AddIndex(
            "nexthop",
            models.Index(condition=models.Q(("set_aside_at__isnull", False)), fields=["channel"], name="nexthop_aside"),
        ),
        migrations.AddIndex(
            "address",
            models.Index(condition=models.Q(("set_aside_at__isnull", False)), fields=["id"], name="address_aside"),
        ),
    ]
