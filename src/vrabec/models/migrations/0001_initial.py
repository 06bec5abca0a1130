"""The first tables, and the triggers that keep the record append-only."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


SQLITE = (
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON vrabec_audit "
    "BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON vrabec_audit "
    "BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END",
)
POSTGRESQL = (
    "CREATE FUNCTION vrabec_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the record is append-only'; END $$",
    "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON vrabec_audit "
    "FOR EACH ROW EXECUTE FUNCTION vrabec_append_only()",
)


def make_audit_append_only(apps, schema_editor):
    """Let the database itself refuse to change or delete a line of the record."""
    statements = SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL
    for statement in statements:
        schema_editor.execute(statement)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('username', models.CharField(max_length=64, unique=True)),
                ('full_name', models.CharField(blank=True, max_length=120)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('is_active', models.BooleanField(default=True)),
                ('must_change_password', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Project',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=63, unique=True)),
                ('title', models.CharField(blank=True, max_length=120)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='Template',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=63, unique=True)),
                ('title', models.CharField(max_length=120)),
                ('description', models.CharField(blank=True, max_length=300)),
                ('builder', models.CharField(max_length=32)),
                ('state', models.CharField(choices=[('building', 'Building'), ('ready', 'Ready'), ('failed', 'Not built')], default='building', max_length=16)),
                ('path', models.CharField(blank=True, max_length=500)),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('size_bytes', models.PositiveBigIntegerField(default=0)),
                ('disk_mib', models.PositiveIntegerField(default=0)),
                ('memory_mib', models.PositiveIntegerField(default=0)),
                ('has_agent', models.BooleanField(default=True)),
                ('version', models.PositiveBigIntegerField(default=1)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('built_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Vm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255)),
                ('domain_name', models.CharField(max_length=255)),
                ('uuid', models.UUIDField(default=uuid.uuid4)),
                ('is_managed', models.BooleanField(default=True)),
                ('cpus', models.PositiveIntegerField(default=1)),
                ('memory_mib', models.PositiveIntegerField(default=0)),
                ('disk_mib', models.PositiveIntegerField(default=0)),
                ('network', models.CharField(blank=True, max_length=64)),
                ('mac', models.CharField(blank=True, max_length=17)),
                ('address', models.CharField(blank=True, max_length=45)),
                ('wished', models.CharField(choices=[('on', 'On'), ('off', 'Off'), ('none', 'None')], default='none', max_length=8)),
                ('seen', models.PositiveSmallIntegerField(choices=[(10, 'Crashed'), (20, 'Unknown'), (30, 'Pending'), (40, 'Paused'), (50, 'Running'), (60, 'Off')], default=30)),
                ('state_since', models.DateTimeField(auto_now_add=True)),
                ('has_agent', models.BooleanField(default=False)),
                ('is_ready', models.BooleanField(default=False)),
                ('xml_digest', models.CharField(blank=True, max_length=64)),
                ('version', models.PositiveBigIntegerField(default=1)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Audit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('user_id', models.BigIntegerField(null=True)),
                ('actor', models.CharField(max_length=120)),
                ('address', models.CharField(blank=True, max_length=45)),
                ('action', models.CharField(max_length=48)),
                ('kind', models.CharField(max_length=16)),
                ('subject_id', models.BigIntegerField(null=True)),
                ('subject', models.CharField(max_length=255)),
                ('project_id', models.BigIntegerField(null=True)),
                ('job_id', models.BigIntegerField(null=True)),
                ('detail', models.JSONField(default=dict)),
            ],
            options={
                'indexes': [models.Index(fields=['kind', 'subject_id', '-id'], name='audit_by_subject'), models.Index(fields=['project_id', '-id'], name='audit_by_project')],
            },
        ),
        migrations.CreateModel(
            name='Host',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=63)),
                ('uri', models.CharField(max_length=300)),
                ('state', models.CharField(choices=[('connecting', 'Connecting'), ('online', 'Online'), ('unreachable', 'Unreachable')], default='connecting', max_length=16)),
                ('state_since', models.DateTimeField(auto_now_add=True)),
                ('reason', models.TextField(blank=True)),
                ('hostname', models.CharField(blank=True, max_length=255)),
                ('arch', models.CharField(blank=True, max_length=32)),
                ('cpus', models.PositiveIntegerField(default=0)),
                ('memory_mib', models.PositiveIntegerField(default=0)),
                ('libvirt_version', models.CharField(blank=True, max_length=32)),
                ('hypervisor_version', models.CharField(blank=True, max_length=32)),
                ('domain_type', models.CharField(blank=True, max_length=16)),
                ('networks', models.JSONField(default=list)),
                ('pool_free_mib', models.PositiveBigIntegerField(default=0)),
                ('pool_total_mib', models.PositiveBigIntegerField(default=0)),
                ('version', models.PositiveBigIntegerField(default=1)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('name',), name='host_name_once')],
            },
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=48)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('undoing', 'Undoing'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled'), ('stuck', 'Stuck')], default='queued', max_length=12)),
                ('subject_name', models.CharField(blank=True, max_length=255)),
                ('args', models.JSONField(default=dict)),
                ('plan', models.JSONField(default=list)),
                ('no_return', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('begun', models.PositiveSmallIntegerField(default=0)),
                ('ended', models.PositiveSmallIntegerField(default=0)),
                ('steps', models.JSONField(default=list)),
                ('percent', models.PositiveSmallIntegerField(default=0)),
                ('owner', models.CharField(blank=True, max_length=64)),
                ('generation', models.PositiveIntegerField(default=0)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('not_before', models.DateTimeField(blank=True, null=True)),
                ('cancel_asked', models.BooleanField(default=False)),
                ('look_again', models.BooleanField(default=False)),
                ('error_code', models.CharField(blank=True, max_length=32)),
                ('error_template', models.TextField(blank=True)),
                ('error_params', models.JSONField(default=dict)),
                ('error_raw', models.TextField(blank=True)),
                ('created_by_name', models.CharField(max_length=120)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('dismissed_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
                ('host', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='vrabec.host')),
                ('parent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='children', to='vrabec.job')),
                ('project', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='vrabec.project')),
                ('template', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='vrabec.template')),
            ],
        ),
        migrations.CreateModel(
            name='JobLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('step', models.CharField(blank=True, max_length=48)),
                ('template', models.TextField()),
                ('params', models.JSONField(default=dict)),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='vrabec.job')),
            ],
        ),
        migrations.CreateModel(
            name='Token',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('api', 'API'), ('sign_in', 'one-time sign-in link')], default='api', max_length=16)),
                ('name', models.CharField(max_length=64)),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tokens', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='VmLoad',
            fields=[
                ('vm', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='load', serialize=False, to='vrabec.vm')),
                ('cpu_percent', models.FloatField(default=0)),
                ('memory_used_mib', models.PositiveIntegerField(default=0)),
                ('disk_used_mib', models.PositiveIntegerField(default=0)),
                ('seen_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='vm',
            name='host',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='vms', to='vrabec.host'),
        ),
        migrations.AddField(
            model_name='vm',
            name='project',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='vms', to='vrabec.project'),
        ),
        migrations.AddField(
            model_name='vm',
            name='template',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='vms', to='vrabec.template'),
        ),
        migrations.AddField(
            model_name='job',
            name='vm',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='vrabec.vm'),
        ),
        migrations.CreateModel(
            name='Grant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('administrator', 'Administrator'), ('owner', 'Owner'), ('viewer', 'Viewer')], max_length=16)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='grants', to=settings.AUTH_USER_MODEL)),
                ('project', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='vrabec.project')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'project'), name='grant_once_a_project'), models.UniqueConstraint(condition=models.Q(('project', None)), fields=('user',), name='grant_once_everywhere'), models.CheckConstraint(condition=models.Q(models.Q(('project', None), ('role', 'administrator')), models.Q(models.Q(('role', 'administrator'), _negated=True), ('project__isnull', False)), _connector='OR'), name='grant_administrator_is_everywhere')],
            },
        ),
        migrations.CreateModel(
            name='TemplateCopy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64)),
                ('host', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='template_copies', to='vrabec.host')),
                ('template', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='copies', to='vrabec.template')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('host', 'sha256'), name='template_copy_once_a_host')],
            },
        ),
        migrations.AddIndex(
            model_name='vm',
            index=models.Index(fields=['name', 'id'], name='vm_by_name'),
        ),
        migrations.AddIndex(
            model_name='vm',
            index=models.Index(fields=['host', 'name', 'id'], name='vm_by_host'),
        ),
        migrations.AddIndex(
            model_name='vm',
            index=models.Index(fields=['seen', 'name', 'id'], name='vm_by_seen'),
        ),
        migrations.AddIndex(
            model_name='vm',
            index=models.Index(fields=['project', 'name', 'id'], name='vm_by_project'),
        ),
        migrations.AddIndex(
            model_name='vm',
            index=models.Index(fields=['memory_mib', 'id'], name='vm_by_memory'),
        ),
        migrations.AddConstraint(
            model_name='vm',
            constraint=models.UniqueConstraint(condition=models.Q(('deleted_at', None), ('is_managed', True)), fields=('project', 'name'), name='vm_name_once_a_project'),
        ),
        migrations.AddConstraint(
            model_name='vm',
            constraint=models.UniqueConstraint(condition=models.Q(('deleted_at', None)), fields=('host', 'uuid'), name='vm_uuid_once_a_host'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(fields=['state', 'id'], name='job_by_state'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(fields=['project', '-id'], name='job_by_project'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('queued', 'running', 'undoing'))), fields=('vm',), name='job_one_active_a_vm'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('queued', 'running', 'undoing'))), fields=('template',), name='job_one_active_a_template'),
        ),
        migrations.RunPython(make_audit_append_only, migrations.RunPython.noop),
    ]
