"""What both hosts have of a machine says whether it has moved."""

import libvirt
import pytest

from vrabec.hypervisor import connection, domains, lifecycle, migrate
from vrabec.hypervisor.migrate import Place, Progress, _place
from vrabec.lib.errors import HostError
from vrabec.workflows.vm_migrate import _has_moved

ABSENT, OFF, BETWEEN, HALF, ON = Place
UNSURE = {(ON, ON), (BETWEEN, OFF)}
MOVED = {(ABSENT, OFF), (ABSENT, BETWEEN), (ABSENT, ON), (OFF, ON), (BETWEEN, ON), (HALF, OFF)}


@pytest.mark.parametrize("here", Place)
@pytest.mark.parametrize("there", Place)
def test_it_has_moved_where_the_target_runs_it_or_the_source_has_none(here: Place, there: Place) -> None:
    if (here, there) in UNSURE:
        with pytest.raises(HostError, match=r"on both hosts|on either host"):
            _has_moved(here, there)
    else:
        assert _has_moved(here, there) is ((here, there) in MOVED)


def test_a_half_that_stands_still_is_never_one_that_runs() -> None:
    with connection.open_host("test:///default") as host:
        uuid = next(found.uuid for found in domains.all_facts(host))
        seen = [migrate.place(host, uuid)]
        lifecycle.pause(host, uuid)
        seen.append(migrate.place(host, uuid))
        lifecycle.destroy(host, uuid)
        seen.append(migrate.place(host, uuid))
        lifecycle.undefine(host, uuid)
        assert [*seen, migrate.place(host, uuid)] == [ON, BETWEEN, OFF, ABSENT]


@pytest.mark.parametrize(
    ("state", "reason", "place"),
    [
        (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION, BETWEEN),
        (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY, HALF),
        (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED, HALF),
        (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_POSTCOPY, HALF),
        (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_POSTCOPY_FAILED, HALF),
        (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_MIGRATED, ON),
    ],
)
def test_an_end_of_a_post_copy_is_a_half(state: int, reason: int, place: Place) -> None:
    class Domain:
        """As libvirt shows it."""

        def state(self) -> tuple[int, int]:
            return state, reason

    assert _place(Domain()) == place


def test_a_rate_that_libvirt_does_not_tell_is_that_since_the_look_before() -> None:
    before, silent, told = Progress(100, 80, 0), Progress(100, 60, 0), Progress(100, 60, 7)
    assert (silent.after(None, 0.5), told.after(before, 0.5)) == (silent, told)
    assert silent.after(before, 0.5) == Progress(100, 60, 40)
    assert before.after(silent, 0.5).bytes_s == 0
