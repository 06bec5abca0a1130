"""Why somebody may do something, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Invalid
from vrabec.models.grants import Grant, Withheld, holding, mine
from vrabec.models.roles import ADMINISTRATOR, BUILT_IN, OWNED, Role
from vrabec.models.users import User
from vrabec.models.vms import Vm
from vrabec.services.access import Scope, reaching, require_share, scope_of
from vrabec.services.holders import holder_named
from vrabec.services.leases import shown_day
from vrabec.services.people import actor_of
from vrabec.services.permissions import may, rights
from vrabec.services.roles import GRANTABLE, TITLES
from vrabec.services.verb_words import words_of

Sentence = tuple[str, dict[str, str]]
"""A message id and its parameters."""


@dataclass(frozen=True)
class Why:
    """Whether they may, and each reason for or against it."""

    may: bool
    sentences: tuple[Sentence, ...]

    @property
    def words(self) -> list[str]:
        """In English."""
        return [template % params for template, params in self.sentences]


def why(actor: Actor, *, verb: str, scope: Scope | None, username: str = "") -> Why:
    """Why somebody may do `verb` on the scope, or why not; of oneself everybody may ask.

    Raises Invalid for a verb or a name that there is not, Forbidden.
    """
    if verb not in GRANTABLE:
        raise Invalid("There is no verb %(verb)s that somebody could be given.", field="verb", verb=verb[:64])
    user = User.objects.get(pk=actor.user_id)
    if username and username != user.username:
        require_share(actor, scope)  # first: who may not ask does not hear who there is
        user = holder_named(user=username).row  # type: ignore[assignment]
    them = actor_of(user)
    found = tuple(_sentences(user, them, verb, scope))
    nothing = (_NOTHING, {"name": user.username, "verb": words_of(verb)})
    return Why(may(them, verb, scope), found or (nothing,))


_NOTHING = "%(name)s has no role there that lets them %(verb)s."
_ON = {
    "vm": "%(holder)s has the role %(role)s on the machine %(scope)s.",
    "project": "%(holder)s has the role %(role)s in the project %(scope)s.",
    "cluster": "%(holder)s has the role %(role)s in the cluster %(scope)s.",
    "": "%(holder)s has the role %(role)s on the whole site.",
}
_UNTIL = {
    "vm": "%(holder)s has the role %(role)s on the machine %(scope)s until %(until)s.",
    "project": "%(holder)s has the role %(role)s in the project %(scope)s until %(until)s.",
    "cluster": "%(holder)s has the role %(role)s in the cluster %(scope)s until %(until)s.",
    "": "%(holder)s has the role %(role)s on the whole site until %(until)s.",
}


def _sentences(user: User, them: Actor, verb: str, scope: Scope | None) -> Iterator[Sentence]:
    rows = Grant.objects.filter(mine(them), holding(), reaching(scope)).order_by("pk")
    for grant in rows.select_related("group", "vm", "project", "cluster"):
        if verb in _verbs(grant.role):
            yield _of_grant(user, grant)
    if isinstance(scope, Vm):
        yield from _of_the_machine(user, them, verb, scope)


def _of_grant(user: User, grant: Grant) -> Sentence:
    on = scope_of(grant)
    kind = on._meta.model_name or "" if on else ""
    role = TITLES.get(grant.role, grant.role)
    words = {"holder": _who(user, grant.group), "role": role, "scope": on.name if on else ""}
    if grant.until is None:
        return _ON[kind], words
    return _UNTIL[kind], words | {"until": shown_day(grant.until)}


def _of_the_machine(user: User, them: Actor, verb: str, vm: Vm) -> Iterator[Sentence]:
    if verb in OWNED and rights(them, [vm]).owns(vm):
        yield "%(holder)s owns the machine.", {"holder": _who(user, vm.owner_group)}
    if not them.is_administrator:
        for row in Withheld.objects.filter(mine(them), vm=vm, verb=verb).select_related("group"):
            yield "It is withheld from %(holder)s on this machine.", {"holder": _who(user, row.group)}


def _who(user: User, group: object) -> str:
    name = getattr(group, "name", "")
    return f"{user.username} (by the group {name})" if name else user.username


def _verbs(role: str) -> frozenset[str]:
    if role == ADMINISTRATOR:
        return GRANTABLE
    if role in BUILT_IN:
        return BUILT_IN[role]
    own = Role.objects.filter(name=role).first()
    return own.verbs if own else frozenset()
