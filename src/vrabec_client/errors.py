"""Every error the client raises on purpose: the controller's codes, and the command's exit status of each.

VrabecError             error             1   anything else
├── NotFound            not_found         3   it is not there, or not for you to see
├── Forbidden           forbidden         4   you may not do this
├── Unauthenticated     unauthenticated   4   nobody is signed in, or the token has ended
├── Untrusted           untrusted         4   the controller's certificate is not the one expected
├── Invalid             invalid           5   a field breaks a limit
│   ├── TooLarge        too_large         5   the request is larger than the controller takes
│   └── Ambiguous       ambiguous         5   several machines have this name
├── Conflict            conflict          6   somebody was faster, or the name is taken
│   ├── WrongState      wrong_state       6   not in this state
│   └── Cancelled       cancelled         6   somebody cancelled it
├── NoCapacity          no_capacity       7   no host has room
│   └── QuotaExceeded   quota_exceeded    7   the project's quota is used up
├── Unavailable         unavailable       8   the controller or a host does not answer; may work later
│   └── TooMany         too_many          8   slow down
├── HostError           host_error        1   a host answered with an error
├── JobFailed           job_failed        9   the job that was waited for did not end well
└── TimedOut            timed_out        10   the wait was longer than asked for
"""

from __future__ import annotations

from typing import Any, ClassVar


class VrabecError(Exception):
    """The root: a sentence, `raw` what another system said, `field` what the sentence is about."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, raw: str = "", field: str = "", job: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.raw = raw
        self.field = field
        self.job = job
        self.errors: list[dict[str, str]] = []

    def body(self) -> dict[str, Any]:
        """The error as the REST interface writes one."""
        said: dict[str, Any] = {"code": self.code, "message": self.message}
        more = {"field": self.field, "raw": self.raw, "job": self.job, "errors": self.errors}
        return {"error": said | {name: value for name, value in more.items() if value}}


class NotFound(VrabecError):
    """It is not there, or not for you to see."""

    code = "not_found"
    exit_code = 3


class Forbidden(VrabecError):
    """You see it but may not do this to it."""

    code = "forbidden"
    exit_code = 4


class Unauthenticated(VrabecError):
    """Nobody is signed in, or the token has ended."""

    code = "unauthenticated"
    exit_code = 4


class SecondFactor(Unauthenticated):
    """The password is right, and a code of a second factor is needed beside it."""

    code = "second_factor"


class Untrusted(VrabecError):
    """The controller's certificate is not the one expected; nothing was sent to it."""

    code = "untrusted"
    exit_code = 4


class Invalid(VrabecError):
    """A field breaks a limit; `errors` holds all of them as {"field", "message"}."""

    code = "invalid"
    exit_code = 5


class TooLarge(Invalid):
    """The request is larger than the controller takes."""

    code = "too_large"


class Ambiguous(Invalid):
    """Several machines or pools have this name; the message says how to name each."""

    code = "ambiguous"


class Conflict(VrabecError):
    """Somebody was faster, or a name is taken. `job` is the id of the job in the way, if there is one."""

    code = "conflict"
    exit_code = 6


class WrongState(Conflict):
    """The object's state does not allow this."""

    code = "wrong_state"


class Cancelled(Conflict):
    """Somebody cancelled it."""

    code = "cancelled"


class NoCapacity(VrabecError):
    """No host has room."""

    code = "no_capacity"
    exit_code = 7


class QuotaExceeded(NoCapacity):
    """The project's quota is used up."""

    code = "quota_exceeded"


class Unavailable(VrabecError):
    """The controller or a host does not answer; the same may work later."""

    code = "unavailable"
    exit_code = 8


class TooMany(Unavailable):
    """Too many tries in a short time."""

    code = "too_many"


class HostError(VrabecError):
    """A host answered with an error; `raw` is what it said."""

    code = "host_error"


class JobFailed(VrabecError):
    """A job that was waited for failed, was cancelled or is stuck; `job` is its id."""

    code = "job_failed"
    exit_code = 9


class TimedOut(VrabecError):
    """The wait was longer than asked for; what was waited for goes on."""

    code = "timed_out"
    exit_code = 10


_ALL: tuple[type[VrabecError], ...] = (
    NotFound, Forbidden, Unauthenticated, SecondFactor, Untrusted, Invalid, TooLarge, Ambiguous, Conflict,
    WrongState, Cancelled, NoCapacity, QuotaExceeded, Unavailable, TooMany, HostError, JobFailed, TimedOut,
)  # fmt: skip
BY_CODE = {kind.code: kind for kind in _ALL}
_BY_STATUS: dict[int, type[VrabecError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: Invalid,
    429: TooMany,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def from_answer(status: int, answer: Any) -> VrabecError:
    """The error that an answer of `status` means; a code we do not know falls back on the status."""
    said = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(said, dict) or not isinstance(said.get("message"), str):
        return _foreign(status)
    kind = BY_CODE.get(str(said.get("code"))) or _BY_STATUS.get(status, VrabecError)
    job = said.get("job")
    error = kind(
        said["message"],
        raw=str(said.get("raw") or ""),
        field=str(said.get("field") or ""),
        job=job if isinstance(job, int) else None,
    )
    error.errors = [one for one in said.get("errors") or [] if isinstance(one, dict)]
    return error


def _foreign(status: int) -> VrabecError:
    # Written by a proxy in between, or by something that is no controller.
    kind = _BY_STATUS.get(status, VrabecError)
    return kind(f"The controller answered with HTTP status {status} and no error of its own.")
