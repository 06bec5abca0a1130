"""What the next start of a machine gives it, where that differs from what runs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0005_vm_file_stem")]
    operations = [
        migrations.AddField("vm", "next_cpus", models.PositiveIntegerField(blank=True, null=True)),
        migrations.AddField("vm", "next_memory_mib", models.PositiveIntegerField(blank=True, null=True)),
    ]
