"""What a person wants cloud-init to do in a new guest: read, refused with the line, joined with what we say.

Format: cloud-init's documentation, "User data formats": cloud config, or a script.
"""

from __future__ import annotations

from typing import Any

import yaml

from vrabec.lib.errors import Invalid

MAX_BYTES = 32 * 1024
CLOUD_CONFIG = "#cloud-config"
SCRIPT = "#!"
SCRIPT_PATH = "/var/lib/vrabec/user-script"


def check_user_data(text: str) -> None:
    """Raise Invalid, with the field and the line, for what is neither cloud config nor a script."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise _wrong(text[: error.start].count("\n") + 1, "it is not text") from error
    if size > MAX_BYTES:
        raise Invalid("At most %(max)s KiB.", field="user_data", max=MAX_BYTES // 1024)
    if "\0" in text:
        raise _wrong(text[: text.index("\0")].count("\n") + 1, "it has a character that is no text")
    if text.startswith(SCRIPT):
        return
    if text.splitlines()[:1] != [CLOUD_CONFIG]:
        raise _wrong(1, "begin with #cloud-config, or with #! and the interpreter of a script")
    _read(text)


def joined(ours: dict[str, Any], text: str) -> dict[str, Any]:
    """Cloud config that says both: lists are joined, for all else what we say wins; a script runs last."""
    if text.startswith(SCRIPT):
        return _with_script(ours, text)
    result = dict(ours)
    for key, value in _read(text).items():
        mine = ours.get(key)
        if isinstance(mine, list) and isinstance(value, list):
            result[key] = [*mine, *value]
        elif key not in ours:
            result[key] = value
    return result


def _with_script(ours: dict[str, Any], text: str) -> dict[str, Any]:
    file = {"path": SCRIPT_PATH, "permissions": "0700", "content": text.replace("\r\n", "\n")}
    return ours | {"write_files": [file], "runcmd": [*ours.get("runcmd", []), [SCRIPT_PATH]]}


def _read(text: str) -> dict[Any, Any]:
    try:
        found = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _wrong(mark.line + 1 if mark else 1, error.problem or "it is not YAML") from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise _wrong(line, "it has a character that YAML does not take") from error
    except (ValueError, RecursionError) as error:  # a date such as 2026-99-99; thousands of brackets
        raise _wrong(1, "it cannot be read as YAML") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _wrong(2, "write a mapping, such as packages: [nginx]")
    return found


def _wrong(line: int, why: str) -> Invalid:
    return Invalid("Line %(line)s: %(why)s.", field="user_data", line=line, why=why)
