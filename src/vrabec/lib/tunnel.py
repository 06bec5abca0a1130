"""The line each way on a console's unix connection: what is wanted, and whether it opened.

An answer without an error comes with a socket (SCM_RIGHTS) that carries the console's own bytes, both ways,
until one side ends it. Both processes are of one version, so the lines have none.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vrabec.lib.errors import Conflict, HostError, NotFound, Unavailable, VrabecError, WrongState

MAX_LINE_BYTES = 16 * 1024
_MAX_RAW = 2000
VNC, SERIAL = "vnc", "serial"
_ERRORS = {error.code: error for error in (Conflict, WrongState, NotFound, Unavailable, HostError)}


@dataclass(frozen=True)
class Wanted:
    """One console: of which machine on which host, for whom. `take`: from whoever has its serial line."""

    uri: str
    uuid: str
    kind: str
    who: str
    take: bool = False


def socket_in(run_dir: str) -> Path:
    """Where the console process listens."""
    return Path(run_dir) / "console.sock"


def ask(wanted: Wanted) -> bytes:
    """The line that asks for a console."""
    return _line(asdict(wanted))


def asked(line: bytes) -> Wanted:
    """What such a line asks for."""
    return Wanted(**json.loads(line))


def answer(error: VrabecError | None = None) -> bytes:
    """The line that answers: open, or why not."""
    if error is None:
        return _line({})
    raw = error.raw[:_MAX_RAW]
    return _line({"code": error.code, "template": error.template, "params": error.params, "raw": raw})


def check_answer(line: bytes) -> None:
    """Read such a line. Raises the error in it, or Unavailable when the console process ended meanwhile."""
    if not line.endswith(b"\n"):
        raise Unavailable("The console process ended just now. It starts again by itself: try again.")
    found = json.loads(line)
    if found:
        make = _ERRORS.get(found["code"], HostError)
        raise make(found["template"], raw=found["raw"], **found["params"])


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"
