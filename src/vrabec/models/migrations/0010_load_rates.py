"""Rates of disks and networks in a machine's latest load."""

from django.db import migrations, models

RATES = ("disk_read_bytes_s", "disk_written_bytes_s", "net_received_bytes_s", "net_sent_bytes_s")


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0009_screen")]
    operations = [migrations.AddField("vmload", name, models.FloatField(default=0)) for name in RATES]
