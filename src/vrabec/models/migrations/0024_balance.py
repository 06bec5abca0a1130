"""When clusters are balanced by themselves, and by how many moves."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0023_cpu_baseline")]

    operations = [
        migrations.AddField("cluster", "balance_hours", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("cluster", "balance_moves", models.PositiveSmallIntegerField(default=5)),
        migrations.AddField("cluster", "balanced_at", models.DateTimeField(blank=True, null=True)),
    ]
