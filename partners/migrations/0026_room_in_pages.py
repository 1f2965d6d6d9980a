"""Leave room in the pages of nexthops, so that a lease is written beside its row.

A lease moves no column that is indexed there: with room in the page PostgreSQL writes the new version into it and
touches no index. It rewrites nothing; pages that are full get their room as rows move on.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def leave_room(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Fill pages to four fifths."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE partners_nexthop SET (fillfactor = 80)")


def fill(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Fill pages as before."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE partners_nexthop RESET (fillfactor)")


class Migration(migrations.Migration):
    dependencies = (("partners", "0025_bulk_acts"),)

    operations = (migrations.RunPython(leave_room, fill),)
