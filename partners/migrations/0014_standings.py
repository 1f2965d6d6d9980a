"""Where each channel stands, kept for the lists of a large estate; filled by `manage.py restand` and by a beat tick."""

import sys
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import DatabaseError, migrations, models, transaction

_INDEXES = {"words": "standing_words", "digests": "standing_digests"}


def index_search(apps: Any, schema_editor: Any) -> None:  # noqa: ARG001  Django's signature
    """Give the search its trigram indexes, where PostgreSQL has pg_trgm and lets the database's owner create it.

    Without them the search reads all rows: right all the same, slower on a large estate. SQLite does so always.
    """
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError as refused:
        cause = str(refused).strip().splitlines()[0]
        sys.stderr.write(
            f"database: the search of the partner list has no index: {cause}\n"
            "database: install PostgreSQL's contrib package, let a superuser run CREATE EXTENSION pg_trgm, then run: "
            "manage.py restand\n"
        )
        return
    with connection.cursor() as cursor:
        for column, name in _INDEXES.items():
            cursor.execute(
                f"CREATE INDEX IF NOT EXISTS {name} ON partners_standingwords USING gin ({column} gin_trgm_ops)"
            )


def forget_search_indexes(apps: Any, schema_editor: Any) -> None:  # noqa: ARG001  Django's signature
    """Drop the indexes; the extension stays, others may use it."""
    with schema_editor.connection.cursor() as cursor:
        for name in _INDEXES.values():
            cursor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0013_figures"),
    ]

    operations = [
        migrations.CreateModel(
            name="Standing",
            fields=[
                (
                    "channel",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="standing",
                        serialize=False,
                        to="partners.channel",
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("folded", models.CharField(max_length=400)),
                ("key", models.CharField(blank=True, max_length=300)),
                ("keys", models.PositiveIntegerField(default=0)),
                ("state", models.CharField(max_length=12)),
                ("harm_rank", models.PositiveSmallIntegerField()),
                ("cause", models.CharField(blank=True, max_length=300)),
                ("agreed", models.CharField(max_length=16)),
                ("level", models.CharField(max_length=16)),
                ("lowered_until", models.DateTimeField(blank=True, null=True)),
                ("owner_mail", models.CharField(blank=True, max_length=254)),
                ("delivery", models.CharField(blank=True, max_length=12)),
                ("tls_status", models.CharField(blank=True, max_length=12)),
                ("taking", models.PositiveIntegerField(default=0)),
                ("hosts", models.PositiveIntegerField(default=0)),
                ("leaf_begins", models.DateTimeField(blank=True, null=True)),
                ("leaf_ends", models.DateTimeField(blank=True, null=True)),
                ("breaks_at", models.DateTimeField(blank=True, null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StandingTally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=12)),
                ("level", models.CharField(max_length=16)),
                ("agreed", models.CharField(max_length=16)),
                ("difference", models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="StandingWords",
            fields=[
                (
                    "standing",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="searched",
                        serialize=False,
                        to="partners.standing",
                    ),
                ),
                ("words", models.TextField(blank=True)),
                ("digests", models.TextField(blank=True)),
            ],
        ),
        migrations.CreateModel(
            name="StandingSeen",
            fields=[
                (
                    "standing",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="seen",
                        serialize=False,
                        to="partners.standing",
                    ),
                ),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["seen_at", "standing"], name="standing_seen")],
            },
        ),
        migrations.AddIndex(
            model_name="standing",
            index=models.Index(fields=["harm_rank", "folded", "channel"], name="standing_by_harm"),
        ),
        migrations.AddIndex(
            model_name="standing",
            index=models.Index(fields=["folded", "channel"], name="standing_by_name"),
        ),
        migrations.AddIndex(
            model_name="standing",
            index=models.Index(fields=["level", "folded", "channel"], name="standing_by_level"),
        ),
        migrations.AddIndex(
            model_name="standing",
            index=models.Index(fields=["owner_mail", "folded", "channel"], name="standing_by_owner"),
        ),
        migrations.AddIndex(
            model_name="standing",
            index=models.Index(
                condition=models.Q(("breaks_at__isnull", False)),
                fields=["breaks_at", "folded", "channel"],
                name="standing_breaks",
            ),
        ),
        migrations.RunPython(index_search, forget_search_indexes),
    ]
