from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('vrabec', '0043_reach'),
    ]

    operations = [
        migrations.AddField(
            model_name='grant',
            name='until',
            field=models.DateField(blank=True, null=True),
        ),
    ]
