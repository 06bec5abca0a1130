"""Views of the list that people keep."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0011_vm_xml")]
    operations = [
        migrations.CreateModel(
            "SavedView",
            [
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("name", models.CharField(max_length=40)),
                ("search", models.CharField(blank=True, max_length=200)),
                ("sort", models.CharField(max_length=20)),
                ("columns", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            "savedview",
            models.UniqueConstraint(fields=("user", "name"), name="view_name_once_a_person"),
        ),
    ]
