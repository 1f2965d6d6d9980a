"""A release, its artefacts and what it came from stay as they were, whoever writes; the head moves forwards alone."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from partners.migrations._released import RULES


def install(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    RULES.install(schema_editor)


def remove(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    RULES.remove(schema_editor)


class Migration(migrations.Migration):
    dependencies = [("partners", "0021_rounds")]

    operations = [migrations.RunPython(install, remove)]
