"""What machines need of a host, and what hosts offer."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("vrabec", "0017_pins")]

    operations = [
        migrations.AddField("host", "offers", models.JSONField(default=dict)),
        migrations.AddField("vmxml", "needs", models.JSONField(default=dict)),
    ]
