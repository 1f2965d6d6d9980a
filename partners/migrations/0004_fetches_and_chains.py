"""What relays fetched last, and which certificates an observation saw."""

import base64
import hashlib

import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_CHUNK = 500


def link_chains(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Link the observations that are there to their certificates, in bounded steps."""
    certificates = apps.get_model("partners", "Certificate")
    links = apps.get_model("partners", "ChainLink")
    known = dict(certificates.objects.values_list("sha256", "pk").iterator())
    rows = []
    for pk, facts in apps.get_model("partners", "Observation").objects.values_list("pk", "facts").iterator(_CHUNK):
        for position, text in enumerate((facts.get("tls") or {}).get("chain", ())):
            sha256 = hashlib.sha256(base64.b64decode(text)).hexdigest()
            if sha256 in known:
                rows.append(links(observation_id=pk, certificate_id=known[sha256], position=position))
        if len(rows) >= _CHUNK:
            links.objects.bulk_create(rows, ignore_conflicts=True)
            rows = []
    links.objects.bulk_create(rows, ignore_conflicts=True)


def undo_nothing(_apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Leave the links: their table goes as well."""


class Migration(migrations.Migration):
    dependencies = [("partners", "0003_own_keys")]

    operations = [
        migrations.AddField(
            "relaytoken",
            "relay",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="tokens",
                to="partners.relay",
            ),
        ),
        migrations.AddField("relaytoken", "fetched_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("relaytoken", "fetched_release", models.PositiveIntegerField(blank=True, null=True)),
        migrations.CreateModel(
            "ChainLink",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField()),
                (
                    "certificate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="chain_links",
                        to="partners.certificate",
                    ),
                ),
                (
                    "observation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="chain_links",
                        to="partners.observation",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("observation", "position"), name="chain_link_once"),
                ]
            },
        ),
        migrations.RunPython(link_chains, undo_nothing),
    ]
