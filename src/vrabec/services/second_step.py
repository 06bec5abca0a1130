"""The second step of signing in: a code of an app, or a recovery code, of who gave the right password."""

from __future__ import annotations

from django.conf import settings

from vrabec.lib.addresses import network_of
from vrabec.lib.clock import now
from vrabec.lib.errors import SecondFactor, TooMany, Unauthenticated
from vrabec.lib.sealed import unseal
from vrabec.lib.totp import DIGITS, step_of
from vrabec.models.factors import Authenticator, RecoveryCode
from vrabec.models.sessions import Session
from vrabec.models.users import User
from vrabec.services.failures import Failures, Tally
from vrabec.services.people import actor_of, digest
from vrabec.services.record import record

MAX_CODES = 5
"""Wrong codes of one person from one address in five minutes."""
MAX_FROM_ANYWHERE = 20
ANYWHERE_SECONDS = 3600.0
"""So many wrong codes of an app from wherever: then codes are taken where the person was before, alone."""
_CODES = Failures(MAX_CODES)
_ANYWHERE = Tally(MAX_FROM_ANYWHERE, ANYWHERE_SECONDS)


def require_code(user: User, code: str, address: str) -> None:
    """Ask a program for a code where `user` has a second factor. Raises SecondFactor, and as take_code."""
    if user.second_factor_since is None:
        return
    if not code.strip():
        raise SecondFactor(
            "A second factor is needed: give a code of your authenticator app, or a recovery code. Who has "
            "passkeys alone makes a token on the account's page.",
            field="code",
        )
    take_code(user, code, address)


def take_code(user: User, code: str, address: str) -> None:
    """Sign `user` in by a code. Raises Unauthenticated, TooMany, Unavailable without the key for seeds."""
    way = check_code(user, code, address)
    record(actor_of(user, address), "session.begin", of=user, by=way)


def check_code(user: User, code: str, address: str) -> str:
    """Use up a code of an app or a recovery code; which of them it was. Raises as take_code."""
    _CODES.check(user.username, address)
    typed = "".join(code.replace("-", "").split()).lower()
    is_of_app = len(typed) == DIGITS and typed.isascii() and typed.isdigit()
    if _use_app(user, typed, address) if is_of_app else _use_recovery(user, typed):
        return "code" if is_of_app else "recovery code"
    _CODES.add(user.username, address, "code")
    raise Unauthenticated("The code is wrong, or was used already.")


def purpose_of(user_id: int) -> str:
    """What the seed of somebody's app is sealed for."""
    return f"totp {user_id}"


def _use_app(user: User, typed: str, address: str) -> bool:
    """Whether it is a code of now that was not taken before; from then on it was."""
    app = Authenticator.objects.filter(user=user).exclude(confirmed_at=None).first()
    if app is None:
        return False
    if _ANYWHERE.wait_s(str(user.pk)) and not _was_here(user, address):
        raise TooMany(
            "Too many wrong codes were tried for this account. Use a recovery code or a passkey, or sign in "
            "from where you are signed in already."
        )
    seed = unseal(app.seed, purpose=purpose_of(user.pk), key_file=settings.VRABEC_SEAL_KEY)
    step = step_of(seed, typed, at=now().timestamp(), after=app.last_step)
    unused = Authenticator.objects.filter(pk=app.pk, last_step__lt=step or 0)
    if step is None or not unused.update(last_step=step):
        _ANYWHERE.add(str(user.pk))
        return False
    return True


def _use_recovery(user: User, typed: str) -> bool:
    unused = RecoveryCode.objects.filter(user=user, digest=digest(typed), used_at=None)
    return bool(unused.update(used_at=now()))


def _was_here(user: User, address: str) -> bool:
    known = Session.objects.filter(user=user, expires_at__gt=now()).values_list("address", flat=True)
    return network_of(address) in {network_of(one) for one in known}
