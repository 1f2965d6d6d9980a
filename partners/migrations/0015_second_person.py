"""The second person is a rule of the database too: who wrote, or invited who wrote, does not approve."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from partners.migrations import _second_person


def install(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    _second_person.install(schema_editor)


def remove(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    _second_person.remove(schema_editor)


class Migration(migrations.Migration):
    dependencies = [("partners", "0014_standings")]

    operations = [migrations.RunPython(install, remove)]
