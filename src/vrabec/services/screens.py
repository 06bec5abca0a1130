"""Pictures of machines' screens: asked for by people, taken by inventory on its guests' connection.

No job: nothing is changed, and a picture must not keep the machine's own job waiting.
"""

from __future__ import annotations

from dataclasses import dataclass

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import NotFound, WrongState
from vrabec.models.screens import VmScreen
from vrabec.models.vms import Seen, Vm
from vrabec.services.facts import write_vm
from vrabec.services.permissions import require
from vrabec.services.verbs import host_answers, require_answer

SHOWS = (Seen.RUNNING, Seen.PAUSED)
"""States in which there is something to see."""


@dataclass(frozen=True)
class Wanted:
    """A picture to take."""

    host_id: int
    uuid: str
    vm_id: int


def has_screen(vm: Vm) -> bool:
    """Whether there is something to see, and somebody who can take it."""
    return vm.seen in SHOWS and host_answers(vm)


def ask_screen(actor: Actor, *, vm: Vm) -> None:
    """Want a new picture; it comes within seconds, and the pages are told. Raises WrongState, Forbidden."""
    require(actor, "vm.screen", vm)
    require_answer(vm)
    if vm.seen not in SHOWS:
        raise WrongState("%(name)s does not run: its screen shows nothing.", name=vm.name)
    VmScreen.objects.update_or_create(vm=vm, defaults={"is_asked": True})


def get_screen(actor: Actor, *, vm: Vm) -> bytes:
    """The last picture, a PNG file. Raises NotFound before the first, Forbidden."""
    require(actor, "vm.screen", vm)
    screen = VmScreen.objects.filter(vm=vm).exclude(png=b"").first()
    if screen is None:
        raise NotFound("No picture of the screen of %(name)s was taken yet: ask for one.", name=vm.name)
    return bytes(screen.png)


def take_wanted() -> list[Wanted]:
    """What to take now; each is told once, so that a machine without a screen is not tried for ever."""
    rows = VmScreen.objects.filter(is_asked=True, vm__deleted_at=None, vm__host__isnull=False)
    wanted = rows.values_list("vm__host_id", "vm__uuid", "vm_id")[:100]
    found = [Wanted(host_id, str(uuid), vm_id) for host_id, uuid, vm_id in wanted if host_id]
    if found:
        VmScreen.objects.filter(vm_id__in=[one.vm_id for one in found]).update(is_asked=False)
    return found


def write_screen(vm_id: int, png: bytes) -> None:
    """Keep a picture that was just taken, and tell the pages."""
    VmScreen.objects.filter(vm_id=vm_id).update(png=png)
    write_vm(vm_id, screen_at=now())
