"""Every error Vrabec raises on purpose: one tree, stable codes, a sentence a person can act on.

VrabecError
├── NotFound          not_found        404  it is not there, or not for you to see
├── Forbidden         forbidden        403  you see it, but may not do this
├── Unauthenticated   unauthenticated  401  sign in first
│   └── SecondFactor  second_factor    401  the password is right, a code is needed beside it
├── Invalid           invalid          422  a field breaks a limit (names both)
├── TooLarge          too_large        413  the body is larger than any form of ours
├── TooMany           too_many         429  slow down
├── Conflict          conflict         409  somebody was faster, or the name is taken
│   └── WrongState    wrong_state      409  not in this state
├── NoCapacity        no_capacity      409  no host has room
│   └── QuotaExceeded quota_exceeded   409  a quota has none left
├── Cancelled         cancelled        409  somebody cancelled the job
├── Unavailable       unavailable      503  a host or service does not answer; may work later
└── HostError         host_error       502  a host answered with an error

A message is an English template with %(name)s parameters: it is the message id of the translations,
so that a job can fail in the engine and be read in the reader's language.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar


class VrabecError(Exception):
    """The root: `template % params` is the sentence, `raw` what the other system said, unchanged."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, template: str, *, raw: str = "", field: str = "", **params: Any) -> None:
        super().__init__(template, params)
        self.template = template
        self.params = params
        self.raw = raw
        self.field = field

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process: by default `params` would be passed by place."""
        return partial(type(self), self.template, raw=self.raw, field=self.field, **self.params), ()

    @property
    def message(self) -> str:
        """The sentence in English."""
        return self.template % self.params if self.params else self.template

    def __str__(self) -> str:
        return self.message


class NotFound(VrabecError):
    """It is not there, or not for this actor to see."""

    code = "not_found"
    status = 404


class Forbidden(VrabecError):
    """The actor sees the object but may not do this to it."""

    code = "forbidden"
    status = 403


class Unauthenticated(VrabecError):
    """Nobody is signed in, or the token has ended."""

    code = "unauthenticated"
    status = 401


class SecondFactor(Unauthenticated):
    """The password is right, and a code of a second factor is needed beside it."""

    code = "second_factor"


class Invalid(VrabecError):
    """A field breaks a limit; `field` names it. Several at once: `errors` holds them all."""

    code = "invalid"
    status = 422

    def __init__(
        self, template: str, *, field: str = "", errors: tuple[Invalid, ...] = (), **params: Any
    ) -> None:
        super().__init__(template, field=field, **params)
        self.errors = errors or (self,)


class TooLarge(VrabecError):
    """The request's body is larger than any form of ours."""

    code = "too_large"
    status = 413


class TooMany(VrabecError):
    """Too many tries in a short time."""

    code = "too_many"
    status = 429


class Conflict(VrabecError):
    """Somebody was faster, or a name is taken. `job_id` names the job in the way, where there is one."""

    code = "conflict"
    status = 409


class WrongState(Conflict):
    """The object's state does not allow this."""

    code = "wrong_state"


class NoCapacity(VrabecError):
    """No host has room."""

    code = "no_capacity"
    status = 409


class QuotaExceeded(NoCapacity):
    """A quota of the project, the owner or the group has too little left."""

    code = "quota_exceeded"


class Cancelled(VrabecError):
    """Somebody cancelled the job."""

    code = "cancelled"
    status = 409


class Unavailable(VrabecError):
    """A host or service does not answer; the same may work later."""

    code = "unavailable"
    status = 503


class HostError(VrabecError):
    """A host answered with an error."""

    code = "host_error"
    status = 502
