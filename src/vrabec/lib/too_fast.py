"""What a move does with a guest that writes memory faster than the line carries it."""

from __future__ import annotations

from enum import StrEnum

from vrabec.lib.errors import Invalid


class TooFast(StrEnum):
    """SLOW: QEMU slows it down until it fits. WAIT: nothing is done to it, and the move may never end.

    SWITCH: it is slowed down, and after some passes switched over all the same: it runs on the target while
    the rest of its memory follows (post-copy). Until that is there each host has a half of it.
    """

    SLOW = "slow"
    WAIT = "wait"
    SWITCH = "switch"

    @classmethod
    def of(cls, typed: str) -> TooFast:
        """From what somebody wished. Raises Invalid."""
        try:
            return cls(typed)
        except ValueError:
            raise Invalid(
                "There is no such choice; these are: %(choices)s.",
                field="if_too_fast",
                choices=", ".join(cls),
            ) from None
