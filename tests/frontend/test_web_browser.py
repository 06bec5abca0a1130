"""The pages in Chromium, over TLS with the real event stream: live, by keyboard, accessible."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django import DjangoDbBlocker

from tests.cast import PASSWORD, Site
from tests.e2e.chromium import DESK, PATIENCE_MS, PHONE, launched
from tests.frontend.controller import Controller, controller
from vrabec.frontends.web import show
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job, JobState
from vrabec.models.templates import Template
from vrabec.models.users import User
from vrabec.models.vms import Seen, Vm
from vrabec.services import facts, vms, whereabouts
from vrabec.services.networks import share_network
from vrabec.services.pools import keep_pools
from vrabec.services.templates import share_template

__all__ = ["controller"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]

AXE = (Path(__file__).parents[1] / "data/axe/axe.min.js").read_text()
QUIET_MS = 400


@pytest.fixture(scope="module", autouse=True)
def before_the_controller(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Static files come from the source tree, and the hub may read the database when it starts."""
    served = override_settings(WHITENOISE_USE_FINDERS=True, WHITENOISE_AUTOREFRESH=True)
    with served, django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def browser(controller: Controller, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium. While it runs Django takes this thread for asynchronous and gives it another connection."""
    certificate = tmp_path_factory.mktemp("browser") / "certificate.pem"
    certificate.write_text(controller.certificate_pem)
    patch = pytest.MonkeyPatch()
    patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    flush = connection.ops.sql_flush  # the suite's own, which gets past the record's triggers
    with launched(certificate) as running:
        patch.setattr(connection.ops, "sql_flush", flush)
        yield running
    patch.undo()


class Visit:
    """A signed-in browser profile; `complaints` is what its consoles said."""

    def __init__(self, browser: Browser, url: str, user: User | None, **how: Any) -> None:
        self.browser = browser
        self.url = url
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(base_url=url, **{"viewport": DESK, **how})
        self.context.set_default_timeout(PATIENCE_MS)
        if user:
            client = Client()
            client.force_login(user)
            name = "vrabec_session"
            self.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])

    def open(self, path: str) -> Page:
        page = self.context.new_page()
        page.on("console", lambda m: m.type in ("error", "warning") and self.complaints.append(m.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(path)
        return page


@pytest.fixture
def visit(browser: Browser, controller: Controller, site: Site) -> Iterator[Visit]:
    """The administrator at a desk; at the end no console may have complained."""
    made = Visit(browser, controller.url, site.administrator.user)
    yield made
    made.context.close()
    assert made.complaints == []


@pytest.fixture
def busy(site: Site) -> Site:
    """Enough on the site for every kind of row."""
    site.make_vm("crashed-1", seen=Seen.CRASHED, address="10.0.0.2")
    site.make_vm("a-rather-long-name-of-a-machine-node-03", seen=Seen.PAUSED)
    for number in range(60):
        site.make_vm(f"vm-{number:02d}", seen=Seen.RUNNING)
    job(site, JobState.FAILED, error_template="The host refused.", error_raw="internal error: no")
    job(site, JobState.RUNNING)
    return site


def job(site: Site, state: JobState, **columns: Any) -> Job:
    titles = ("Reserve a place", "Create the disk", "Start it")
    steps = [{"title": title, "begun": None, "ended": None} for title in titles]
    fixed = {
        "kind": "vm.start",
        "vm": site.vm,
        "project": site.project,
        "subject_name": "web",
        "begun": 2,
        "ended": 1,
    }
    return Job.objects.create(state=state, plan=["a", "b", "c"], steps=steps, percent=40, **fixed | columns)


def settled(page: Page) -> None:
    """Wait until the stream is open and what it brought is drawn."""
    page.wait_for_load_state("load")
    page.wait_for_timeout(QUIET_MS)


# ---- accessible, within the policy, no wider than the screen


def paths(site: Site) -> list[str]:
    one = f"/machines/{site.vm.pk}"
    lists = [
        "/",
        "/?q=nothing",
        "/?state=crashed&host=kvm1",
        "/jobs?show=all",
        "/hosts",
        "/templates",
        "/networks",
        "/projects",
    ]
    pool = keep_pools(site.host.pk, [{"name": "vrabec", "kind": "dir", "path": "/srv", "is_active": True}])
    lists += ["/templates/tiny/projects", "/mail", "/storage", f"/storage/{pool['vrabec']}"]
    rest = ["/activity", "/account", "/account/password", "/machines/new", "/machines/999999", "/sign-in"]
    tabs = [
        f"{one}/{tab}" for tab in ("activity", "delete", "hardware", "xml", "rename", "clone", "describe")
    ]
    return [*lists, "/views", "/views/new", one, *tabs, *rest]


@pytest.mark.parametrize(("size", "theme"), [("desk", "light"), ("phone", "dark")])
def test_axe_finds_nothing_serious_on_any_page(
    browser: Browser, controller: Controller, busy: Site, size: str, theme: str
) -> None:
    viewport = DESK if size == "desk" else PHONE
    how = {"viewport": viewport, "color_scheme": theme, "bypass_csp": True}
    visit = Visit(browser, controller.url, busy.administrator.user, **how)
    found = {path: serious(visit, path) for path in paths(busy)}
    visit.context.close()
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def serious(visit: Visit, path: str) -> list[str]:
    page = visit.open(path)
    settled(page)
    for drawer in page.locator("#jobs:not([open]) > summary").all():
        drawer.click()
    page.evaluate(AXE)
    answer = page.evaluate(
        "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})"
    )
    page.close()
    return [
        f"{rule['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
        for rule in answer["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def test_no_page_is_wider_than_a_phone(browser: Browser, controller: Controller, busy: Site) -> None:
    visit = Visit(browser, controller.url, busy.administrator.user, viewport=PHONE)
    wide = {}
    for path in paths(busy):
        page = visit.open(path)
        settled(page)
        width = page.evaluate(
            "Math.max(document.body.scrollWidth, document.querySelector('main').scrollWidth)"
        )
        if width > PHONE["width"]:
            wide[path] = width
        page.close()
    visit.context.close()
    assert wide == {}


def test_no_console_complains_on_any_page(visit: Visit, busy: Site) -> None:
    for path in paths(busy):
        if path != "/machines/999999":
            page = visit.open(path)
            settled(page)
            page.close()


# ---- live


def test_a_state_seen_on_a_host_is_drawn_in_place(visit: Visit, site: Site) -> None:
    other = site.make_vm("aaa", seen=Seen.RUNNING)
    page = visit.open("/")
    settled(page)
    page.evaluate("window.drawn = 'once'")
    cell = page.locator(f"tr [data-vm='{site.vm.pk}'][data-cell=state]")
    expect(cell).to_contain_text("Off")
    began = time.monotonic()
    facts.write_vm(site.vm.pk, seen=Seen.CRASHED, address="10.0.0.77")
    expect(cell).to_have_attribute("data-state", "crashed", timeout=2000)
    assert time.monotonic() - began < 2
    assert cell.locator("use").get_attribute("href") == "#shape-crashed"
    expect(page.locator("tr [data-cell=address]").nth(1)).to_have_text("10.0.0.77")
    names = page.locator(".row-name").all_inner_texts()
    assert names[:2] == [other.name, "web"]
    assert page.evaluate("window.drawn") == "once"
    tree = page.locator(f"#tree [data-vm='{site.vm.pk}']")
    expect(tree).to_have_attribute("title", "web, Crashed")
    version = Vm.objects.get(pk=site.vm.pk).version
    expect(cell).to_have_attribute("data-v", str(version))


def test_what_changed_before_the_stream_opened_is_caught_up(visit: Visit, site: Site) -> None:
    page = visit.context.new_page()
    held: list[Any] = []
    page.route("**/js/live.js", lambda route: held.append(route))  # noqa: PLW0108 - it takes no builtin
    page.goto("/", wait_until="commit")
    expect(page.locator("tr [data-cell=state]").first).to_contain_text("Off")
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.PAUSED, version=99)
    held[0].continue_()
    expect(page.locator("tr [data-cell=state]").first).to_contain_text("Paused")


def test_new_rows_are_offered_and_gone_rows_stay_until_asked(visit: Visit, site: Site) -> None:
    page = visit.open("/")
    settled(page)
    refresh = page.get_by_role("button", name="Refresh")
    expect(refresh).to_be_hidden()
    vms.create_vm(site.administrator.actor, wish=site.wish(name="fresh"))
    expect(refresh).to_be_visible()
    assert page.locator("tbody tr").count() == 1
    refresh.click()
    expect(page.locator("tbody tr")).to_have_count(2)
    whereabouts.left(site.vm.pk)
    expect(page.locator("tr.is-gone")).to_contain_text("web")
    assert page.locator("tbody tr").count() == 2


def test_the_actions_follow_the_state(visit: Visit, site: Site) -> None:
    page = visit.open(f"/machines/{site.vm.pk}")
    settled(page)
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    facts.write_vm(site.vm.pk, seen=Seen.RUNNING, address="10.0.0.9")
    expect(page.get_by_role("button", name="Shut down")).to_be_visible()
    expect(page.get_by_role("button", name="Start", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Copy the address")).to_be_visible()


def test_hostile_text_from_a_host_stays_text(visit: Visit, site: Site) -> None:
    page = visit.open("/")
    settled(page)
    evil = "<img src=x onerror=alert(1)>"
    facts.write_vm(site.vm.pk, address=evil)
    expect(page.locator("tr [data-cell=address]")).to_have_text(evil)
    assert page.locator("tr img").count() == 0


def test_eight_tabs_share_one_stream(visit: Visit, site: Site) -> None:
    pages = [visit.open("/") for _ in range(8)]
    facts.write_vm(site.vm.pk, seen=Seen.PAUSED)
    for page in pages:
        expect(page.locator("tr [data-cell=state]")).to_contain_text("Paused")


def test_a_lost_stream_says_so_and_comes_back(browser: Browser, controller: Controller, site: Site) -> None:
    visit = Visit(browser, controller.url, site.administrator.user)
    visit.context.add_init_script("delete window.SharedWorker")
    visit.context.route("**/live/events", lambda route: route.abort())
    page = visit.open("/")
    strip = page.locator("#live-strip")
    expect(strip).to_contain_text("Live updates stopped at")
    expect(strip).to_contain_text("Trying again in")
    visit.context.unroute("**/live/events")
    facts.write_vm(site.vm.pk, seen=Seen.PAUSED)
    strip.get_by_role("button", name="Now").click()
    expect(strip).to_be_hidden()
    expect(page.locator("tr [data-cell=state]")).to_contain_text("Paused")
    visit.context.close()


# ---- by keyboard, and what is remembered


def test_keys_reach_search_tree_and_menus(visit: Visit, site: Site) -> None:
    page = visit.open(f"/machines/{site.vm.pk}")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_placeholder("Filter the tree")).to_be_focused()
    page.keyboard.type("zzz")
    expect(page.locator("#tree .tree-leaf").first).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search or run")).to_be_focused()
    page.keyboard.type("alpha")
    expect(page.get_by_role("option", name="All machines that match")).to_be_visible()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{visit.url}/?q=alpha")
    page.locator("summary.chip").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".list-filters .menu[open]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator(".list-filters .menu[open]")).to_have_count(0)
    expect(page.locator("summary.chip").first).to_be_focused()


def test_typing_in_the_search_narrows_the_list_and_the_url(visit: Visit, busy: Site) -> None:
    page = visit.open("/")
    page.locator("#search").press_sequentially("vm-0")
    expect(page.locator("tbody tr")).to_have_count(10)
    expect(page).to_have_url(f"{visit.url}/?q=vm-0")
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(50)


def test_the_delete_dialog_asks_for_the_name_and_can_be_left(visit: Visit, site: Site) -> None:
    page = visit.open(f"/machines/{site.vm.pk}")
    page.locator("#actions summary").click()
    page.get_by_role("link", name="Delete …").click()
    dialog = page.get_by_role("dialog", name="Delete web?")
    expect(dialog.get_by_label("Type web to delete it")).to_be_focused()
    expect(dialog.get_by_role("button", name="Delete web")).to_be_disabled()
    page.keyboard.type("web")
    expect(dialog.get_by_role("button", name="Delete web")).to_be_enabled()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert not Job.objects.exists()


def test_theme_and_drawer_are_remembered(visit: Visit, site: Site) -> None:
    page = visit.open("/")
    page.get_by_role("button", name="Dark or light").click()
    page.locator("#jobs > summary").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.wait_for_timeout(100)
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert page.locator("#jobs").get_attribute("open") is not None


def test_the_form_s_summary_command_and_room_follow_what_is_typed(visit: Visit, site: Site) -> None:
    page = visit.open("/machines/new")
    page.get_by_label("Name", exact=True).fill("raft 3")
    page.locator("input[value=small]").check(force=True)
    expect(page.locator("#sum-name")).to_have_text("raft 3")
    expect(page.locator("#sum-what")).to_have_text("Tiny, small: 1 CPU, 512 MiB, 4 GiB disk")
    command = page.locator("#command")
    expect(command).to_contain_text("vrabec vm create 'raft 3' \\")
    expect(command).to_contain_text("--template tiny --size small")
    page.locator("input[value=custom]").check(force=True)
    page.get_by_role("textbox", name="Memory").fill("3900 MiB")
    expect(command).to_contain_text("--memory 3900MiB")
    expect(page.locator(".stack .this.is-over")).to_have_count(1)
    page.get_by_role("button", name="Create machine").click()
    expect(page.locator("#refused")).to_be_focused()
    page.get_by_role("button", name="Take “raft-3”").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("raft-3")
    visit.complaints.clear()  # the refusal's 422 is a line in the console


def test_the_form_offers_what_is_for_the_chosen_project(visit: Visit, site: Site) -> None:
    actor = site.administrator.actor
    share_template(actor, name="tiny", projects=["alpha"])
    Template.objects.create(name="big", title="Big", builder="big", state="ready", disk_mib=96, memory_mib=96)
    share_template(actor, name="big", projects=["beta"])
    Host.objects.update(networks=["default", "lab"])
    share_network(actor, name="lab", projects=["beta"])
    page = visit.open("/machines/new?project=alpha")
    tiny, big = (page.locator(f"label:has(input[value={name}][name=template])") for name in ("tiny", "big"))
    expect(big).to_be_hidden()
    expect(page.locator("#network option:not([hidden])")).to_have_text(["default"])
    page.get_by_label("Project", exact=True).select_option("beta")
    expect(tiny).to_be_hidden()
    expect(big.locator("input")).to_be_checked()
    expect(page.locator("#network option:not([hidden])")).to_have_text(["default", "lab"])
    page.get_by_label("Network").select_option("lab")
    page.get_by_label("Project", exact=True).select_option("alpha")
    expect(page.locator("#network")).to_have_value("default")
    expect(page.locator("#command")).to_contain_text("--template tiny")


def test_amounts_are_the_same_on_the_server_and_in_the_browser(visit: Visit, site: Site) -> None:
    page = visit.open("/")
    pairs = [
        (u, t) for t in (192, 1024, 8192, 40960, 3 * 1024**2) for u in (0, 1, 12, 180, 1000, 5222, t / 3, t)
    ]
    script = """async (pairs) => {
      const f = await import("/static/js/format.js");
      return pairs.map(([u, t]) => [f.usedOf(u, t), f.mib(u), f.percent(u), f.share(u, t), f.rate(u * t),
        f.bitRate(u * t), f.leftOf(u, t)]);
    }"""
    there = page.evaluate(script, json.loads(json.dumps(pairs)))
    here = [
        [
            show.used_of(u, t),
            show.mib(u),
            show.percent(u),
            show.share(u, t),
            show.rate(u * t),
            show.bit_rate(u * t),
            show.left_of(u, t),
        ]
        for u, t in pairs
    ]
    assert there == here


# ---- without scripts


def test_without_scripts_everything_can_be_read_and_done(
    browser: Browser, controller: Controller, site: Site
) -> None:
    visit = Visit(browser, controller.url, None, java_script_enabled=False)
    page = visit.open("/")
    page.get_by_label("Name").fill("olga")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="New machine").first.click()
    page.get_by_label("Name", exact=True).fill("by-hand")
    page.get_by_role("button", name="Create machine").click()
    expect(page.get_by_role("heading", name="by-hand")).to_be_visible()
    page.goto(f"/machines/{site.vm.pk}")
    page.locator("#actions summary").click()
    page.get_by_role("link", name="Delete …").click()
    page.get_by_label("Type web to delete it").fill("web")
    page.get_by_role("button", name="Delete web").click()
    expect(page.get_by_text("web is being deleted.")).to_be_visible()
    page.locator("#jobs > summary").click()
    expect(page.locator("#jobs-body")).to_contain_text("Delete web")
    visit.context.close()
