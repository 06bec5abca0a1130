"""Who acts: the first argument of every service."""

from __future__ import annotations

from dataclasses import dataclass, replace

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

    def within(self, verbs: frozenset[str]) -> Held:
        """The same, of these verbs alone."""
        ways = ("site", "cluster", "project", "vm", "owned")
        return replace(self, **{way: getattr(self, way) & verbs for way in ways})

    def somewhere(self, verb: str) -> bool:
        """Whether there may be anything to do it to: where not, nobody needs to ask."""
        ways = (self.site, self.cluster, self.project, self.vm, self.owned)
        return any(verb in held for held in ways)


@dataclass(frozen=True)
class Only:
    """What a narrow token allows of all that its person may: these verbs, in these projects (None: any)."""

    verbs: frozenset[str]
    projects: frozenset[int] | None = None


@dataclass(frozen=True)
class Actor:
    """A signed-in person, or the system itself (`user_id` 0, which may do everything).

    `token` is the name of the one that was used, `only` what it allows when that is not all. `needs_factor`:
    a role of theirs wants a second factor and they have none; their sessions may set one up, and no more.
    """

    user_id: int
    name: str
    is_administrator: bool = False
    address: str = ""
    held: Held = Held()
    token: str = ""
    only: Only | None = None
    needs_factor: bool = False

    @property
    def viewpoint(self) -> Actor:
        """The actor without what decides nothing: who sees the same is the same."""
        return replace(self, name="", address="", token="")


SYSTEM = Actor(user_id=0, name="vrabec", is_administrator=True)
