"""Who acts: the first argument of every service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """A signed-in person, or the system itself (`user_id` 0, which may do everything)."""

    user_id: int
    name: str
    is_administrator: bool = False
    address: str = ""


SYSTEM = Actor(user_id=0, name="vrabec", is_administrator=True)
