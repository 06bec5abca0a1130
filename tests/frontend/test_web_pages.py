"""What is true of every page: it opens, its links lead somewhere, and the policy holds."""

import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from django.test import Client, override_settings

from tests.cast import Site
from tests.frontend import scene
from vrabec.frontends.web.errors import page_without_request
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Seen, Vm

STATES = list(Seen)
START = ("/", "/hosts", "/templates", "/projects", "/activity", "/jobs?show=all", "/account", "/machines/new")


class Links(HTMLParser):
    """Every address a page leads to by GET, and what the policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.forbidden: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: D102
        given = dict(attrs)
        self.found |= {v for k, v in attrs if k in ("href", "hx-get") and v and v.startswith("/")}
        self.forbidden += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        if tag in ("script", "style") and "src" not in given:
            self.forbidden.append(tag)
        self.ids += [given["id"]] if given.get("id") else []


def read(client: Client, path: str) -> Links:
    response = client.get(path, secure=True)
    assert response.status_code == 200, (path, response.status_code, response.content)
    links = Links()
    links.feed(response.content.decode())
    return links


def kind(path: str) -> str:
    """The path without numbers and without what its query asks for."""
    return re.sub(r"\d+|=[^&]*", "N", path)


def test_every_link_leads_to_a_page(db: None) -> None:
    """Of pages of one kind, three."""
    for who, user in scene.build(extra=9, minutes=5).items():
        client = Client()
        client.force_login(user)
        read_kinds: Counter[str] = Counter()
        seen: set[str] = set()
        queue = ["/"]
        while queue:
            path = queue.pop(0).partition("#")[0]
            if path in seen or path.startswith("/static/") or read_kinds[kind(path)] == 3:
                continue
            seen.add(path)
            read_kinds[kind(path)] += 1
            links = read(client, path)
            assert links.forbidden == [], path
            assert len(links.ids) == len(set(links.ids)), path
            queue += sorted(links.found)
        assert len(seen) > 5, who


@pytest.mark.parametrize("seen", STATES)
def test_a_machine_in_every_state_can_be_read(site: Site, seen: Seen) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=seen)
    client = Client()
    client.force_login(site.owner.user)
    read(client, "/")
    read(client, f"/machines/{site.vm.pk}")


@pytest.mark.parametrize("state", JobState.values)
def test_a_job_in_every_state_can_be_read(site: Site, state: str) -> None:
    columns = {"vm": site.vm, "project": site.project, "subject_name": "web", "created_by_name": "olga"}
    steps = [{"title": "Create the disk", "begun": None, "ended": None}]
    Job.objects.create(
        kind="vm.start",
        state=state,
        plan=["a"],
        steps=steps,
        begun=1,
        ended=1,
        error_code="host_error",
        error_template="%(host)s said no.",
        error_params={"host": "kvm1"},
        error_raw="internal error: <qemu>",
        **columns,
    )
    client = Client()
    client.force_login(site.owner.user)
    links = read(client, "/jobs?show=all")
    assert links.forbidden == []
    page = client.get("/jobs?show=all", secure=True).content.decode()
    assert ("kvm1 said no." in page) == (state != "cancelled")
    assert ("internal error: &lt;qemu&gt;" in page) == (state in ("failed", "stuck"))
    assert ("/retry" in page) == (state in ("failed", "cancelled", "stuck"))
    assert ("/cancel" in page) == (state in ("queued", "running"))
    assert ("/dismiss" in page) == (state in ("failed", "stuck"))


def test_an_empty_site_says_what_to_do_next(db: None) -> None:
    people = scene.people()
    client = Client()
    client.force_login(people["jana"])
    for path in START:
        if path != "/machines/new":
            read(client, path)
    assert "vrabec host add" in client.get("/hosts", secure=True).content.decode()
    assert client.get("/machines/new", secure=True).status_code == 403


@override_settings(ROOT_URLCONF="tests.frontend.live_stub", DEBUG_PROPAGATE_EXCEPTIONS=False)
@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/nowhere", 404, "Nothing here"),
        ("/machines/99999999999999999999999", 404, "Nothing here"),
        ("/test/forbidden", 403, "Not for you to do"),
        ("/test/mistake", 500, "Vrabec made a mistake"),
        ("/test/unavailable", 503, "It does not answer"),
        ("/test/large", 413, "Too large"),
    ],
)
def test_errors_are_pages_in_the_look(site: Site, path: str, status: int, words: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(site.owner.user)
    response = client.get(path, secure=True)
    assert response.status_code == status
    page = response.content.decode()
    assert words in page
    assert "vrabec.css" in page


def test_a_csp_report_is_logged_and_nothing_else(db: None, caplog: pytest.LogCaptureFixture) -> None:
    report = b'{"csp-report": {"blocked-uri": "inline", "document-uri": "https://x/"}}'
    response = Client(enforce_csrf_checks=True).post(
        "/csp-report", report, content_type="application/csp-report", secure=True
    )
    assert response.status_code == 204
    assert "inline" in caplog.text
    for hostile in (b"", b"[1]", b"{", b"\xff", b'{"csp-report": 7}'):
        answer = Client().post("/csp-report", hostile, content_type="application/json", secure=True)
        assert answer.status_code == 204


def test_no_template_says_a_word_outside_gettext() -> None:
    from pathlib import Path

    from vrabec.frontends import web

    folder = Path(web.__file__).parent / "templates"
    loose: list[str] = []
    for file in folder.rglob("*.html"):
        text = re.sub(
            r"\{#.*?#\}|\{% trans.*?endtrans %\}|\{%.*?%\}|\{\{.*?\}\}|<pre.*?</pre>|<kbd>.*?</kbd>",
            "",
            file.read_text(),
            flags=re.S,
        )
        words = [word.strip() for word in re.findall(r">([^<>]*)<", text)]
        loose += [f"{file.name}: {word}" for word in words if re.search(r"[A-Za-z]{2}", word)]
    assert [word for word in loose if word.split(": ", 1)[1] not in ("Vrabec", "libvirt", "· Vrabec")] == []


def test_an_error_page_can_be_drawn_before_there_is_a_request() -> None:
    page = page_without_request(413, "The form is larger than 1 MiB.")
    assert "<h1>Too large</h1>" in page
    assert "vrabec.css" in page


@override_settings(ROOT_URLCONF="tests.frontend.live_stub")
def test_a_mistake_answers_htmx_with_a_strip_and_not_with_a_page_in_a_page(site: Site) -> None:
    client = Client(raise_request_exception=False, headers={"hx-request": "true"})
    for path in ("/test/mistake", "/test/unavailable", "/nowhere"):
        client.force_login(site.owner.user)
        response = client.get(path, secure=True)
        assert response["HX-Retarget"] == "#flash"
        assert b"<html" not in response.content
