"""Somebody with many grants among all machines: nine of ten on projects, the others on single machines.

Run beside the controller: python -m tests.bench.granted NUMBER
"""

import os
import sys

from tests.e2e.controller import PASSWORD

GRANTED = "granted"


def main(number: int) -> None:
    """Spread the machines over twice as many projects as there are grants, and give half of them."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "vrabec.config.settings"
    import django

    django.setup()
    from django.db import connection, transaction

    from vrabec.models.grants import Grant
    from vrabec.models.projects import Project
    from vrabec.models.roles import MEMBER
    from vrabec.models.users import User
    from vrabec.models.vms import Vm

    with transaction.atomic():
        user = User.objects.create_user(GRANTED, PASSWORD)
        made = Project.objects.bulk_create(Project(name=f"project-{i:04d}") for i in range(number * 2))
        first = made[0].pk
        with connection.cursor() as cursor:
            cursor.execute("UPDATE vrabec_vm SET project_id = %s + id %% %s", [first, number * 2])
        on_projects = number * 9 // 10
        singles = Vm.objects.filter(project_id=first + number).order_by("pk")[: number - on_projects]
        scopes: list[dict[str, object]] = [{"project": project} for project in made[:on_projects]]
        scopes += [{"vm": vm} for vm in singles]
        Grant.objects.bulk_create(Grant(user=user, role=MEMBER, **scope) for scope in scopes)


if __name__ == "__main__":
    main(int(sys.argv[1]))
