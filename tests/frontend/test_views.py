"""Columns of the list and saved views: on the page, by REST and by the command."""

import re
from typing import Any

import pytest
from django.test import Client

from tests.cast import Person, Site
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller
from vrabec.models.audit import Audit
from vrabec.models.views import SavedView
from vrabec.models.vms import Seen
from vrabec.services.lists import COLUMNS
from vrabec.services.views import MAX_VIEWS, ViewWish, save_view

__all__ = ["command", "controller", "home", "signed_in", "vrabec"]


def browser(person: Person, **headers: str) -> Client:
    client = Client(headers=headers)
    client.force_login(person.user)
    return client


def heads(client: Client, path: str = "/") -> list[str]:
    """The words in the head of the table, without those of state and name."""
    page = client.get(path, secure=True).content.decode()
    found = re.findall(r'<th scope="col"[^>]*>(?:<a [^>]*>)?([^<]+)', page)
    return [word for word in found if word not in ("State", "Name")]


def rest(person: Person, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    client = Client(headers={"authorization": f"Bearer {person.secret}"})
    answer = client.generic(method, f"/api/v1{path}", _json(body), "application/json", secure=True)
    return answer.status_code, answer.json() if answer.content else None


def _json(body: Any) -> bytes:
    import orjson

    return orjson.dumps(body) if body else b""


# ---- columns


def test_columns_are_chosen_and_remembered_by_the_browser(site: Site) -> None:
    client = browser(site.administrator)
    assert heads(client) == ["Host", "Project", "Address", "CPU, last hour", "Memory", "Disk used"]
    sent = {"column": ["template", "host", "mac"], "back": "q=web&sort=name&cols=cpu"}
    answer = client.post("/machines/columns", sent, secure=True)
    assert (answer.status_code, answer["Location"]) == (303, "/?q=web&sort=name")
    assert heads(client) == ["Host", "Template", "MAC address"]


def test_no_column_at_all_and_nonsense_still_show_the_list(site: Site) -> None:
    client = browser(site.administrator)
    client.post("/machines/columns", {"back": "//evil.example"}, secure=True)
    assert heads(client) == []
    assert heads(client, "/?cols=nonsense.cpu") == ["CPU, last hour"]


def test_every_column_can_be_shown(site: Site) -> None:
    assert len(heads(browser(site.administrator), f"/?cols={'.'.join(COLUMNS)}")) == len(COLUMNS)


def test_the_column_of_hosts_is_for_those_who_see_hosts(site: Site) -> None:
    client = browser(site.owner)
    assert heads(client, "/?cols=host.cpu") == ["CPU, last hour"]
    assert "kvm1" not in client.get("/?cols=host.cpu", secure=True).content.decode()


def test_the_way_back_stays_on_the_list(site: Site) -> None:
    answer = browser(site.owner).post("/machines/columns", {"back": "//evil.example/?x"}, secure=True)
    assert answer["Location"].startswith("/?")


# ---- rows a page


@pytest.mark.parametrize(
    ("address", "remembered", "rows"),
    [("", "", 50), ("?per_page=100", "", 60), ("?per_page=7", "", 50), ("?per_page=7", "200", 60)],
)
def test_rows_a_page_are_the_addresses_else_the_browsers(
    site: Site, address: str, remembered: str, rows: int
) -> None:
    for number in range(59):
        site.make_vm(f"vm-{number:02d}")
    client = browser(site.owner)
    if remembered:
        client.post("/machines/per-page", {"per_page": remembered}, secure=True)
    page = client.get(f"/{address}", secure=True).content.decode()
    assert page.count("data-row>") == rows


def test_a_number_of_rows_that_is_not_offered_is_the_usual(site: Site) -> None:
    client = browser(site.owner)
    for sent in ("100", "100000"):
        given = {"per_page": sent, "back": "q=web&per_page=200"}
        assert client.post("/machines/per-page", given, secure=True)["Location"] == "/?q=web"
    assert client.cookies["vrabec_per_page"].value == "50"


# ---- views


def test_the_list_as_it_stands_is_kept_under_a_name(site: Site) -> None:
    client = browser(site.owner)
    form = client.get(
        "/views/new?q=we&state=running&tag=prod&sort=name&cols=cpu&per_page=100", secure=True
    ).content.decode()
    assert 'value="we state:running tag:prod"' in form
    fields = dict(re.findall(r'type="hidden" name="(sort|columns|per_page)" value="([^"]*)"', form))
    assert fields["per_page"] == "100"
    sent = {"name": "Mine", "view-search": "we state:running tag:prod"} | fields
    answer = client.post("/views/new", sent, secure=True)
    assert answer["Location"] == "/?q=we+state%3Arunning+tag%3Aprod&sort=name&cols=cpu&per_page=100"
    page = client.get("/", secure=True).content.decode()
    assert (
        '<a href="/?q=we+state%3Arunning+tag%3Aprod&amp;sort=name&amp;cols=cpu&amp;per_page=100">Mine</a>'
        in page
    )
    assert Audit.objects.get(action="view.save").actor == "olga"


def test_views_are_for_their_owner_alone(site: Site) -> None:
    kept = save_view(site.owner.actor, ViewWish(name="Night shift", search="web"))
    assert "Night shift" not in browser(site.viewer).get("/", secure=True).content.decode()
    assert browser(site.viewer).post(f"/views/{kept.pk}/delete", secure=True).status_code == 404
    assert "Night shift" in browser(site.owner).get("/views", secure=True).content.decode()
    browser(site.owner).post(f"/views/{kept.pk}/delete", secure=True)
    assert not SavedView.objects.exists()


def test_a_refused_view_keeps_what_was_typed(site: Site) -> None:
    answer = browser(site.owner, **{"hx-request": "true"}).post(
        "/views/new", {"name": "Mine", "view-search": "colour:red", "sort": "name"}, secure=True
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="colour:red"' in page
    assert "Nothing can be searched by colour:" in page


def test_hostile_names_stay_text(site: Site) -> None:
    save_view(site.owner.actor, ViewWish(name="<img src=x>"))
    for path in ("/", "/views"):
        assert "<img" not in browser(site.owner).get(path, secure=True).content.decode()


def test_rest_keeps_replaces_lists_and_forgets(site: Site) -> None:
    status, made = rest(site.owner, "POST", "/views", {"name": "Mine", "search": "web", "columns": ["cpu"]})
    assert (status, made["columns"], made["sort"]) == (201, ["cpu"], "state")
    again = rest(site.owner, "POST", "/views", {"name": "Mine", "search": "", "sort": "name"})[1]
    assert again["id"] == made["id"]
    assert [view["sort"] for view in rest(site.owner, "GET", "/views")[1]] == ["name"]
    assert rest(site.stranger, "DELETE", f"/views/{made['id']}")[0] == 404
    assert rest(site.owner, "DELETE", f"/views/{made['id']}")[0] == 204


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x", "sort": "colour"}, "sort"),
        ({"name": "x", "columns": ["colour"]}, "columns"),
        ({"name": "x", "per_page": 7}, "per_page"),
        ({"name": "x", "search": "colour:red"}, "search"),
        ({"name": "x", "search": "y" * 201}, "search"),
    ],
)
def test_what_cannot_be_kept_names_its_field(site: Site, body: Any, field: str) -> None:
    status, answer = rest(site.owner, "POST", "/views", body)
    assert (status, answer["error"]["field"]) == (422, field)
    assert not SavedView.objects.exists()


