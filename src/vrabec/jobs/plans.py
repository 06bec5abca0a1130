"""What a plan and a step are, and the registry that the engine's entry point fills.

A plan is data: `PLANS[kind].steps(args)` gives step names, purely. A step is small, safe to run twice, and
knows its undoing. From the step named `no_return` on there is only forward.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vrabec.jobs.run import Run
    from vrabec.models.jobs import Job


Args = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One step: `do` and `undo` may each run twice, also after a crash in their middle.

    `undo` None means: there is nothing to undo. `title` is a message id ("Create the disk").
    """

    title: str
    do: Callable[[Run], None]
    undo: Callable[[Run], None] | None = None


@dataclass(frozen=True)
class Plan:
    """How one kind of job is done. `per_host` limits how many of the kind run on one host at once."""

    title: str
    steps: Callable[[Args], tuple[str, ...]]
    no_return: str | None = None
    per_host: int | None = None

    def turning_point(self, names: Sequence[str]) -> int | None:
        """The index of the point of no return among these steps."""
        return names.index(self.no_return) if self.no_return in names else None


PLANS: dict[str, Plan] = {}
STEPS: dict[str, Step] = {}
ENDS: list[Callable[[Job], None]] = []
"""Called with a job in the transaction that ends it."""


def register(kind: str, plan: Plan, steps: Mapping[str, Step]) -> None:
    """Add a plan and its steps. A step name belongs to one function for ever: rows remember it."""
    if kind in PLANS or any(name in STEPS and STEPS[name] is not step for name, step in steps.items()):
        raise ValueError(f"{kind} or one of its steps is registered already")
    PLANS[kind] = plan
    STEPS.update(steps)


def at_end(told: Callable[[Job], None]) -> None:
    """Let `told` hear of every job's end: what it writes is there once, exactly where the end is."""
    if told not in ENDS:
        ENDS.append(told)


def fixed(*names: str) -> Callable[[Args], tuple[str, ...]]:
    """Steps that do not depend on the job's arguments."""
    return lambda args: names
