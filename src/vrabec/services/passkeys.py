"""Passkeys (WebAuthn level 2, by the library fido2): added, and used as second step or without a password.

Each is bound to one site, the name by which browsers call the controller. What a ceremony was begun with
(`State`) lies in the session until it ends, and is good for one try.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, Invalid, TooMany, Unauthenticated
from vrabec.models.factors import Passkey
from vrabec.models.users import User
from vrabec.services.failures import Tally
from vrabec.services.people import actor_of
from vrabec.services.permissions import require
from vrabec.services.record import record
from vrabec.services.second_factors import added
from vrabec.services.session_store import digest

MAX_PASSKEYS = 20
MAX_BEGUN = 100
"""Sign-ins by passkey that one address may begin in five minutes: each takes a session."""
_BEGUN = Tally(MAX_BEGUN)
_FAULTS = (ValueError, KeyError, TypeError, AttributeError, AssertionError)
"""What the library raises for answers that are wrong or no answers at all."""
State = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """What a ceremony was begun with, None for none, and what the browser answered."""

    state: State | None
    answer: Any


@dataclass(frozen=True)
class Place:
    """Where the browser is: `origin` as it says, "https://cloud.example.org:8443", `rp_id` the name in it."""

    origin: str
    rp_id: str


def begin_adding(actor: Actor, place: Place) -> tuple[dict[str, Any], State]:
    """What the browser needs to make a passkey, and what to keep until it has. Raises Conflict, Forbidden."""
    from fido2.webauthn import PublicKeyCredentialUserEntity

    require(actor, "factor.change")
    user, present = User.objects.get(pk=actor.user_id), _of(actor.user_id, place)
    if len(present) >= MAX_PASSKEYS:
        raise Conflict("You have %(most)s passkeys: remove one first.", most=MAX_PASSKEYS)
    who = PublicKeyCredentialUserEntity(
        id=str(user.pk).encode(), name=user.username, display_name=user.shown_name
    )
    options, state = _server(place).register_begin(
        who,
        [_credential(row) for row in present],
        resident_key_requirement=_requirement("resident", "preferred"),
        user_verification=_requirement("verification", "preferred"),
    )
    return dict(options), state


def add_passkey(
    actor: Actor, place: Place, *, name: str, made: Made, session: int | None = None
) -> list[str]:
    """Keep the passkey that the browser made; gives recovery codes where it is the first factor.

    Raises Invalid, Conflict for one that is known, Forbidden.
    """
    require(actor, "factor.change")
    name = name.strip() or "Passkey"
    if len(name) > 64:
        raise Invalid("A passkey's name has 64 signs at most.", field="name")
    try:
        data = _server(place).register_complete(made.state, made.answer)
        credential = data.credential_data
        assert credential is not None  # noqa: S101 - the library has looked
    except _FAULTS as error:
        raise Invalid("The browser's answer does not fit. Try again.", field="credential") from error
    key = _digest(credential.credential_id)
    with transaction.atomic():
        if Passkey.objects.filter(digest=key).exists():
            raise Conflict("This passkey is known already.")
        Passkey.objects.create(
            user_id=actor.user_id,
            name=name,
            rp_id=place.rp_id,
            digest=key,
            credential=base64.b64encode(bytes(credential)).decode(),
            sign_count=data.counter,
        )
        return added(actor, f"passkey {name}", session)


def begin_sign_in(place: Place, user: User | None, address: str) -> tuple[dict[str, Any], State]:
    """What the browser needs to use a passkey: one of `user`, or any that the browser keeps for this site.

    Without a user it stands for the password, too, and has to verify its person. Raises TooMany.
    """
    if _BEGUN.wait_s(address):
        raise TooMany("Too many tries. Wait %(seconds)s s.", seconds=_BEGUN.wait_s(address))
    _BEGUN.add(address)
    known = [_credential(row) for row in _of(user.pk, place)] if user else None
    need = _requirement("verification", "preferred" if user else "required")
    options, state = _server(place).authenticate_begin(known, user_verification=need)
    return dict(options), state


def sign_in(place: Place, user: User | None, *, made: Made, address: str) -> User:
    """Who the passkey stands for; `user` is the one of the first step, if there was one.

    Raises Unauthenticated.
    """
    if user is None and (made.state or {}).get("user_verification") != "required":
        raise _refused()  # begun as a second step, which asks for less
    row = _answering(made.answer, place, user)
    count = _checked(place, row, made)
    with transaction.atomic():
        # A counter that goes back is a copy's; those that are kept in sync between devices stay at 0.
        older = {"sign_count__lt": count} if count else {"sign_count": 0}
        if not Passkey.objects.filter(pk=row.pk, **older).update(sign_count=count, used_at=now()):
            raise _refused()
        record(actor_of(row.user, address), "session.begin", of=row.user, by="passkey")
    return row.user


def _answering(answer: Any, place: Place, user: User | None) -> Passkey:
    from fido2.utils import websafe_decode

    try:
        key = _digest(websafe_decode(answer["rawId"]))
    except _FAULTS as error:
        raise _refused() from error
    rows = Passkey.objects.filter(digest=key, rp_id=place.rp_id, user__is_active=True)
    row = (rows.filter(user=user) if user else rows).select_related("user").first()
    if row is None:
        raise _refused()
    return row


def _checked(place: Place, row: Passkey, made: Made) -> int:
    """The counter of a right answer. Raises Unauthenticated."""
    from fido2.webauthn import AuthenticationResponse

    try:
        said = AuthenticationResponse.from_dict(made.answer)
        _server(place).authenticate_complete(made.state, [_credential(row)], said)
    except _FAULTS as error:
        raise _refused() from error
    count: int = said.response.authenticator_data.counter
    return count


def _refused() -> Unauthenticated:
    return Unauthenticated("This passkey does not open an account here.")


def _of(user_id: int, place: Place) -> list[Passkey]:
    return list(Passkey.objects.filter(user_id=user_id, rp_id=place.rp_id))


def _credential(row: Passkey) -> Any:
    from fido2.webauthn import AttestedCredentialData

    return AttestedCredentialData(base64.b64decode(row.credential))


def _digest(credential_id: bytes) -> str:
    return digest(credential_id.hex())


def _requirement(what: str, value: str) -> Any:
    from fido2.webauthn import ResidentKeyRequirement, UserVerificationRequirement

    return (ResidentKeyRequirement if what == "resident" else UserVerificationRequirement)(value)


def _server(place: Place) -> Any:
    """The library's half of a ceremony; loaded when somebody has one: it takes 60 ms."""
    from fido2.server import Fido2Server
    from fido2.webauthn import PublicKeyCredentialRpEntity

    site = PublicKeyCredentialRpEntity(id=place.rp_id, name="Vrabec")
    return Fido2Server(site, verify_origin=lambda origin: origin == place.origin)
