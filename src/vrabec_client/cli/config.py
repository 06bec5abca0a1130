"""The command's own file: which controller, its pinned fingerprint, and the token. The environment wins."""

from __future__ import annotations

import json
import os
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from vrabec_client.errors import Unauthenticated, VrabecError
from vrabec_client.transport import parse_address


class Login(NamedTuple):
    """Where one is signed in. `token_id` is 0 for a token that was given and not made by `vrabec login`."""

    url: str
    fingerprint: str = ""
    token: str = ""
    token_id: int = 0


def path() -> Path:
    """The file: $XDG_CONFIG_HOME/vrabec/config.toml, or below ~/.config."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification: a path that is not absolute is to be ignored.
    root = Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~/.config"))
    return root / "vrabec" / "config.toml"


def stored() -> Login | None:
    """What the file says, None without one. Raises VrabecError for a file that is not ours."""
    try:
        found = tomllib.loads(path().read_text(encoding="utf-8"))
        known = {name: found[name] for name in Login._fields if name in found}
        login = Login(**known)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VrabecError(f"{path()} cannot be read.", raw=str(error)) from error
    except (ValueError, TypeError) as error:
        raise VrabecError(f"{path()} is not as vrabec login writes it.", raw=str(error)) from error
    if not all(isinstance(value, str) for value in login[:3]) or not isinstance(login.token_id, int):
        raise VrabecError(f"{path()} is not as vrabec login writes it.")
    return login


def login() -> Login:
    """Where to go and as whom: VRABEC_URL, VRABEC_TOKEN, VRABEC_FINGERPRINT, then the file.

    Another URL than the file's gets neither the file's token nor its fingerprint: they are for one
    controller. Raises Unauthenticated when nothing names a controller.
    """
    url = os.environ.get("VRABEC_URL", "")
    token, fingerprint = os.environ.get("VRABEC_TOKEN", ""), os.environ.get("VRABEC_FINGERPRINT", "")
    kept = None if url and token and fingerprint else stored()
    if kept is None or (url and parse_address(url) != parse_address(kept.url)):
        kept = Login(url)
    if not kept.url:
        raise Unauthenticated("Sign in first: vrabec login URL.")
    return kept._replace(token=token or kept.token, fingerprint=fingerprint or kept.fingerprint)


def write(login: Login) -> None:
    """Replace the file at once and whole; only its owner may read it. Raises VrabecError."""
    lines = [f"{name} = {_toml(value)}" for name, value in login._asdict().items() if value]
    text = "\n".join(["# Written by vrabec login.", *lines, ""])
    draft = path().with_name(f".config.toml.{os.getpid()}")
    try:
        path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path())
    except OSError as error:
        raise VrabecError(f"{path()} cannot be written.", raw=str(error)) from error
    finally:
        with suppress(OSError):
            draft.unlink()


def forget() -> None:
    """Remove the token from the file; the controller and its fingerprint stay known."""
    kept = stored()
    if kept:
        write(kept._replace(token="", token_id=0))


def _toml(value: str | int) -> str:
    # A TOML basic string is a JSON string but for DEL, which no value of ours can hold.
    return json.dumps(value)
