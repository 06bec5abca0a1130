"""What a sweep found."""

from collections import Counter
from dataclasses import dataclass, field

from tests.sweep.points import ENGINE, Point


@dataclass(frozen=True)
class Case:
    """One kill: where, of what, and what was wrong afterwards. The recording run has no point."""

    problems: tuple[str, ...]
    log: str = ""
    point: Point | None = None
    victim: str = ""
    was_killed: bool = False

    def __str__(self) -> str:
        where = f"{self.victim} killed at {self.point}" if self.point else "nothing killed"
        return "\n    ".join([f"{where}:", *self.problems, *self.log.splitlines()[-30:]])


@dataclass
class Report:
    """All cases of one scenario."""

    scenario: str
    database: str
    points: list[Point] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, beginning: str) -> int:
        """How many problems begin with this."""
        return sum(problem.startswith(beginning) for case in self.cases for problem in case.problems)

    @property
    def per_step(self) -> Counter[str]:
        """Points of each step and each undoing, in their order."""
        return Counter(point.step for point in self.points)

    @property
    def unswept(self) -> list[str]:
        """Steps that the recording run did without passing a point."""
        return [step for step in self.steps if not self.per_step[step]]

    @property
    def missed(self) -> list[Case]:
        """Cases that never came to their point, and so show nothing."""
        return [case for case in self.cases if case.point and not case.was_killed]

    @property
    def bad(self) -> list[Case]:
        """Cases after which something was wrong."""
        return [case for case in self.cases if case.problems]

    def summary(self) -> str:
        """The counts, in a few lines."""
        steps = ", ".join(f"{step} {count}" for step, count in self.per_step.items() if step != ENGINE)
        return (
            f"sweep {self.scenario} on {self.database}: {len(self.points)} points, {len(self.cases)} cases, "
            f"{self.count('left over')} left over, {self.count('doubled')} doubled, {len(self.bad)} bad, "
            f"{len(self.missed)} missed, {self.seconds:.0f} s\n"
            f"  points: {steps}; outside steps {self.per_step[ENGINE]}"
        )
