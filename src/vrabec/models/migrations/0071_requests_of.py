import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('vrabec', '0070_grant_until'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='request',
            name='request_of_a_kind',
        ),
        migrations.RemoveConstraint(
            model_name='request',
            name='request_once_a_quota',
        ),
        migrations.AddField(
            model_name='request',
            name='of_group',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='requests', to='vrabec.group'),
        ),
        migrations.AddField(
            model_name='request',
            name='of_project',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='requests', to='vrabec.project'),
        ),
        migrations.AddConstraint(
            model_name='request',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('of_group', None), ('of_project', None)), ('kind', 'lease'), ('until__isnull', False), ('vm__isnull', False)), models.Q(('kind', 'quota'), ('vm', None), models.Q(('of_project', None), ('of_group', None), _connector='OR')), _connector='OR'), name='request_of_a_kind'),
        ),
        migrations.AddConstraint(
            model_name='request',
            constraint=models.UniqueConstraint(condition=models.Q(models.Q(('of_group', None), ('of_project', None)), ('answered_at', None), ('kind', 'quota')), fields=('user',), name='request_once_a_quota'),
        ),
        migrations.AddConstraint(
            model_name='request',
            constraint=models.UniqueConstraint(condition=models.Q(('answered_at', None), ('of_project__isnull', False)), fields=('of_project',), name='request_once_of_project'),
        ),
        migrations.AddConstraint(
            model_name='request',
            constraint=models.UniqueConstraint(condition=models.Q(('answered_at', None), ('of_group__isnull', False)), fields=('of_group',), name='request_once_of_group'),
        ),
    ]
