"""The chain of the record, which is append-only as the record is."""

from django.db import migrations, models

SQLITE = tuple(
    f"CREATE TRIGGER link_no_{verb} BEFORE {verb.upper()} ON vrabec_link "
    "BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END"
    for verb in ("update", "delete")
)
POSTGRESQL = (
    "CREATE TRIGGER link_append_only BEFORE UPDATE OR DELETE ON vrabec_link "
    "FOR EACH ROW EXECUTE FUNCTION vrabec_append_only()",
)


def make_append_only(apps, schema_editor):
    """Let the database itself refuse to change or delete a link."""
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = (("vrabec", "0026_to_place"),)

    operations = (
        migrations.CreateModel(
            name="Link",
            fields=[
                ("place", models.BigIntegerField(primary_key=True, serialize=False)),
                ("audit_id", models.BigIntegerField(unique=True)),
                ("mac", models.CharField(max_length=64)),
                ("chained", models.CharField(max_length=64)),
            ],
        ),
        migrations.RunPython(make_append_only, migrations.RunPython.noop),
    )
