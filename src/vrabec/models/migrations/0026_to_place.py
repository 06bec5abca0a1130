"""An index that holds all that placing asks of machines: it reads every one that runs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("vrabec", "0025_drop_xml_digest"),)

    operations = (
        migrations.AddIndex(
            model_name="vm",
            index=models.Index(
                fields=["host", "wished", "seen", "memory_mib", "next_memory_mib", "cpus", "deleted_at"],
                condition=models.Q(deleted_at=None),
                name="vm_to_place",
            ),
        ),
    )
