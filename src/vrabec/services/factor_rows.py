"""The rows of second factors: what setting up, signing in and ways back in have in common."""

from __future__ import annotations

from vrabec.lib.clock import now
from vrabec.models.changes import changed
from vrabec.models.factors import Authenticator, Passkey, RecoveryCode
from vrabec.models.users import User


def settle(user: User) -> None:
    """In a transaction: let the account say whether it has a factor; codes without one are worth nothing."""
    has_app = Authenticator.objects.filter(user=user).exclude(confirmed_at=None).exists()
    if has_app or Passkey.objects.filter(user=user).exists():
        User.objects.filter(pk=user.pk, second_factor_since=None).update(second_factor_since=now())
    else:
        RecoveryCode.objects.filter(user=user).delete()
        User.objects.filter(pk=user.pk).update(second_factor_since=None)
    changed("grant", user.pk)


def drop_factors(user: User) -> None:
    """In a transaction: remove all second factors of `user`."""
    for model in (Authenticator, Passkey, RecoveryCode):
        model._default_manager.filter(user=user).delete()
    settle(user)
