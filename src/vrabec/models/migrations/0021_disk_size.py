"""What the disks of running machines are promised."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0020_maintenance")]

    operations = [
        migrations.AddField("vmload", "disk_size_mib", models.PositiveIntegerField(default=0)),
    ]
