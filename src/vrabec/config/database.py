"""Whether the database is this Vrabec's: neither an earlier one's nor a later one's."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from vrabec.lib.errors import Conflict


def require_not_later() -> None:
    """Raise Conflict for the tables of a later Vrabec: what it writes there we would misread."""
    from vrabec.config.backup.rows import applied_migrations

    applied_migrations()


def require_ours() -> None:
    """Raise Conflict unless the tables are as this Vrabec makes them; one that does not answer may later."""
    from django.db import Error, connection

    from vrabec.config.backup.rows import missing_migrations

    file = connection.settings_dict["NAME"]
    with suppress(Error):
        # To look would make an empty SQLite.
        if connection.vendor == "sqlite" and not Path(str(file)).exists():
            raise Conflict("There is no database %(file)s yet. Run: vrabecd migrate", file=str(file))
        require_not_later()
        if missing := missing_migrations():
            sentence = "The database is an earlier Vrabec's (it has no %(migration)s). Run: vrabecd migrate"
            raise Conflict(sentence, migration=".".join(missing[0]))
    connection.close()
