"""Dates of certificates are kept as core/certificates.py reads them: such that every time zone has a day for them."""

from datetime import UTC, datetime

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC)
_COLUMNS = {
    "Certificate": ("not_before", "not_after"),
    "Standing": ("leaf_begins", "leaf_ends", "breaks_at"),
}


def clip(apps: Apps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Move what lies beyond to the first or the last moment there is."""
    for model, columns in _COLUMNS.items():
        rows = apps.get_model("partners", model).objects
        for name in columns:
            rows.filter(**{f"{name}__lt": _FIRST}).update(**{name: _FIRST})
            rows.filter(**{f"{name}__gt": _LAST}).update(**{name: _LAST})


class Migration(migrations.Migration):
    dependencies = [("partners", "0019_relaxed_until")]

    operations = [migrations.RunPython(clip, migrations.RunPython.noop)]
