"""Every page as it is with machines, a failed job and a foreign machine: accessible, narrow and light."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.e2e.chromium import DESK, PHONE, Person
from tests.e2e.controller import HOST, Controller
from tests.e2e.machines import Machines
from tests.e2e.onhost import OnHost
from tests.e2e.waiting import wait_until

AXE = (Path(__file__).parents[1] / "data/axe/axe.min.js").read_text()
SERIOUS = """async () => (await axe.run()).violations
    .filter((found) => ["serious", "critical"].includes(found.impact))
    .map((found) => `${found.id}: ${found.nodes.map((node) => node.html.slice(0, 150)).join(" | ")}`)"""
SIDEWAYS = """() => [...document.querySelectorAll("*")]
    .filter((element) => !element.matches("#filters, .tabs, .command-long, #console-view *"))  // to be swiped
    .filter((element) => element === document.scrollingElement
        || ["auto", "scroll"].includes(getComputedStyle(element).overflowX))
    .filter((element) => element.scrollWidth > element.clientWidth)
    .map((element) => element.outerHTML.slice(0, 150))"""
LOOKS = [(width, theme) for width in ("desk", "phone") for theme in ("light", "dark")]
COLUMNS = ("host", "project", "address", "cpu", "memory", "disk", "cpus", "template", "mac", "by", "created")
TABS = ("access", "activity", "hardware", "xml", "console", "console/serial")
ASKS = ("delete", "rename", "clone", "describe")
FIRST_VISIT_BYTES = 150_000
NEXT_PAGE_BYTES = 20_000
CHARTS_ARE_DRAWN = (
    "() => [...document.querySelectorAll('[data-plot]')].filter((place) => place.plot).length === 4"
)


@pytest.fixture(scope="module")
def scene(controller: Controller) -> Iterator[dict[str, str]]:
    """Pages by name, on a site with one machine of ours, a foreign one and a job that failed."""
    on_host = OnHost(controller.host)
    with controller.client() as client, on_host.foreign("found"):
        machines = Machines(client)
        one = f"/machines/{machines.create('lark')['id']}"
        failed = _fail(controller, machines)
        wait_until(lambda: "found" in machines.present(), "the foreign machine is shown")
        paths = (
            "/",
            "/jobs",
            "/hosts",
            "/storage",
            "/templates",
            "/networks",
            "/projects",
            "/projects/main",
            "/people",
            "/people/site",
            "/groups",
            "/roles",
            "/new-role",
            "/mail",
            "/activity",
            "/account",
            "/account/password",
            "/views",
        )
        pages = {path.strip("/").replace("/", "-") or "list": path for path in paths}
        wait_until(lambda: [pool for pool in client.list_pools() if pool["volumes"]], "the pool is looked at")
        yield pages | {
            "machine": one,
            "pool": f"/storage/{client.find_pool('vrabec')['id']}",
            "create": "/machines/new",
            "machine-access-by-person": f"{one}/access?by=person",
            "cluster-access": f"/clusters/{client.list_clusters()[0]['id']}/access",
            "view-save": "/views/new?state=running",
            "all-columns": f"/?cols={'.'.join(COLUMNS)}",
            **{f"machine-{tab}": f"{one}/{tab}" for tab in (*TABS, *ASKS)},
        }
        client.dismiss_job(failed)
        machines.delete_all()
    assert on_host.remains() == []


def _fail(controller: Controller, machines: Machines) -> int:
    controller.host.fill_disk()
    job = machines.client.create_vm("unlucky")["job"]["id"]
    assert machines.ended(job)["state"] == "failed"
    controller.host.free_disk()
    wait_until(lambda: machines.client.find_host(HOST)["pool_free_mib"], "the room is seen again")
    return job


@pytest.fixture
def person(
    request: pytest.FixtureRequest, browser: Browser, controller: Controller, session: Any
) -> Iterator[Person]:
    """The administrator at a screen of this width with this theme."""
    width, theme = request.param
    screen = DESK if width == "desk" else PHONE
    look = Person(browser, controller.url, storage_state=session, viewport=screen, color_scheme=theme)
    yield look
    look.context.close()
    assert look.complaints == []


def all_pages(person: Person, scene: dict[str, str]) -> Iterator[tuple[str, Page]]:
    """Every page in turn, with its name; last the refused form and what somebody unknown sees."""
    page = person.open("/")
    for name, path in scene.items():
        page.goto(path)
        yield name, page
    page.goto(scene["create"])
    page.locator("#name").fill("Not A Name")
    page.get_by_role("button", name="Create machine").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "refused create", page
    person.forgive("status of 422")
    person.context.clear_cookies()
    page.goto("/sign-in")
    yield "sign-in", page


@pytest.mark.parametrize("person", LOOKS, indirect=True, ids="-".join)
def test_axe_finds_nothing_serious_on_any_page(person: Person, scene: dict[str, str]) -> None:
    found = {}
    for name, page in all_pages(person, scene):
        page.evaluate(AXE)
        found[name] = page.evaluate(SERIOUS)
    assert len(found) == len(scene) + 2
    assert {name: serious for name, serious in found.items() if serious} == {}


@pytest.mark.parametrize("person", [("phone", "light")], indirect=True, ids="-".join)
def test_nothing_scrolls_sideways_on_a_phone(person: Person, scene: dict[str, str]) -> None:
    found = {name: page.evaluate(SIDEWAYS) for name, page in all_pages(person, scene)}
    assert len(found) == len(scene) + 2
    assert {name: wide for name, wide in found.items() if wide} == {}


class Weight:
    """The bytes that a page received; of its machine's screen, of which new pictures come any time, one."""

    def __init__(self, protocol: CDPSession) -> None:
        self._addresses: dict[str, str] = {}
        self._bytes: list[float] = []
        self._picture = 0.0
        protocol.on("Network.requestWillBeSent", self._asked)
        protocol.on("Network.loadingFinished", self._came)
        protocol.send("Network.enable")

    def _asked(self, event: dict[str, Any]) -> None:
        self._addresses[event["requestId"]] = event["request"]["url"]

    def _came(self, event: dict[str, Any]) -> None:
        size = event["encodedDataLength"]
        if "/screen?at=" in self._addresses.get(event["requestId"], ""):
            self._picture = max(self._picture, size)
        else:
            self._bytes.append(size)

    def taken(self) -> float:
        """What came since it was last asked."""
        total = sum(self._bytes) + self._picture
        self._bytes, self._picture = [], 0.0
        return total


@pytest.mark.parametrize("person", [("desk", "light")], indirect=True, ids="-".join)
def test_pages_are_light(person: Person, scene: dict[str, str], controller: Controller) -> None:
    page = person.context.new_page()
    received = Weight(person.context.new_cdp_session(page))
    with page.expect_response("**/cells?*"):
        page.goto("/")
    # Workers are asked for outside of the page, so that the protocol does not count them here.
    [worker] = (controller.data / "static/js").glob("live-worker.*.js.gz")
    first = received.taken() + worker.stat().st_size
    with page.expect_response("**/cells?*"):
        page.locator("tr .row-name").first.click()
    following = received.taken()
    page.wait_for_function(CHARTS_ARE_DRAWN)
    charts = received.taken()
    page.reload()
    page.wait_for_function(CHARTS_ARE_DRAWN)
    again = received.taken()
    print(f"first visit {first / 1000:.1f} KB, next page {following / 1000:.1f} KB", end=", ")
    print(f"what draws charts {charts / 1000:.1f} KB once, a page with charts then {again / 1000:.1f} KB")
    assert 10_000 < first <= FIRST_VISIT_BYTES
    assert 1000 < following <= NEXT_PAGE_BYTES
    assert 1000 < again <= NEXT_PAGE_BYTES
