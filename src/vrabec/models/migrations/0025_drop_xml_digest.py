"""Drop a digest that nobody asks any more: that of all a host said lies beside the XML."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("vrabec", "0024_balance"),)

    operations = (migrations.RemoveField(model_name="vm", name="xml_digest"),)
