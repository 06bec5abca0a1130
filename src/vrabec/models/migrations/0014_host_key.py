"""The key of a host's ssh server, as a person confirmed it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0013_view_per_page")]
    operations = [
        migrations.AddField("Host", "host_key", models.TextField(blank=True, default=""), preserve_default=False)
    ]
