"""Second factors of one's own: an authenticator app and recovery codes set up and removed, passkeys removed.

Passkeys are added in passkeys.py, and all of them used in second_step.py.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, Invalid, NotFound
from vrabec.lib.sealed import seal, unseal
from vrabec.lib.totp import new_seed, step_of
from vrabec.models.factors import Authenticator, Passkey, RecoveryCode
from vrabec.models.users import User
from vrabec.services.administrators import require_not_above
from vrabec.services.factor_rows import drop_factors, settle
from vrabec.services.people import digest, require_password
from vrabec.services.permissions import require
from vrabec.services.record import record
from vrabec.services.second_step import check_code, purpose_of
from vrabec.services.sessions import end_other_sessions

CODES = 10
_CODE_BYTES = 10


@dataclass(frozen=True)
class Factors:
    """What somebody has set up."""

    app_since: datetime | None
    passkeys: tuple[Passkey, ...]
    codes_left: int

    @property
    def are_none(self) -> bool:
        """A password is all they have."""
        return self.app_since is None and not self.passkeys


def factors_of(actor: Actor) -> Factors:
    """The actor's own: three queries. Raises Forbidden."""
    require(actor, "factor.view")
    app = Authenticator.objects.filter(user_id=actor.user_id).first()
    return Factors(
        app_since=app.confirmed_at if app else None,
        passkeys=tuple(Passkey.objects.filter(user_id=actor.user_id).order_by("pk")),
        codes_left=RecoveryCode.objects.filter(user_id=actor.user_id, used_at=None).count(),
    )


def begin_app(actor: Actor) -> None:
    """Make a new seed, which counts for nothing until a code of it is given. Raises Conflict, Unavailable."""
    require(actor, "factor.change")
    with transaction.atomic():
        if Authenticator.objects.filter(user_id=actor.user_id).exclude(confirmed_at=None).exists():
            raise Conflict("You have an authenticator app. Remove it first.")
        sealed = seal(new_seed(), purpose=purpose_of(actor.user_id), key_file=settings.VRABEC_SEAL_KEY)
        Authenticator.objects.update_or_create(user_id=actor.user_id, defaults={"seed": sealed})


def seed_to_scan(actor: Actor) -> str:
    """The seed of the app that is being set up. Raises NotFound when none is, Unavailable."""
    require(actor, "factor.view")
    return _open(_begun(actor))


def confirm_app(actor: Actor, *, code: str, session: int | None = None) -> list[str]:
    """Take the app that was begun into use by a first code of it; all sessions but this one end.

    Gives recovery codes where there were none. Raises Invalid, NotFound, Unavailable.
    """
    require(actor, "factor.change")
    app = _begun(actor)
    step = step_of(_open(app), "".join(code.split()), at=now().timestamp())
    if step is None:
        raise Invalid(
            "This is not the code of now. If it stays so, the clock of phone or controller is wrong.",
            field="code",
        )
    with transaction.atomic():
        fresh = Authenticator.objects.filter(pk=app.pk, confirmed_at=None, seed=app.seed)
        if not fresh.update(confirmed_at=now(), last_step=step):
            raise Conflict("This app was set up meanwhile.")
        return added(actor, "authenticator app", session)


def added(actor: Actor, what: str, session: int | None) -> list[str]:
    """In a transaction: a factor has been added. Gives recovery codes where it is the first one."""
    user = User.objects.get(pk=actor.user_id)
    record(actor, "factor.add", of=user, what=what)
    settle(user)
    if user.second_factor_since is not None:
        return []
    end_other_sessions(actor, but=session)  # they began without a second step
    record(actor, "factor.codes", of=user)
    return _make_codes(user)


def renew_codes(actor: Actor, *, typed: str) -> list[str]:
    """New recovery codes; those of before end. Raises Invalid, TooMany, Conflict where there is no factor."""
    require(actor, "factor.change")
    user = _confirmed(actor, typed)
    if user.second_factor_since is None:
        raise Conflict("Set up an app or a passkey first.")
    with transaction.atomic():
        record(actor, "factor.codes", of=user)
        return _make_codes(user)


def remove_own(actor: Actor, *, typed: str, passkey_id: int | None = None) -> None:
    """Remove one's app, or the passkey of this id. Raises Invalid for a wrong password, TooMany, NotFound."""
    require(actor, "factor.change")
    user = _confirmed(actor, typed)
    apps = Authenticator.objects.filter(user=user).exclude(confirmed_at=None)
    rows = apps if passkey_id is None else Passkey.objects.filter(user=user, pk=passkey_id)
    with transaction.atomic():
        row = rows.first()
        if row is None:
            raise NotFound("You have no such second factor.")
        what = row.name if isinstance(row, Passkey) else "authenticator app"
        record(actor, "factor.remove", of=user, what=what)
        row.delete()
        settle(user)


def remove_factors(actor: Actor, *, user: User) -> None:
    """Remove all second factors of somebody who has lost them. Raises Forbidden, Conflict for oneself."""
    require(actor, "user.factors")
    require_not_above(actor, user=user)
    if user.pk == actor.user_id:
        raise Conflict("Your own are removed on your account's page, which asks for your password.")
    with transaction.atomic():
        record(actor, "user.factors", of=user)
        drop_factors(user)


def _begun(actor: Actor) -> Authenticator:
    app = Authenticator.objects.filter(user_id=actor.user_id, confirmed_at=None).first()
    if app is None:
        raise NotFound("No authenticator app is being set up.")
    return app


def _open(app: Authenticator) -> str:
    return unseal(app.seed, purpose=purpose_of(app.user_id), key_file=settings.VRABEC_SEAL_KEY)


def _confirmed(actor: Actor, typed: str) -> User:
    """The actor, who gave their password or, where the account has none here, a code."""
    user = User.objects.get(pk=actor.user_id)
    if user.has_usable_password():
        require_password(actor, user, typed)
    else:
        check_code(user, typed, actor.address)
    return user


def _make_codes(user: User) -> list[str]:
    RecoveryCode.objects.filter(user=user).delete()
    codes = [base64.b32encode(os.urandom(_CODE_BYTES)).decode().lower() for _ in range(CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=digest(code)) for code in codes)
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]
