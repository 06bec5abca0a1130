"""The line of CPU in the list: drawn by the server, without a query more, and live in Chromium."""

import gzip
import re
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect

from tests.cast import Site
from tests.frontend.controller import controller
from tests.frontend.test_history import watch
from tests.frontend.test_web_browser import Visit, before_the_controller, browser, visit
from tests.frontend.test_web_vms import browser as signed_in
from tests.frontend.test_web_vms import text_of
from vrabec.frontends.web.spark import spark_of
from vrabec.lib import rings
from vrabec.lib.clock import now
from vrabec.models.vms import Seen, Vm, VmLoad
from vrabec.services import facts, history

__all__ = ["before_the_controller", "browser", "controller", "visit"]
NEXT_PAGE_BYTES = 20_000
SVG = '<svg class="spark" viewBox="0 0 58 36" preserveAspectRatio="none" data-spark="{}" aria-hidden="true">'
EMPTY = f'{SVG}<path d=""/>'
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    """Ring files of this test alone."""
    settings.VRABEC_HISTORY_DIR = tmp_path / "history"
    return tmp_path / "history"


def look(vm: Vm, cpu_percent: float, *, later_s: float = 0) -> None:
    """What a sweep writes of `vm`."""
    seen_at = now() + timedelta(seconds=later_s)
    facts.write_loads([facts.Load(vm_id=vm.pk, cpu_percent=cpu_percent, memory_used_mib=96, seen_at=seen_at)])


@pytest.fixture
def running(site: Site) -> Vm:
    """The machine "web", which runs and was looked at for ten minutes."""
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    look(site.vm, 20)
    watch(site.vm, *[20] * 60)
    return site.vm


@pytest.mark.parametrize(
    ("values", "path", "is_whole"),
    [
        ([None, None], "", False),
        ([25.0, 0.0, 50.0 * 0.9], "M-2 40V18h2l2 18l2 -32h2V40", False),
        ([None, 10.0, None, None, 10.0, 12.5], "M2 40V29V40H8V29l2 -2h2V40", False),
        ([49.0, 100.0], "M-2 40V18h2l2 -18h2V40", True),
    ],
)
def test_a_line_runs_below_the_picture_where_nobody_watched(
    values: list[float | None], path: str, is_whole: bool
) -> None:
    spark = spark_of(tuple(values))
    assert (spark.path, spark.is_whole) == (path, is_whole)


def test_the_list_draws_the_last_hour_of_a_machine(site: Site, running: Vm) -> None:
    page = text_of(signed_in(site.viewer), "/")
    drawn = page.partition(f'{SVG.format(running.pk)}<path d="')[2].partition('"')[0]
    assert re.fullmatch(r"M\d+ 40V22(l2 0){4,5}(h2)?V40", drawn)


def test_lines_cost_no_query_and_are_not_read_where_they_are_not_shown(
    site: Site, running: Vm, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(site.administrator)
    counts = []
    for number in (0, 20):
        for vm in [site.make_vm(f"vm-{number}-{n}", seen=Seen.RUNNING) for n in range(number)]:
            look(vm, 5)
        with CaptureQueriesContext(connection) as made:
            text_of(client, "/")
        counts.append(len(made))
    assert counts[0] == counts[1]
    read: list[Any] = []
    monkeypatch.setattr(history.rings, "averages", lambda *args, **how: read.append(args))
    text_of(client, "/?cols=host.memory")
    assert read == []


def test_fifty_lines_are_light(site: Site, folder: Path) -> None:
    chance, until = Random(7), now().timestamp()  # noqa: S311 - the same lines each time
    folder.mkdir()
    for number in range(49):
        vm = site.make_vm(f"vm-{number:02d}", seen=Seen.RUNNING)
        look(vm, 5)
        for minute in range(60, 0, -1):
            times = (until - 60 * minute, until - 60 * (minute - 1))
            rings.write(folder / f"{vm.pk}.ring", vm.uuid, times, [chance.uniform(5, 40), 0, 0, 0, 0, 0])
    client = signed_in(site.administrator)
    heavy, light = (
        len(gzip.compress(text_of(client, path).encode()))
        for path in ("/", "/?cols=host.project.address.memory.disk")
    )
    assert heavy - light < 6000
    assert heavy < NEXT_PAGE_BYTES


def test_a_file_that_cannot_be_read_costs_its_line_alone(
    site: Site, running: Vm, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / f"{running.pk}.ring").unlink()
    (folder / f"{running.pk}.ring").mkdir()
    assert EMPTY.format(running.pk) in text_of(signed_in(site.owner), "/")
    assert "could not be read" in caplog.text


def test_a_machine_that_is_off_has_no_line(site: Site) -> None:
    watch(site.vm, *[20] * 60)
    assert EMPTY.format(site.vm.pk) in text_of(signed_in(site.owner), "/")


@pytest.mark.e2e
def test_a_look_at_the_machine_goes_into_its_line(visit: Visit, running: Vm) -> None:
    page = visit.open("/")
    line = page.locator(f"svg[data-spark='{running.pk}']")
    before = line.locator("path").get_attribute("d")
    assert before
    expect(page.locator(f"tr [data-cell=cpu-number][data-vm='{running.pk}']")).to_have_text("20\u202f%")
    look(running, 100, later_s=5)
    expect(line.locator("path")).not_to_have_attribute("d", before)
    expect(page.locator(f"tr [data-cell=cpu-number][data-vm='{running.pk}']")).to_have_text("100\u202f%")
    Vm.objects.filter(pk=running.pk).update(seen=Seen.OFF)
    VmLoad.objects.filter(vm=running).delete()
    facts.write_vm(running.pk, address="10.0.0.3")
    expect(line.locator("path")).to_have_attribute("d", "")


@pytest.mark.e2e
def test_what_the_browser_reads_from_a_line_it_draws_the_same(visit: Visit, running: Vm) -> None:
    page = visit.open("/")
    drawn = page.evaluate(
        """async () => {
          const path = document.querySelector("svg[data-spark] path");
          const answer = await fetch(`/cells?vm=${path.parentElement.dataset.spark}`);
          const detail = [{ ...(await answer.json()).vm[0], at: 0 }]; // too old to count
          const before = path.getAttribute("d");
          document.dispatchEvent(new CustomEvent("vrabec:vm", { detail }));
          return [before, path.getAttribute("d")];
        }"""
    )
    assert drawn[0] == drawn[1] != ""
