"""The definition of a machine as last seen on its host."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0010_load_rates")]
    operations = [
        migrations.CreateModel(
            "VmXml",
            [
                (
                    "vm",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="xml",
                        serialize=False,
                        to="vrabec.vm",
                    ),
                ),
                ("text", models.TextField()),
                ("digest", models.CharField(max_length=64)),
                ("seen_at", models.DateTimeField()),
            ],
        ),
    ]
