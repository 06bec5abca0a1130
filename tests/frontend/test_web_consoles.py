"""The console's pages: who finds them, what they ask with, and the one exception of the policy."""

import pytest
from django.test import Client

from tests.cast import Person, Site, site

__all__ = ["site"]


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


@pytest.mark.parametrize(("who", "found"), [("owner", True), ("administrator", True), ("viewer", False)])
def test_the_tab_is_there_for_who_may_open_a_console(site: Site, who: str, found: bool) -> None:
    page = browser(getattr(site, who)).get(f"/machines/{site.vm.pk}", secure=True).content.decode()
    assert (f'href="/machines/{site.vm.pk}/console"' in page) is found


def test_only_the_serial_page_may_style_inline(site: Site) -> None:
    client = browser(site.owner)
    policies = {
        path: client.get(f"/machines/{site.vm.pk}{path}", secure=True)["Content-Security-Policy"]
        for path in ("", "/console", "/console/serial", "/activity")
    }
    assert [path for path, policy in policies.items() if "unsafe" in policy] == ["/console/serial"]
    assert "script-src" not in policies["/console/serial"]
    assert policies["/console/serial"].startswith("default-src 'self'")


@pytest.mark.parametrize(("path", "kind"), [("console", "vnc"), ("console/serial", "serial")])
def test_a_page_says_where_its_tickets_are(site: Site, path: str, kind: str) -> None:
    page = browser(site.owner).get(f"/machines/{site.vm.pk}/{path}", secure=True).content.decode()
    assert f'data-kind="{kind}" data-ticket="/api/v1/vms/{site.vm.pk}/console"' in page
    assert 'name="csrfmiddlewaretoken"' in page


def test_a_ticket_by_the_session_needs_the_pages_own_token(site: Site) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(site.owner.user)
    url = f"/api/v1/vms/{site.vm.pk}/console"
    answer = client.post(url, {"kind": "vnc"}, content_type="application/json", secure=True)
    assert answer.status_code == 403
