"""Three hosts, and what runs on them, as they and as we say."""

from tests.lab.host import LabHost
from vrabec.models.vms import Seen, Vm


class Trio:
    """The hosts of `lab_trio`, as tests look at them."""

    def __init__(self, labs: dict[str, LabHost]) -> None:
        self.labs = labs

    @property
    def virsh(self) -> dict[str, list[str]]:
        """What runs where, as the hosts say."""
        return {name: sorted(lab.run("virsh", "list", "--name").split()) for name, lab in self.labs.items()}

    @property
    def rows(self) -> dict[str, list[str]]:
        """What runs where, as we say."""
        running = Vm.objects.present().filter(seen=Seen.RUNNING).order_by("name")
        return {
            name: list(running.filter(host__name=name).values_list("name", flat=True)) for name in self.labs
        }
