"""Clusters, with the hosts there are in the first one; farms of machines."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


def put_hosts_into_one(apps: Any, schema_editor: Any) -> None:
    """The hosts there are share a cluster."""
    hosts = apps.get_model("vrabec", "Host").objects.all()
    if hosts.exists():
        hosts.update(cluster=apps.get_model("vrabec", "Cluster").objects.create(name="default"))
    if schema_editor.connection.vendor == "postgresql":
        # It alters no table while a check of what was updated there is still pending.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0015_list_indexes")]
    operations = [
        migrations.CreateModel(
            "Cluster",
            [
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("name", models.CharField(max_length=63, unique=True)),
                ("memory_ratio", models.FloatField(default=1.0)),
                ("cpu_ratio", models.FloatField(default=16.0)),
                (
                    "cover",
                    models.CharField(
                        max_length=8,
                        choices=[("off", "Not looked at"), ("say", "Preferred"), ("refuse", "Kept")],
                        default="say",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(memory_ratio__gt=0, cpu_ratio__gt=0), name="cluster_ratios_are_positive"
                    )
                ]
            },
        ),
        migrations.AddField(
            "Host",
            "cluster",
            models.ForeignKey(
                "vrabec.Cluster", django.db.models.deletion.SET_NULL, null=True, blank=True, related_name="hosts"
            ),
        ),
        migrations.RunPython(put_hosts_into_one, migrations.RunPython.noop),
        migrations.AddConstraint(
            "Host",
            models.CheckConstraint(
                condition=Q(removed_at__isnull=False) | Q(cluster__isnull=False), name="host_is_in_a_cluster"
            ),
        ),
        migrations.AddField(
            "Vm", "farm", models.CharField(max_length=32, blank=True, default=""), preserve_default=False
        ),
    ]
