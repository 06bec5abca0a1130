"""The load of a machine over time, on its page: in words without scripts, drawn and live in Chromium."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cast import Site
from tests.e2e.chromium import PHONE
from tests.frontend.controller import Controller, controller
from tests.frontend.test_history import MB, watch
from tests.frontend.test_web_browser import Visit, before_the_controller, browser, visit
from tests.frontend.test_web_vms import browser as signed_in
from tests.frontend.test_web_vms import text_of
from vrabec.lib.clock import now
from vrabec.models.vms import Seen, Vm
from vrabec.services import facts

__all__ = ["before_the_controller", "browser", "controller", "visit"]
pytestmark = pytest.mark.django_db(transaction=True)
DRAWN = "[...document.querySelectorAll('[data-plot]')].filter((place) => place.plot).length"
LAST = "document.querySelector('[data-chart=cpu] [data-plot]').plot.data[1].at(-1)"
COLOURED = """(kind) => {
  const canvas = document.querySelector(`[data-chart=${kind}] canvas`);
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const seen = new Set();
  for (let at = 0; at < pixels.length; at += 4) {
    if (pixels[at + 3] === 255) seen.add(pixels.slice(at, at + 3).join());
  }
  return [...seen];
}"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    """Ring files of this test alone."""
    settings.VRABEC_HISTORY_DIR = tmp_path / "history"
    return tmp_path / "history"


@pytest.fixture
def running(site: Site) -> Vm:
    """The machine "web", which runs and was looked at for ten minutes."""
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    look(site.vm, 20)
    watch(site.vm, *[20] * 60, 25, 30, ago_s=2, disk_written_bytes_s=9 * MB)
    return site.vm


def look(vm: Vm, cpu_percent: float) -> None:
    """What a sweep writes of `vm`."""
    rates = {"disk_read_bytes_s": 18 * MB, "net_sent_bytes_s": 5 * MB}
    facts.write_loads(
        [facts.Load(vm_id=vm.pk, cpu_percent=cpu_percent, memory_used_mib=96, seen_at=now(), **rates)]
    )


def test_the_figures_stand_on_the_page_in_words(site: Site, running: Vm) -> None:
    page = text_of(signed_in(site.viewer), f"/machines/{running.pk}")
    cells = '<td class="num">{}</td>'
    figures = "".join(cells.format(f"{figure}\u202f%") for figure in (30, 20, 30))
    assert f'<th scope="row">CPU</th>{figures}' in page
    assert '<th scope="row">Disk, read</th>' + 3 * cells.format("18 MB/s") in page
    assert '<th scope="row">Network, in</th>' + 3 * cells.format("0 bit/s") in page
    assert f'<b data-vm="{running.pk}" data-cell="net-rate">40 Mbit/s</b>' in page


@pytest.mark.parametrize(("asked", "given"), [("", "1h"), ("1d", "1d"), ("1y", "1y"), ("2h", "1h")])
def test_the_url_holds_the_time_on_show(site: Site, asked: str, given: str) -> None:
    page = text_of(signed_in(site.owner), f"/machines/{site.vm.pk}?range={asked}")
    assert f'data-range="{given}"' in page
    assert f'<a id="range-{given}" href="?range={given}" aria-current="true"' in page


def test_what_draws_is_loaded_on_no_other_page(site: Site) -> None:
    client = signed_in(site.owner)
    assert "uplot" in text_of(client, f"/machines/{site.vm.pk}")
    for path in ("/", f"/machines/{site.vm.pk}/activity", "/machines/new"):
        assert "uplot" not in text_of(client, path)


def drawn(visit: Visit, vm: Vm, query: str = "") -> Page:
    """The machine's page with its four charts."""
    page = visit.open(f"/machines/{vm.pk}{query}")
    page.wait_for_function(f"() => {DRAWN} === 4")
    return page


@pytest.mark.e2e
def test_a_look_at_the_machine_is_drawn_at_once(visit: Visit, running: Vm) -> None:
    page = drawn(visit, running)
    before = page.evaluate(LAST)
    look(running, 90)
    page.wait_for_function(f"() => {LAST} > {max(before or 0, 30)}")
    expect(page.locator("[data-figures=cpu_percent] td").last).to_have_text("90\u202f%")
    expect(page.locator("[data-cell=cpu-number]")).to_have_text("90\u202f%")
    expect(page.locator("[data-cell=disk-rate]")).to_have_text("18 MB/s")


@pytest.mark.e2e
def test_the_time_on_show_is_switched_by_a_link(visit: Visit, running: Vm) -> None:
    page = drawn(visit, running)
    page.get_by_role("link", name="7 d").click()
    page.wait_for_function("() => document.querySelector('[data-plot]').plot?.data[0].length === 336")
    expect(page).to_have_url(f"{visit.url}/machines/{running.pk}?range=1w")
    expect(page.get_by_role("link", name="7 d")).to_have_attribute("aria-current", "true")
    page.go_back()
    page.wait_for_function("() => document.querySelector('[data-plot]')?.plot?.data[0].length === 360")


@pytest.mark.e2e
def test_the_charts_follow_the_theme(visit: Visit, running: Vm) -> None:
    page = drawn(visit, running)
    assert "15,138,138" in page.evaluate(COLOURED, "disk")
    page.get_by_role("button", name="Dark or light").click()
    page.wait_for_function(f"() => ({COLOURED})('disk').includes('63,193,189')")


@pytest.mark.e2e
def test_what_is_under_the_pointer_is_said_in_all_charts(visit: Visit, running: Vm) -> None:
    page = drawn(visit, running)
    area = page.locator("[data-chart=disk] .u-over").bounding_box()
    assert area
    page.mouse.move(area["x"] + area["width"] - 20, area["y"] + 20)
    expect(page.locator("[data-chart=disk] [data-read]")).to_have_text("18 MB/s · 9 MB/s")
    expect(page.locator("[data-chart=memory] [data-read]")).to_have_text("96 MiB")
    page.mouse.move(2, 2)
    expect(page.locator("[data-chart=disk] [data-read]")).to_have_text("")


@pytest.fixture
def phone(browser: Browser, controller: Controller, site: Site) -> Iterator[Visit]:
    """The owner with a phone in the hand."""
    made = Visit(browser, controller.url, site.owner.user, viewport=PHONE, color_scheme="dark")
    yield made
    made.context.close()
    assert made.complaints == []


@pytest.mark.e2e
def test_on_a_phone_every_chart_is_a_row_within_the_screen(phone: Visit, running: Vm) -> None:
    page = drawn(phone, running)
    for box in page.locator("[data-chart]").all():
        found = box.bounding_box()
        assert found
        assert found["height"] < 90
    assert page.evaluate("document.querySelector('main').scrollWidth") <= PHONE["width"]


@pytest.mark.e2e
def test_where_no_stream_opens_there_are_charts_all_the_same(
    browser: Browser, controller: Controller, site: Site, running: Vm
) -> None:
    visit = Visit(browser, controller.url, site.owner.user)
    visit.context.add_init_script("delete window.SharedWorker")
    visit.context.route("**/live/events", lambda route: route.abort())
    drawn(visit, running)
    visit.context.close()
