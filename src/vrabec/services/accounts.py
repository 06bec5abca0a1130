"""Accounts: made, changed and removed by administrators. Signing in: people.py."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Prefetch, Q, QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Invalid, NotFound
from vrabec.lib.names import check_username
from vrabec.models.changes import changed
from vrabec.models.grants import SCOPES, Grant, holding
from vrabec.models.users import User
from vrabec.models.vms import Vm
from vrabec.services.administrators import keep_one, require_not_above
from vrabec.services.people import make_sign_in_link
from vrabec.services.permissions import require
from vrabec.services.record import record
from vrabec.services.sessions import drop_sessions


@dataclass(frozen=True)
class Account:
    """What is to be known of somebody; None stays as it is."""

    full_name: str | None = None
    email: str | None = None
    is_active: bool | None = None

    @property
    def given(self) -> dict[str, str | bool]:
        """What is not None."""
        return {name: value for name, value in vars(self).items() if value is not None}


def list_accounts(actor: Actor) -> QuerySet[User]:
    """Everybody by name, with groups, roles and sources in memory: five queries. Raises Forbidden."""
    require(actor, "user.list")
    rows = Grant.objects.filter(holding()).filter(Q(vm=None) | Q(vm__deleted_at=None))
    held = Prefetch("grants", rows.select_related(*SCOPES).order_by("pk"))
    return User.objects.prefetch_related("memberships__group", "identities", held).order_by("username")


def get_account(actor: Actor, *, user_id: int) -> User:
    """The user of this id. Raises NotFound, Forbidden."""
    found = list_accounts(actor).filter(pk=user_id).first()
    if found is None:
        raise NotFound("There is no user with this id.")
    return found


def create_account(actor: Actor, *, username: str, account: Account) -> tuple[User, str]:
    """Make an account, and the secret of a link that lets its person set a password within an hour.

    Raises Invalid, Conflict for a taken name, Forbidden.
    """
    require(actor, "user.create")
    check_username(username)
    _check(account)
    made = User(username=username, must_change_password=True, **account.given)
    made.set_unusable_password()
    try:
        with transaction.atomic():
            made.save()
            record(actor, "user.create", of=made)
            secret = make_sign_in_link(made, by=actor)
    except IntegrityError as error:
        raise Conflict("A user named %(name)s exists already.", name=username, field="username") from error
    return made, secret


def make_link(actor: Actor, *, user: User) -> str:
    """The secret of a new link that signs somebody in once, to set a password. Raises Forbidden."""
    require(actor, "user.change")
    require_not_above(actor, user=user)
    return make_sign_in_link(user, by=actor)


def change_account(actor: Actor, *, user: User, account: Account) -> User:
    """Change what is known of somebody, or close or open their account.

    Raises Invalid, Conflict for the last administrator, Forbidden.
    """
    require(actor, "user.change")
    require_not_above(actor, user=user)
    _check(account)
    before = {name: getattr(user, name) for name in account.given}
    with transaction.atomic(), keep_one():
        User.objects.filter(pk=user.pk).update(**account.given)
        record(actor, "user.change", of=user, before=before, after=account.given)
        changed("grant", user.pk)
        if account.is_active is False:
            drop_sessions(user)  # they must not live on when the account is opened again
    return get_account(actor, user_id=user.pk)


def remove_account(actor: Actor, *, user: User) -> None:
    """Remove an account with its tokens and roles. Its machines go to their projects; the record stays.

    Raises Conflict for oneself and for the last administrator, Forbidden.
    """
    require(actor, "user.remove")
    require_not_above(actor, user=user)
    if user.pk == actor.user_id:
        raise Conflict("You cannot remove your own account.")
    with transaction.atomic(), keep_one():
        vms = list(Vm.objects.present().filter(owner=user))
        for vm in vms:
            record(actor, "vm.transfer", of=vm, before=user.username, to="")
        record(actor, "user.remove", of=user, machines=len(vms))
        user.delete()
        changed("grant", 0)
        changed("vm", *(vm.pk for vm in vms))


def _check(account: Account) -> None:
    if account.full_name is not None and len(account.full_name) > 120:
        raise Invalid("A name has 120 signs at most.", field="full_name")
    if account.email:
        try:
            validate_email(account.email)
        except ValidationError as error:
            raise Invalid("This is no address for mail.", field="email") from error
