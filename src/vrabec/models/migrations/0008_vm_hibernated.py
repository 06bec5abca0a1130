"""A state of its own for machines whose memory is saved, and whether libvirt starts a machine by itself."""

from django.db import migrations, models

SEEN = [
    (10, "Crashed"),
    (20, "Unknown"),
    (30, "Pending"),
    (40, "Paused"),
    (50, "Running"),
    (55, "Hibernated"),
    (60, "Off"),
]


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0007_template_user_data")]
    operations = [
        migrations.AddField("vm", "autostart", models.BooleanField(default=False)),
        migrations.AlterField("vm", "seen", models.PositiveSmallIntegerField(choices=SEEN, default=30)),
    ]
