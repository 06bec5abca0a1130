"""Machines that were lost with their hosts, and may come back; machines by their UUID."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0018_fit")]
    operations = [
        migrations.AddField("Vm", "is_lost", models.BooleanField(default=False)),
        migrations.AddIndex(
            "Vm",
            models.Index(fields=["uuid"], condition=Q(deleted_at=None) | Q(is_lost=True), name="vm_by_uuid"),
        ),
    ]
