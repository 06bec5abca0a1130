"""Keys by their names, as somebody would press them: "ctrl-alt-delete", "f2", "a".

Numbers are Linux's (include/uapi/linux/input-event-codes.h), which libvirt translates for the hypervisor.
"""

from __future__ import annotations

from collections.abc import Iterable

from vrabec.lib.errors import Invalid

MAX_CHORDS = 32
MAX_TOGETHER = 5
_ROWS = {2: "1234567890", 16: "qwertyuiop", 30: "asdfghjkl", 44: "zxcvbnm"}
CODES: dict[str, int] = {
    **{key: first + at for first, row in _ROWS.items() for at, key in enumerate(row)},
    **{f"f{number}": 58 + number for number in range(1, 11)},
    "f11": 87,
    "f12": 88,
    "esc": 1,
    "backspace": 14,
    "tab": 15,
    "enter": 28,
    "ctrl": 29,
    "shift": 42,
    "alt": 56,
    "space": 57,
    "altgr": 100,
    "sysrq": 99,
    "home": 102,
    "up": 103,
    "pageup": 104,
    "left": 105,
    "right": 106,
    "end": 107,
    "down": 108,
    "pagedown": 109,
    "insert": 110,
    "delete": 111,
    "super": 125,
    "menu": 127,
}


def codes_of(chords: Iterable[str]) -> list[list[int]]:
    """The codes of each chord: "ctrl-alt-delete" is three keys together. Raises Invalid naming the key."""
    found = [[_code(name) for name in chord.lower().split("-")] for chord in chords]
    if not 1 <= len(found) <= MAX_CHORDS or any(len(chord) > MAX_TOGETHER for chord in found):
        raise Invalid(
            "Send from 1 to %(chords)s presses of at most %(together)s keys together.",
            field="keys",
            chords=MAX_CHORDS,
            together=MAX_TOGETHER,
        )
    return found


def _code(name: str) -> int:
    if name not in CODES:
        raise Invalid(
            "There is no key named %(key)s. There are a to z, 0 to 9, f1 to f12, and: %(known)s.",
            field="keys",
            key=name[:20],
            known=", ".join(sorted(key for key in CODES if len(key) > 1 and not key[1:].isdigit())),
        )
    return CODES[name]
