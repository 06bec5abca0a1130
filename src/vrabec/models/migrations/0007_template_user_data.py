"""Which templates take what a person wants cloud-init to do: Debian's do, tiny has no cloud-init."""

from typing import Any

from django.db import migrations, models


def debian_takes_it(apps: Any, schema_editor: Any) -> None:
    apps.get_model("vrabec", "Template").objects.filter(builder="debian").update(takes_user_data=True)


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0006_vm_next")]
    operations = [
        migrations.AddField("template", "takes_user_data", models.BooleanField(default=False)),
        migrations.RunPython(debian_takes_it, migrations.RunPython.noop),
    ]
