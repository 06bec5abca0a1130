"""What is swept: jobs, how they are asked for, and what must be true of the host once they are over."""

from abc import ABC, abstractmethod
from typing import Any

HYPERVISOR = (
    "connection", "lifecycle", "edits", "storage", "transfer", "disks", "agent", "probe", "hostkey",
    "migrate",
)  # fmt: skip
VICTIMS = ("engine", "supervisor", "tree")


class Scenario(ABC):
    """Pickled to the sweep's process. All but `register` is called in a process that plays the user."""

    run_inventory = False
    """Whether the engine's process runs its real entry point, which also watches the hosts."""
    packages: tuple[str, ...] = ("vrabec.workflows", "vrabec.inventory", "vrabec.hypervisor")
    """Packages whose modules are imported once, before the processes are forked."""
    modules: tuple[str, ...] = tuple(f"vrabec.hypervisor.{name}" for name in HYPERVISOR)
    """Modules whose public functions and methods are kill points when a job calls them."""
    victims: tuple[str, ...] = VICTIMS
    """What is killed at each point."""
    only = ""
    """Sweep only the points whose name this regular expression finds."""
    most: int | None = None
    """Sweep a point of one name at most so often: for jobs that wait in a loop, whose rounds vary."""
    patience_s = 60.0
    """After this long a case is given up."""
    look_again_s = 0.02
    """VRABEC_LOOK_AGAIN_SECONDS in the engine."""

    def register(self) -> None:
        """In the engine's process: register plans. The real entry point registers the real ones itself."""
        from vrabec.workflows import register_all

        if not self.run_inventory:
            register_all()

    @abstractmethod
    def prepare(self) -> Any:
        """Make the rows and the host's state that a case begins with; what it gives goes to the others."""

    @abstractmethod
    def request(self, context: Any) -> None:
        """Ask for the jobs, as a service does."""

    def meanwhile(self, context: Any) -> None:
        """Cancel a job, say. Called all the time while jobs run."""
        return

    @abstractmethod
    def check(self, context: Any) -> list[str]:
        """What is wrong now that every job is over and no engine runs.

        Begin a sentence with "left over" or "doubled" for what the report counts as such.
        """
