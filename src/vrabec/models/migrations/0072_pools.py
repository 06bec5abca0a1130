import django.db.models.deletion
from django.db import migrations, models


def read_machines_anew(apps, schema_editor):
    """Where their disks lie is kept from now on: with no digest each is read at the next look at its host."""
    apps.get_model('vrabec', 'VmXml').objects.update(digest='')


class Migration(migrations.Migration):

    dependencies = [
        ('vrabec', '0071_requests_of'),
    ]

    operations = [
        migrations.CreateModel(
            name='Pool',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255)),
                ('kind', models.CharField(max_length=32)),
                ('source', models.TextField(blank=True)),
                ('path', models.TextField(blank=True)),
                ('is_active', models.BooleanField(default=False)),
                ('capacity_mib', models.PositiveBigIntegerField(default=0)),
                ('available_mib', models.PositiveBigIntegerField(default=0)),
                ('seen_at', models.DateTimeField(blank=True, null=True)),
                ('host', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='pools', to='vrabec.host')),
            ],
        ),
        migrations.CreateModel(
            name='Volume',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255)),
                ('path', models.TextField(blank=True)),
                ('format', models.CharField(blank=True, max_length=32)),
                ('capacity_mib', models.PositiveBigIntegerField(default=0)),
                ('allocation_mib', models.PositiveBigIntegerField(default=0)),
                ('backing_path', models.TextField(blank=True)),
                ('pool', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='volumes', to='vrabec.pool')),
                ('vm', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='volumes', to='vrabec.vm')),
            ],
        ),
        migrations.AddConstraint(
            model_name='pool',
            constraint=models.UniqueConstraint(fields=('host', 'name'), name='pool_once'),
        ),
        migrations.AddConstraint(
            model_name='volume',
            constraint=models.UniqueConstraint(fields=('pool', 'name'), name='volume_once'),
        ),
        migrations.RunPython(read_machines_anew, migrations.RunPython.noop),
    ]
