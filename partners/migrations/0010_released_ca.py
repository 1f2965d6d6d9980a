"""The CA set becomes part of what is released; what was released before carries none."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0009_schedule")]

    operations = [
        migrations.AddField(model_name=name, name="ca_pem", field=models.TextField(null=True))
        for name in ("artefact", "candidatemap")
    ]
