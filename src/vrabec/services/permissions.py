"""The permission table: what each action needs. Routes name an action; services check it on the object."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Forbidden, Unauthenticated, VrabecError
from vrabec.models.projects import Grant, Role


class Level(IntEnum):
    """What one must be, from nobody to administrator. VIEWER and OWNER are of the object's project."""

    PUBLIC = 0
    SIGNED_IN = 1
    VIEWER = 2
    OWNER = 3
    ADMINISTRATOR = 4


ACTIONS: dict[str, Level] = {
    "about.view": Level.PUBLIC,
    "session.begin": Level.PUBLIC,
    "csp.report": Level.PUBLIC,
    "health.view": Level.PUBLIC,
    "session.end": Level.SIGNED_IN,
    "account.view": Level.SIGNED_IN,
    "account.password": Level.SIGNED_IN,
    "token.view": Level.SIGNED_IN,
    "token.create": Level.SIGNED_IN,
    "token.revoke": Level.SIGNED_IN,
    "events.view": Level.SIGNED_IN,
    "vm.list": Level.SIGNED_IN,
    "vm.bulk": Level.SIGNED_IN,
    "view.list": Level.SIGNED_IN,
    "view.save": Level.SIGNED_IN,
    "view.delete": Level.SIGNED_IN,
    "vm.view": Level.VIEWER,
    "vm.create": Level.OWNER,
    "vm.adopt": Level.ADMINISTRATOR,
    "vm.pin": Level.ADMINISTRATOR,
    "vm.place": Level.OWNER,
    "vm.describe": Level.OWNER,
    "vm.rename": Level.OWNER,
    "vm.resize": Level.OWNER,
    "vm.clone": Level.OWNER,
    "vm.start": Level.OWNER,
    "vm.shutdown": Level.OWNER,
    "vm.power_off": Level.OWNER,
    "vm.reboot": Level.OWNER,
    "vm.reset": Level.OWNER,
    "vm.pause": Level.OWNER,
    "vm.resume": Level.OWNER,
    "vm.hibernate": Level.OWNER,
    "vm.send_keys": Level.OWNER,
    "vm.migrate": Level.ADMINISTRATOR,
    "vm.screen": Level.OWNER,
    "vm.xml": Level.OWNER,
    "vm.delete": Level.OWNER,
    "vm.console": Level.OWNER,
    "job.list": Level.SIGNED_IN,
    "job.view": Level.VIEWER,
    "job.cancel": Level.OWNER,
    "job.retry": Level.OWNER,
    "job.dismiss": Level.OWNER,
    "project.list": Level.SIGNED_IN,
    "project.view": Level.VIEWER,
    "project.create": Level.ADMINISTRATOR,
    "template.list": Level.SIGNED_IN,
    "template.build": Level.ADMINISTRATOR,
    "network.list": Level.SIGNED_IN,
    "cluster.list": Level.ADMINISTRATOR,
    "cluster.create": Level.ADMINISTRATOR,
    "cluster.change": Level.ADMINISTRATOR,
    "cluster.remove": Level.ADMINISTRATOR,
    "cluster.capacity": Level.ADMINISTRATOR,
    "cluster.balance": Level.ADMINISTRATOR,
    "host.list": Level.ADMINISTRATOR,
    "host.view": Level.ADMINISTRATOR,
    "host.add": Level.ADMINISTRATOR,
    "host.look": Level.ADMINISTRATOR,
    "host.change": Level.ADMINISTRATOR,
    "host.maintain": Level.ADMINISTRATOR,
    "host.resume": Level.ADMINISTRATOR,
    "host.confirm": Level.ADMINISTRATOR,
    "host.remove": Level.ADMINISTRATOR,
    "audit.list": Level.SIGNED_IN,
    "metrics.view": Level.ADMINISTRATOR,
}

_ROLE_LEVELS = {Role.VIEWER: Level.VIEWER, Role.OWNER: Level.OWNER, Role.ADMINISTRATOR: Level.ADMINISTRATOR}


def level_of(actor: Actor, project_id: int | None = None) -> Level:
    """What `actor` is, in the project of this id or, without one, on the site."""
    if actor.is_administrator:
        return Level.ADMINISTRATOR
    if project_id is None:
        return Level.SIGNED_IN if actor.user_id else Level.PUBLIC
    roles = Grant.objects.filter(user_id=actor.user_id, project_id=project_id).values_list("role", flat=True)
    return max((_ROLE_LEVELS[Role(role)] for role in roles), default=Level.SIGNED_IN)


def levels_of(actor: Actor, project_ids: Iterable[int | None]) -> dict[int | None, Level]:
    """What `actor` is in each of these projects: one query."""
    wanted = set(project_ids)
    if actor.is_administrator:
        return dict.fromkeys(wanted, Level.ADMINISTRATOR)
    found: dict[int | None, Level] = dict.fromkeys(wanted, Level.SIGNED_IN)
    ids = [project_id for project_id in wanted if project_id is not None]
    grants = Grant.objects.filter(user_id=actor.user_id, project_id__in=ids)
    for project_id, role in grants.values_list("project_id", "role"):
        found[project_id] = max(found[project_id], _ROLE_LEVELS[Role(role)])
    return found


def may(actor: Actor, action: str, project_id: int | None = None) -> bool:
    """Whether `actor` may do `action` in the project of this id."""
    return level_of(actor, project_id) >= ACTIONS[action]


def require(actor: Actor, action: str, project_id: int | None = None) -> None:
    """Raise Forbidden, or Unauthenticated for nobody, when `actor` may not do `action`."""
    if not may(actor, action, project_id):
        raise refused(actor, action)


def refused(actor: Actor, action: str) -> VrabecError:
    """What somebody is told who may not do `action`."""
    if not actor.user_id:
        return Unauthenticated("Sign in first.")
    who = "an administrator" if ACTIONS[action] == Level.ADMINISTRATOR else "an owner of the project"
    return Forbidden("Only %(who)s may do this.", who=who, action=action)
