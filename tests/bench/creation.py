"""`scripts/bench placement-rest`: machines asked for by REST on a filled database."""

import json
import os
import random
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.figures import now_ms
from vrabec.config.web import set_aside

_WARM = 3


def measure(folder: Path, hosts: int, vms: int, runs: int) -> dict[str, Any]:
    """The line: whole requests, what placing takes of them, and the floor: the rows it is made of, bare."""
    prepare(folder)
    secret = _fill(hosts, vms)
    set_aside()
    times = {
        "create_ms": _creates(secret, runs),
        "read_ms": _each(_read, runs),
        "rows_ms": _each(_rows, runs),
    }
    return {"hosts": hosts, "vms": vms} | {name: _figures(values) for name, values in times.items()}


def prepare(folder: Path) -> None:
    """A data directory with an empty SQLite, and Django set up for it."""
    for name in ("data", "run"):
        (folder / name).mkdir()
    config = folder / "vrabec.toml"
    config.write_text(f'data_dir = "{folder}/data"\nrun_dir = "{folder}/run"\n')
    os.environ |= {"VRABEC_CONFIG": str(config), "DJANGO_SETTINGS_MODULE": "vrabec.config.settings"}
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _fill(hosts: int, vms: int) -> str:
    """A cluster of like hosts with machines of usual sizes, and an administrator's token."""
    from django.db import transaction

    from vrabec.models.grants import Grant
    from vrabec.models.hosts import Host, HostState
    from vrabec.models.projects import Project
    from vrabec.models.roles import ADMINISTRATOR
    from vrabec.models.templates import Template, TemplateState
    from vrabec.models.users import User
    from vrabec.models.vms import Seen, Vm, Wished
    from vrabec.services.people import actor_of
    from vrabec.services.tokens import create_token

    chance = random.Random(0)  # noqa: S311
    with transaction.atomic():
        project = Project.objects.create(name="main")
        ada = User.objects.create_user("ada", "correct horse battery")
        Grant.objects.create(user=ada, role=ADMINISTRATOR)
        Template.objects.create(name="tiny", title="Tiny", builder="tiny", state=TemplateState.READY)
        like = {"uri": "test:///default", "state": HostState.ONLINE, "networks": ["default"], "cpus": 64}
        like |= {"memory_mib": 262_144, "pool_free_mib": 500_000, "pool_total_mib": 1_000_000}
        for number in range(hosts):
            Host(name=f"h{number}", **like).save()
        ids = list(Host.objects.values_list("pk", flat=True))
        on = {"project": project, "wished": Wished.ON, "seen": Seen.RUNNING}
        rows = [
            Vm(
                name=f"vm{number}",
                domain_name=f"main.vm{number}",
                host_id=chance.choice(ids),
                cpus=chance.choice((1, 2, 4)),
                memory_mib=chance.choice((1024, 2048, 4096, 8192)),
                **on,
            )
            for number in range(vms)
        ]
        Vm.objects.bulk_create(rows, batch_size=1000)
        return create_token(actor_of(ada), name="bench")[1]


def _creates(secret: str, runs: int) -> list[float]:
    from django.test import Client

    client = Client(headers={"authorization": f"Bearer {secret}"})
    times = []
    for number in range(runs + _WARM):
        body = json.dumps({"name": f"new{number}", "project": "main", "memory_mib": 2048})
        began = now_ms()
        answer = client.post("/api/v1/vms", data=body, content_type="application/json", secure=True)
        times.append(now_ms() - began)
        if answer.status_code != 202:
            raise RuntimeError(answer.content.decode())
    return times[_WARM:]


def _each(work: Any, runs: int) -> list[float]:
    times = []
    for _ in range(runs):
        began = now_ms()
        work()
        times.append(now_ms() - began)
    return times


def _read() -> None:
    from vrabec.services.fleets import read_stocks

    read_stocks()


def _rows() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT id, host_id, memory_mib, cpus FROM vrabec_vm WHERE deleted_at IS NULL")
        cursor.fetchall()


def _figures(times: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(times, [50, 99])
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1)}
