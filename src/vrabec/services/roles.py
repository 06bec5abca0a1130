"""Roles: those built in, and a site's own, which administrators make of verbs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Forbidden, Invalid, NotFound
from vrabec.lib.names import check_label
from vrabec.models.changes import changed
from vrabec.models.grants import Grant, holding
from vrabec.models.roles import ADMINISTRATOR, BUILT_IN, CLONER, MEMBER, OPERATOR, OWNER, VIEWER, Role
from vrabec.services.permissions import ACTIONS, Level, require
from vrabec.services.record import record
from vrabec.services.verb_words import words_of

TITLES = {
    ADMINISTRATOR: "Administrator",
    OPERATOR: "Operator",
    OWNER: "Owner",
    MEMBER: "Member",
    CLONER: "May clone",
    VIEWER: "Viewer",
}
GRANTABLE = frozenset(verb for verb, level in ACTIONS.items() if level is Level.GRANTED)
"""Verbs that a role gives."""


@dataclass(frozen=True)
class Described:
    """A role as people see it; `version` is 0 for those built in, which nobody changes."""

    name: str
    title: str
    verbs: frozenset[str]
    version: int = 0
    needs_second_factor: bool = False

    @property
    def is_built_in(self) -> bool:
        """It cannot be changed."""
        return not self.version


def list_roles(actor: Actor) -> list[Described]:
    """Every role: those built in from the most to the least, then the site's own by name. One query."""
    require(actor, "role.list")
    known = {ADMINISTRATOR: GRANTABLE, **BUILT_IN}
    wanted = settings.VRABEC_REQUIRE_SECOND_FACTOR
    return [
        *(Described(name, TITLES[name], verbs, 0, name in wanted) for name, verbs in known.items()),
        *(_described(row) for row in Role.objects.order_by("name")),
    ]


def _described(row: Role) -> Described:
    return Described(row.name, row.title, row.verbs, row.version, row.needs_second_factor)


def role_named(actor: Actor, name: str) -> Described:
    """The role of this name. Raises Invalid."""
    for role in list_roles(actor):
        if role.name == name:
            return role
    raise Invalid("There is no role named %(name)s.", field="role", name=name[:64])


def create_role(actor: Actor, *, name: str, verbs: Iterable[str], title: str = "") -> Described:
    """Make a role of these verbs. Raises Invalid, Conflict for a taken name, Forbidden."""
    require(actor, "role.create")
    check_label(name)
    line = _line(verbs)
    _require_held(actor, line)
    if name in TITLES:
        raise _taken(name)
    try:
        with transaction.atomic():
            made = Role.objects.create(name=name, title=title[:120], verb_line=line)
            record(actor, "role.create", of=made, verbs=line.split())
    except IntegrityError as error:
        raise _taken(name) from error
    return role_named(actor, name)


def change_role(actor: Actor, *, name: str, version: int, verbs: Iterable[str], title: str = "") -> Described:
    """Give a role other verbs; `version` is the one they were chosen from.

    Raises Invalid, NotFound, Conflict where it is built in or somebody changed it meanwhile, Forbidden.
    """
    require(actor, "role.change")
    row, line = _own(name), _line(verbs)
    _require_held(actor, line)
    with transaction.atomic():
        same = Role.objects.filter(pk=row.pk, version=version)
        if not same.update(verb_line=line, title=title[:120], version=F("version") + 1):
            raise Conflict("Somebody changed the role %(name)s meanwhile. Look at it again.", name=name)
        record(actor, "role.change", of=row, before=sorted(row.verbs), after=line.split())
        changed("grant", 0)
    return role_named(actor, name)


def set_role_factor(actor: Actor, *, name: str, is_needed: bool) -> Described:
    """Say whether who has a role must set up a second factor. Raises NotFound, Conflict, Forbidden.

    Of those built in the setting `require_second_factor` says it.
    """
    require(actor, "role.change")
    row = _own(name)
    with transaction.atomic():
        if (
            Role.objects.filter(pk=row.pk)
            .exclude(needs_second_factor=is_needed)
            .update(needs_second_factor=is_needed, version=F("version") + 1)
        ):
            record(actor, "role.change", of=row, before=not is_needed, second_factor=is_needed)
            changed("grant", 0)
    return role_named(actor, name)


def remove_role(actor: Actor, *, name: str) -> None:
    """Remove a role that nobody has. Raises NotFound, Conflict, Forbidden."""
    require(actor, "role.remove")
    row = _own(name)
    with transaction.atomic():
        if held := Grant.objects.filter(holding(), role=name).count():
            raise Conflict("The role %(name)s is given %(n)s times: take it back first.", name=name, n=held)
        record(actor, "role.remove", of=row, before=sorted(row.verbs))
        row.delete()


def _own(name: str) -> Role:
    if name in TITLES:
        raise Conflict("The role %(name)s is built in and stays as it is.", name=name)
    row = Role.objects.filter(name=name.replace("\0", "")).first()
    if row is None:
        raise NotFound("There is no role named %(name)s.", name=name[:64])
    return row


def _line(verbs: Iterable[str]) -> str:
    """The verbs as a role keeps them. Raises Invalid for none, or one that no role can give."""
    wanted = sorted(set(verbs))
    if not wanted:
        raise Invalid("Choose at least one verb.", field="verbs")
    for verb in wanted:
        if verb not in GRANTABLE:
            raise Invalid("There is no verb %(verb)s that a role could give.", field="verbs", verb=verb[:64])
    return f" {' '.join(wanted)} "


def _require_held(actor: Actor, line: str) -> None:
    """Nobody makes a role of more than they may themselves everywhere. Raises Forbidden."""
    for verb in line.split():
        if not actor.is_administrator and verb not in actor.held.site:
            words = words_of(verb)
            raise Forbidden("Only who may %(verb)s on the whole site makes a role that may.", verb=words)


def _taken(name: str) -> Conflict:
    return Conflict("A role named %(name)s exists already.", name=name, field="name")
