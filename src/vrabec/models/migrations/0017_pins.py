"""Machines that may be on some hosts alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0016_clusters")]
    operations = [
        migrations.AddField(
            "Vm", "pinned_to", models.ManyToManyField("vrabec.Host", related_name="pinned_vms", blank=True)
        ),
    ]
