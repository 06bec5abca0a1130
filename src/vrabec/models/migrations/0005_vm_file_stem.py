"""The names of a machine's files no longer hang on its name; those that exist were named after both."""

from typing import Any

from django.db import migrations, models


def name_the_files_of_today(apps: Any, schema_editor: Any) -> None:
    vms = apps.get_model("vrabec", "Vm").objects.filter(is_managed=True)
    for vm in vms.iterator():
        vms.filter(pk=vm.pk).update(file_stem=f"{vm.domain_name}-{vm.uuid.hex[:8]}")


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0004_console_tickets")]
    operations = [
        migrations.AddField("vm", "file_stem", models.CharField(blank=True, max_length=300)),
        migrations.RunPython(name_the_files_of_today, migrations.RunPython.noop),
    ]
