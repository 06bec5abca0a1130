"""Rows a page of a saved view."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0012_saved_views")]
    operations = [
        migrations.AddField("savedview", "per_page", models.PositiveSmallIntegerField(null=True)),
    ]
