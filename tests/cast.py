"""The cast that every test knows: an administrator, an operator, an owner, a teammate, a viewer, a stranger.

`site` is what they work on: project "alpha" with the machine "web" on host "kvm1", template "tiny".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pickle import dumps, loads
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.models import Model

from vrabec.lib.actor import Actor
from vrabec.models.audit import Audit
from vrabec.models.clusters import Cluster
from vrabec.models.grants import Grant
from vrabec.models.hosts import Host, HostState
from vrabec.models.projects import Project
from vrabec.models.roles import ADMINISTRATOR, MEMBER, OPERATOR, OWNER, VIEWER
from vrabec.models.templates import Template, TemplateState
from vrabec.models.users import Token, User
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.people import actor_of
from vrabec.services.tokens import create_token
from vrabec.services.wishes import VmWish

PASSWORD = "correct horse battery"
KEPT: tuple[type[Model], ...] = (User, Project, Grant, Token, Cluster, Host, Template, Vm, Audit)


@dataclass
class Person:
    """One of the cast, with a token of their own."""

    user: User
    secret: str

    @property
    def actor(self) -> Actor:
        """Who they are to the services."""
        return actor_of(self.user)


@dataclass
class Site:
    """What the cast works on."""

    project: Project
    other: Project
    host: Host
    template: Template
    vm: Vm
    administrator: Person
    operator: Person
    owner: Person
    teammate: Person
    viewer: Person
    stranger: Person

    def wish(self, **changes: object) -> VmWish:
        """A machine that fits, but for `changes`."""
        fits = {"name": "fresh", "project": "alpha", "template": "tiny", "cpus": 1}
        fits |= {"memory_mib": 192, "disk_mib": 1024, "network": "default"}
        return VmWish(**(fits | changes))

    def make_vm(self, name: str, **columns: object) -> Vm:
        """A machine that exists on the host, off."""
        values = {"project": self.project, "host": self.host, "template": self.template, "seen": Seen.OFF}
        values |= {
            "cpus": 1,
            "memory_mib": 192,
            "disk_mib": 1024,
            "network": "default",
            "wished": Wished.OFF,
            "uuid": uuid4(),
        }
        return Vm.objects.create(name=name, domain_name=f"alpha.{name}", **(values | columns))


def make_host(name: str) -> Host:
    """One that answers and has room."""
    return Host.objects.create(
        name=name,
        uri="test:///default",
        state=HostState.ONLINE,
        arch="x86_64",
        cpus=4,
        memory_mib=4096,
        domain_type="qemu",
        networks=["default"],
        pool_free_mib=50_000,
        pool_total_mib=100_000,
    )


def make_person(name: str, role: str = "", project: Project | None = None) -> Person:
    user = User.objects.create_user(name, PASSWORD)
    if role:
        Grant.objects.create(user=user, role=role, project=project)
    return Person(user, create_token(actor_of(user), name="test")[1])


@pytest.fixture
def site(db: None) -> Site:
    made, inserts = _first()
    with connection.cursor() as cursor:
        for sql, values in inserts:
            cursor.execute(sql, values)
    found: Site = loads(made)  # noqa: S301 - it was dumped here; a deep copy takes four times as long
    return found


@cache
def _first() -> tuple[bytes, list[tuple[str, Sequence[object]]]]:
    """The site as services make it, and what inserts its rows: each test begins so, twenty times as fast."""
    inserts: list[tuple[str, Sequence[object]]] = []

    def keep(execute: Callable[..., object], sql: str, values: Sequence[object], *args: object) -> object:
        inserts.append((sql, values))
        return execute(sql, values, *args)

    with transaction.atomic():
        made = _made()
        rows = {model: list(model._default_manager.order_by("pk")) for model in KEPT}
        transaction.set_rollback(True)
    with transaction.atomic(), connection.execute_wrapper(keep):
        for model, found in rows.items():
            model._default_manager.bulk_create(found)
        transaction.set_rollback(True)
    return dumps(made), [(sql, values) for sql, values in inserts if sql.startswith("INSERT")]


def _made() -> Site:
    alpha, beta = (Project.objects.create(name=name) for name in ("alpha", "beta"))
    host = make_host("kvm1")
    template = Template.objects.create(
        name="tiny", title="Tiny", builder="tiny", state=TemplateState.READY, disk_mib=96, memory_mib=96
    )
    made = Site(
        project=alpha,
        other=beta,
        host=host,
        template=template,
        vm=None,
        administrator=make_person("ada", ADMINISTRATOR),
        operator=make_person("oto", OPERATOR),
        owner=make_person("olga", OWNER, alpha),
        teammate=make_person("tom", MEMBER, alpha),
        viewer=make_person("vera", VIEWER, alpha),
        stranger=make_person("sid", OWNER, beta),
    )
    made.vm = made.make_vm("web")
    return made
