"""Who acts: the first argument of every service."""

from __future__ import annotations

from dataclasses import dataclass

NO_VERBS: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Held:
    """The verbs that somebody was given on the whole site, and on any cluster, project or machine.

    Which ones, the database says. `owned`: on machines that are theirs. `withheld`: from some machine.
    """

    site: frozenset[str] = NO_VERBS
    cluster: frozenset[str] = NO_VERBS
    project: frozenset[str] = NO_VERBS
    vm: frozenset[str] = NO_VERBS
    owned: frozenset[str] = NO_VERBS
    withheld: frozenset[str] = NO_VERBS

    def somewhere(self, verb: str) -> bool:
        """Whether there may be anything to do it to: where not, nobody needs to ask."""
        ways = (self.site, self.cluster, self.project, self.vm, self.owned)
        return any(verb in held for held in ways)


@dataclass(frozen=True)
class Actor:
    """A signed-in person, or the system itself (`user_id` 0, which may do everything)."""

    user_id: int
    name: str
    is_administrator: bool = False
    address: str = ""
    held: Held = Held()


SYSTEM = Actor(user_id=0, name="vrabec", is_administrator=True)
