"""What people say of a machine: its description and tags."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0002_firmware")]
    operations = [
        migrations.AddField("vm", "description", models.TextField(blank=True)),
        migrations.AddField("vm", "tag_line", models.CharField(blank=True, max_length=700)),
    ]
