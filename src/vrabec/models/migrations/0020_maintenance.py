"""Hosts in maintenance, and one job at once that empties or fills a host."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0019_lost")]

    operations = [
        migrations.AddField("host", "maintenance_since", models.DateTimeField(blank=True, null=True)),
        migrations.AddConstraint(
            "job",
            models.UniqueConstraint(
                fields=["host"],
                condition=Q(state__in=("queued", "running", "undoing"))
                & Q(kind__in=("host.maintain", "host.resume")),
                name="job_one_maintenance_a_host",
            ),
        ),
    ]
