"""In Chromium: a host added from the dialog, and its changed key confirmed there."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.cast import Site
from tests.e2e.chromium import DESK, PHONE
from tests.frontend.controller import controller
from tests.frontend.test_hosts import KEY, SHOWN, URI, keys, looked
from tests.frontend.test_web_browser import Visit, before_the_controller, browser, pytestmark, settled, visit
from tests.frontend.test_web_many import grave
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job, JobState

__all__ = ["before_the_controller", "browser", "controller", "keys", "pytestmark", "visit"]


SEND_AS_SOON_AS_IT_COMES = f"""() => {{
    const place = document.querySelector("#dialog");
    const watch = new MutationObserver(() => {{
        watch.disconnect();
        place.querySelector("[name=uri]").value = "{URI}";
        place.querySelector("form [type=submit]").click();
    }});
    watch.observe(place, {{childList: true, subtree: true}});
}}"""
"""Somebody with very fast hands corrects the refused form and sends it, before anything else ran."""


def is_seen(job: Job) -> None:
    """The engine has done the look."""
    args = looked().args
    Job.objects.filter(pk=job.pk).update(state=JobState.DONE, args=args)


def test_a_host_is_looked_at_and_added_in_the_dialog(visit: Visit, site: Site, keys: str) -> None:
    page = visit.open("/hosts")
    page.get_by_role("link", name="Add a host").click()
    dialog = page.get_by_role("dialog", name="Add a host")
    expect(dialog.get_by_label("Name")).to_be_focused()
    expect(dialog).to_contain_text(keys)
    page.keyboard.type("kvm2")
    dialog.get_by_label("URI of its libvirt").fill("kvm2")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Write a libvirt URI")
    visit.complaints.clear()  # the refusal's 422 is a line in the console
    dialog.get_by_label("URI of its libvirt").fill(URI)
    dialog.get_by_role("button", name="Look at it").click()
    seen = page.get_by_role("dialog", name="Add kvm2")
    expect(seen).to_contain_text("Looking at the host …")
    is_seen(Job.objects.get(state=JobState.QUEUED))
    expect(seen).to_contain_text(SHOWN)
    seen.get_by_role("button", name="It is this key: add the host").click()
    expect(page.get_by_role("row", name="kvm2")).to_be_visible()
    assert Host.objects.get(name="kvm2").host_key == KEY


def test_a_form_that_has_just_come_is_sent_as_a_dialog(visit: Visit, site: Site, keys: str) -> None:
    page = visit.open("/hosts")
    page.get_by_role("link", name="Add a host").click()
    dialog = page.get_by_role("dialog", name="Add a host")
    dialog.get_by_label("Name").fill("kvm2")
    dialog.get_by_label("URI of its libvirt").fill("kvm2")
    page.evaluate(SEND_AS_SOON_AS_IT_COMES)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Add kvm2")).to_contain_text("Looking at the host …")
    visit.complaints.clear()  # the first refusal's 422


def test_a_changed_key_is_confirmed_from_the_row_that_says_so(visit: Visit, site: Site, keys: str) -> None:
    why = "The host's SSH key is not the confirmed one."
    columns: dict[str, Any] = {"state": HostState.UNREACHABLE, "reason": why}
    host = Host.objects.create(name="kvm2", uri=URI, host_key="ssh-ed25519 AAAA", **columns)
    page = visit.open("/hosts")
    expect(page.get_by_role("row", name="kvm2")).to_contain_text(why)
    page.get_by_role("button", name="Look at its SSH key …").click()
    dialog = page.get_by_role("dialog", name="The SSH key of kvm2")
    expect(dialog).to_contain_text("Looking at the host …")
    is_seen(Job.objects.get())
    dialog.get_by_role("button", name="It is this key: trust it from now on").click()
    expect(dialog).to_be_hidden()
    host.refresh_from_db()
    assert host.host_key == KEY


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_pages_of_adding_are_accessible_and_no_wider_than_the_screen(
    visit: Visit, site: Site, keys: str, size: Any, theme: str
) -> None:
    how = {"viewport": size, "bypass_csp": True, "color_scheme": theme}
    here = Visit(visit.browser, visit.url, site.administrator.user, **how)
    for path in ("/hosts/new", f"/hosts/looks/{looked().pk}?name=kvm2"):
        page = here.open(path)
        settled(page)
        assert page.evaluate("document.body.scrollWidth") <= size["width"]
        assert grave(page) == []
    here.context.close()
