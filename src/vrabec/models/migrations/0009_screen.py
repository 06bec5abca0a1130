"""The last picture of a machine's screen."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0008_vm_hibernated")]
    operations = [
        migrations.AddField("vm", "screen_at", models.DateTimeField(blank=True, null=True)),
        migrations.CreateModel(
            "VmScreen",
            [
                (
                    "vm",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="screen",
                        serialize=False,
                        to="vrabec.vm",
                    ),
                ),
                ("is_asked", models.BooleanField(db_index=True, default=False)),
                ("png", models.BinaryField(default=bytes)),
            ],
        ),
    ]
