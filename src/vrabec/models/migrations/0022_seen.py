"""What a host said of each machine, so that a look after a restart reads only what changed meanwhile."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0021_disk_size")]
    operations = [migrations.AddField("VmXml", "agent_connected", models.BooleanField(default=False))]
