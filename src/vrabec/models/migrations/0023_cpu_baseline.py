"""What the CPUs of a cluster's hosts have in common, and whether new machines get it."""

from django.db import migrations, models

CHOICES = [("host", "Its host's own"), ("baseline", "What all hosts have in common")]


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0022_seen")]
    operations = [
        migrations.AddField(
            "Cluster", "cpu", models.CharField(max_length=8, choices=CHOICES, default="host")
        ),
        migrations.AddField("Cluster", "baseline", models.JSONField(default=dict)),
    ]
