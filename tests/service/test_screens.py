"""Pictures of screens: who may ask, and what the engine is told."""

import pytest

from tests.cast import Site, site
from vrabec.lib.errors import Forbidden, NotFound, WrongState
from vrabec.models.hosts import HostState
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm
from vrabec.services import screens
from vrabec.services.cells import vm_cells

__all__ = ["site"]


@pytest.fixture
def shown(site: Site) -> Site:
    """The machine runs."""
    Vm.objects.update(seen=Seen.RUNNING)
    site.vm = Vm.objects.select_related("host").get()
    return site


def test_a_picture_is_wanted_once_and_then_there(shown: Site) -> None:
    with pytest.raises(NotFound, match="ask for one"):
        screens.get_screen(shown.owner.actor, vm=shown.vm)
    screens.ask_screen(shown.owner.actor, vm=shown.vm)
    screens.ask_screen(shown.owner.actor, vm=shown.vm)
    wanted = screens.Wanted(shown.host.pk, str(shown.vm.uuid), shown.vm.pk)
    assert screens.take_wanted() == [wanted]
    assert screens.take_wanted() == []
    screens.write_screen(shown.vm.pk, b"png")
    assert screens.get_screen(shown.owner.actor, vm=shown.vm) == b"png"
    [(_, cell)] = vm_cells([shown.vm.pk])
    assert cell["screen"]
    assert not Job.objects.exists()


def test_a_new_picture_is_asked_for_while_the_old_one_stays(shown: Site) -> None:
    screens.ask_screen(shown.owner.actor, vm=shown.vm)
    screens.take_wanted()
    screens.write_screen(shown.vm.pk, b"old")
    screens.ask_screen(shown.owner.actor, vm=shown.vm)
    assert screens.get_screen(shown.owner.actor, vm=shown.vm) == b"old"
    assert len(screens.take_wanted()) == 1


def test_who_may_look_at_the_machine_sees_no_screen(shown: Site) -> None:
    for service in (screens.ask_screen, screens.get_screen):
        with pytest.raises(Forbidden):
            service(shown.viewer.actor, vm=shown.vm)


@pytest.mark.parametrize("seen", [Seen.OFF, Seen.HIBERNATED, Seen.CRASHED, Seen.PENDING])
def test_what_does_not_run_shows_nothing(shown: Site, seen: Seen) -> None:
    shown.vm.seen = seen
    assert not screens.has_screen(shown.vm)
    with pytest.raises(WrongState, match="does not run"):
        screens.ask_screen(shown.owner.actor, vm=shown.vm)


def test_a_silent_host_is_not_asked(shown: Site) -> None:
    shown.vm.host.state = HostState.UNREACHABLE  # type: ignore[union-attr]
    assert not screens.has_screen(shown.vm)
    with pytest.raises(WrongState, match="does not answer"):
        screens.ask_screen(shown.owner.actor, vm=shown.vm)
