"""`python -m tests.bench.queries USER PATH...`: how many queries each page costs, as one JSON list.

In a process of its own with the controller's settings (VRABEC_CONFIG), on the controller's database.
"""

import json
import os
import sys


def queries(username: str, paths: list[str]) -> list[int]:
    """Queries of each of these pages for this user."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vrabec.config.settings")
    import django

    django.setup()
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from vrabec.models.users import User

    client = Client()
    client.force_login(User.objects.get(username=username))
    found = []
    for path in paths:
        with CaptureQueriesContext(connection) as made:
            assert client.get(path, secure=True).status_code == 200, path
            found.append(len(made))
    return found


if __name__ == "__main__":
    print(json.dumps(queries(sys.argv[1], sys.argv[2:])))
