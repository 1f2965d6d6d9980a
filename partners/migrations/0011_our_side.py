"""When a relay group changed, and the certificates that our own side shows."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0010_released_ca"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.AddField(
            model_name="relaygroup", name="changed_at", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.CreateModel(
            name="OwnCertificate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("names", models.TextField()),
                ("added_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "added_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "certificate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.certificate"
                    ),
                ),
            ],
            options={"ordering": ("added_at", "pk")},
        ),
        migrations.AddConstraint(
            model_name="owncertificate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at__isnull", True)), fields=("certificate",), name="own_certificate_once"
            ),
        ),
    ]
