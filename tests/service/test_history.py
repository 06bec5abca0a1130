"""The history of load: from a sweep's counters to points, and what is kept of machines that are gone."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from tests.cast import Site, site
from vrabec.hypervisor.spec import Sample
from vrabec.inventory.load import Loads
from vrabec.inventory.writer import Writer
from vrabec.lib.clock import now
from vrabec.lib.errors import Forbidden
from vrabec.models.vms import Vm, VmLoad
from vrabec.services import history

__all__ = ["site"]
GIB = 2**30


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Ring files of this test alone."""
    settings.VRABEC_HISTORY_DIR = tmp_path / "history"
    return tmp_path / "history"


Item = TypeVar("Item")
T = TypeVar("T")


class AtOnce(Writer):
    """A writer that writes in the thread, and the transaction, of who hands it the work."""

    def do_together(self, batch: Callable[[list[Item]], list[T]], item: Item, *, rows: int) -> T:
        [result] = batch([item])
        return result


def sample(vm: Vm, at_s: float, total: int, **changes: Any) -> Sample:
    """Counters of `vm` that all stand at `total`, but for `changes`."""
    counters = dict.fromkeys(
        ("disk_read_bytes", "disk_written_bytes", "net_received_bytes", "net_sent_bytes"), total
    )
    sizes = {"memory_mib": 192, "memory_used_mib": 96, "disk_size_mib": 1024, "disk_used_mib": 12}
    values = {"uuid": str(vm.uuid), "at_s": at_s, "cpus": 2, "cpu_time_ns": total, **counters, **sizes}
    return Sample(**(values | changes))


def swept(vm: Vm, *samples: Sample) -> None:
    """Sweeps of the host that `vm` is on, one after another, the last of them now."""
    loads, end = Loads(AtOnce()), now()
    with pytest.MonkeyPatch.context() as patch:
        for one in samples:
            at = end - timedelta(seconds=samples[-1].at_s - one.at_s)
            patch.setattr("vrabec.inventory.load.now", lambda at=at: at)
            loads.write([one], {str(vm.uuid): vm.pk})


def latest(site: Site) -> dict[str, float | None]:
    """The newest figure of each metric, as the owner sees it."""
    found = history.vm_history(site.owner.actor, vm=site.vm, range_="1h")
    return {metric: curve.latest for metric, curve in found.curves.items()}


def test_counters_become_rates_in_the_row_and_in_the_file(site: Site) -> None:
    swept(site.vm, sample(site.vm, 100.0, 0), sample(site.vm, 110.0, 10_000_000_000, net_sent_bytes=5 * GIB))
    load = VmLoad.objects.get(vm=site.vm)
    assert (load.cpu_percent, load.disk_read_bytes_s, load.net_sent_bytes_s) == (50, 1e9, GIB / 2)
    assert latest(site) == {
        "cpu_percent": 50,
        "memory_used_mib": 96,
        "disk_read_bytes_s": 1e9,
        "disk_written_bytes_s": 1e9,
        "net_received_bytes_s": 1e9,
        "net_sent_bytes_s": GIB / 2,
    }


def test_a_counter_that_began_anew_is_no_peak(site: Site) -> None:
    swept(site.vm, sample(site.vm, 100.0, 50 * GIB), sample(site.vm, 110.0, 7_000))
    assert latest(site)["cpu_percent"] == 0
    assert latest(site)["disk_read_bytes_s"] == 0


def test_the_first_sample_and_a_long_silence_are_gaps(site: Site) -> None:
    swept(site.vm, sample(site.vm, 100.0, 0), sample(site.vm, 400.0, GIB))
    assert VmLoad.objects.get(vm=site.vm).disk_read_bytes_s == pytest.approx(GIB / 300)
    assert set(latest(site).values()) == {None}


def test_all_ranges_are_told_from_a_machine_without_any_history(site: Site) -> None:
    for range_, span in history.RANGES.items():
        found = history.vm_history(site.viewer.actor, vm=site.vm, range_=range_)
        assert len(found.curves["cpu_percent"].average) == span // found.step <= history.POINTS
        assert set(found.curves["net_sent_bytes_s"].maximum) == {None}
        assert found.start < now() - timedelta(seconds=span - found.step)


def test_the_lowest_average_and_the_highest_peak_are_told(site: Site) -> None:
    swept(site.vm, *(sample(site.vm, 10.0 * n, n * n * 10_000_000) for n in range(5)))
    curve = history.vm_history(site.owner.actor, vm=site.vm, range_="1y").curves["disk_read_bytes_s"]
    assert curve.highest == 7e6
    lowest, latest = (round(value or 0, -1) for value in (curve.lowest, curve.latest))
    assert lowest <= 4e6 <= latest  # on two days when this runs at midnight


def test_a_stranger_is_not_told(site: Site) -> None:
    with pytest.raises(Forbidden):
        history.vm_history(site.stranger.actor, vm=site.vm, range_="1h")


def test_a_full_disk_leaves_a_gap_a_line_and_the_row(
    site: Site, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write_text("in the way, as nothing can be made")
    with caplog.at_level(logging.WARNING):
        swept(site.vm, sample(site.vm, 100.0, 0), sample(site.vm, 110.0, 1000))
    assert "the history of load could not be written (1 files)" in caplog.text
    assert VmLoad.objects.get(vm=site.vm).disk_read_bytes_s == 100


def test_files_of_machines_long_gone_are_removed_and_others_stay(site: Site, folder: Path) -> None:
    rows = {name: site.make_vm(name) for name in ("off", "old", "fresh")}
    for vm in rows.values():
        swept(vm, sample(vm, 100.0, 0), sample(vm, 110.0, 1000))
    (folder / "notes.txt").touch()
    Vm.objects.exclude(pk=rows["off"].pk).update(deleted_at=now())
    long_ago = time.time() - history.KEPT.total_seconds() - 60
    for name in ("off", "old"):
        os.utime(folder / f"{rows[name].pk}.ring", (long_ago, long_ago))
    assert history.forget_deleted() == 1
    left = {f"{rows[name].pk}.ring" for name in ("off", "fresh")} | {"notes.txt"}
    assert {path.name for path in folder.iterdir()} == left
    assert history.forget_deleted() == 0


def test_nothing_is_removed_where_nothing_was_written(site: Site) -> None:
    assert history.forget_deleted() == 0


def test_a_machine_that_is_moved_keeps_its_history_and_a_new_one_has_none(site: Site) -> None:
    swept(site.vm, sample(site.vm, 100.0, 0), sample(site.vm, 110.0, 1000))
    Vm.objects.filter(pk=site.vm.pk).update(name="renamed", host=None)
    site.vm.refresh_from_db()
    assert latest(site)["disk_read_bytes_s"] == 100
    site.vm.uuid = uuid4()
    assert latest(site)["disk_read_bytes_s"] is None
