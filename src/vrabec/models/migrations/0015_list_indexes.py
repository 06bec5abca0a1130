"""Indexes that answer lists by themselves: of machines that are there, with what lists ask of them."""

from django.db import migrations, models
from django.db.models import PROTECT, Q

INDEXES = {
    "vm_by_name": ["name", "id", "project", "host", "seen", "address", "mac"],
    "vm_by_host": ["host", "name", "id", "seen", "project"],
    "vm_by_seen": ["seen", "name", "id", "project", "host"],
    "vm_by_project": ["project", "name", "id", "seen", "host", "address", "mac"],
    "vm_by_memory": ["memory_mib", "id", "project"],
}


def without_index(to: str) -> models.ForeignKey:
    return models.ForeignKey(to, PROTECT, related_name="vms", null=True, blank=True, db_index=False)


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0014_host_key")]
    operations = [
        *(migrations.RemoveIndex("Vm", name) for name in INDEXES),
        migrations.AlterField("Vm", "project", without_index("vrabec.project")),
        migrations.AlterField("Vm", "host", without_index("vrabec.host")),
        *(
            migrations.AddIndex(
                "Vm", models.Index(fields=[*fields, "deleted_at"], condition=Q(deleted_at=None), name=name)
            )
            for name, fields in INDEXES.items()
        ),
    ]