def test_there_is_an_end_to_views(site: Site) -> None:
    for number in range(MAX_VIEWS):
        save_view(site.owner.actor, ViewWish(name=f"view {number}"))
    assert rest(site.owner, "POST", "/views", {"name": "one more"})[0] == 422
    assert SavedView.objects.count() == MAX_VIEWS


@pytest.mark.django_db(transaction=True)
def test_the_command_lists_as_a_view_has_it(site: Site, vrabec: Vrabec) -> None:
    site.make_vm("zeta", seen=Seen.RUNNING)
    site.make_vm("alpha-1", seen=Seen.RUNNING)
    assert vrabec("view", "save", "Up", "--search", "state:running", "--sort", "name").status == 0
    listed = vrabec("vm", "list", "--view", "Up", "-o", "json").data["items"]
    assert [vm["name"] for vm in listed] == ["alpha-1", "zeta"]
    narrowed = vrabec("vm", "list", "--view", "Up", "--search", "zeta", "-o", "json").data["items"]
    assert [vm["name"] for vm in narrowed] == ["zeta"]
    assert "state:running" in vrabec("view", "list").out
    assert vrabec("view", "save", "Up", "--search", "state:running", "--per-page", "100").status == 0
    assert vrabec("vm", "list", "--view", "Up", "-o", "json").data["per_page"] == 100
    assert vrabec("vm", "list", "--view", "Up", "--per-page", "1", "-o", "json").data["per_page"] == 1
    assert vrabec("view", "delete", "Up").status == 0
    assert vrabec("vm", "list", "--view", "Up").status == 3
