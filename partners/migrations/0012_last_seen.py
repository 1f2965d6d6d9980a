"""A sighting that is prolonged writes no index any more."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0011_our_side"),
    ]

    operations = [
        migrations.AlterField(
            model_name="sighting",
            name="last_seen",
            field=models.DateTimeField(),
        ),
    ]
