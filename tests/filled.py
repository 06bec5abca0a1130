"""Rows of every kind ("fill"), and a look at all of them ("look") that shares no code with backups.

Run by test_backup in processes of their own, each with its VRABEC_CONFIG.
"""

import hashlib
import json
import os
import sys
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vrabec.config.settings")


def fill() -> None:
    """Some rows in every table that people fill, with values that are hard to carry over."""
    from vrabec.lib.actor import SYSTEM
    from vrabec.lib.clock import now
    from vrabec.models.grants import Grant
    from vrabec.models.hosts import Host, HostState
    from vrabec.models.jobs import Job, JobLine, JobState
    from vrabec.models.projects import Project
    from vrabec.models.roles import ADMINISTRATOR
    from vrabec.models.templates import Template, TemplateCopy, TemplateState
    from vrabec.models.users import User
    from vrabec.models.vms import Seen, Vm, VmLoad
    from vrabec.services.people import actor_of
    from vrabec.services.record import record
    from vrabec.services.tokens import create_token

    ada = User.objects.create_user("ada", "correct horse battery", full_name="Ada 🐦 Žluťoučká\nKüche\\\"'")
    project = Project.objects.create(name="alpha")
    Grant.objects.create(user=ada, project=None, role=ADMINISTRATOR)
    create_token(actor_of(ada), name="test")
    uri = os.environ.get("FILLED_URI", "test:///default")
    host = Host.objects.create(name="kvm1", uri=uri, state=HostState.ONLINE, networks=["default"])
    template = Template.objects.create(name="tiny", title="Tiny", builder="tiny", state=TemplateState.READY)
    TemplateCopy.objects.create(host=host, template=template, sha256="0" * 64)
    for number in range(603):
        vm = Vm.objects.create(
            name=f"m{number}",
            domain_name=f"alpha.m{number}",
            project=project,
            host=host,
            template=template,
            seen=Seen.OFF,
            created_by=ada,
            deleted_at=now() if number % 5 == 0 else None,
        )
        VmLoad.objects.create(vm=vm, cpu_percent=number / 7, seen_at=now())
    _fill_more(vm, actor_of(ada))
    parent = Job.objects.create(kind="vm.many", created_by_name="ada", created_by=ada, state=JobState.DONE)
    job = Job.objects.create(
        kind="vm.start", vm=vm, parent=parent, created_by_name="ada", args={"b": 1.0, "a": [None, 2**53]}
    )
    # The child has the lower number: no order of rows is right, only checks at the end are.
    Job.objects.filter(pk=parent.pk).update(parent=job)
    JobLine.objects.create(job=job, at=now(), template="%(what)s", params={"what": "ů"})
    for number in range(600):
        record(SYSTEM, "vm.start", of=vm, job=job, number=number)


def _fill_more(vm: Any, ada: Any) -> None:
    from vrabec.lib.fit import Needs
    from vrabec.services.views import ViewWish, save_view
    from vrabec.services.vm_xml import Told, write_xml

    write_xml(vm.pk, Told("<domain>\n  <title>ů\t</title>\n</domain>\n", Needs(), "1"))
    save_view(ada, ViewWish(name="Ž'\"", search="state:off", columns=("host", "cpu")))
    _fill_sign_in(ada)


def _fill_sign_in(ada: Any) -> None:
    """A session, which no backup has, and second factors, which each has."""
    from vrabec.models.factors import Passkey
    from vrabec.services.factor_rows import settle
    from vrabec.services.second_factors import begin_app
    from vrabec.services.session_store import SessionStore

    SessionStore().create()
    begin_app(ada)
    key = Passkey.objects.create(
        user_id=ada.user_id, name="ů", rp_id="localhost", digest="d", sign_count=2**40
    )
    settle(key.user)


def look() -> dict[str, Any]:
    """Count and digest of every table's rows as Django gives them."""
    from django.apps import apps

    found = {}
    for model in apps.get_models(include_auto_created=True):
        columns = [field.attname for field in model._meta.concrete_fields]
        rows = [json.dumps(row, default=str, sort_keys=True) for row in model.objects.values_list(*columns)]  # type: ignore[attr-defined]
        digest = hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()
        found[model._meta.db_table] = [len(rows), digest]
    return found


if __name__ == "__main__":
    import django

    django.setup()
    if sys.argv[1] == "fill":
        from django.db import transaction

        with transaction.atomic():
            fill()
    else:
        json.dump(look(), sys.stdout)
