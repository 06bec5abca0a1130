"""docs/reference/verbs.md says which verb is allowed in which state: here REST is asked for each."""

import re
from pathlib import Path

import pytest
from django.test import Client

from tests.cast import Site, make_host
from tests.frontend.routes import REST
from tests.frontend.test_permissions import BODIES, _json
from tests.sweep.verbs import SWEPT
from vrabec.frontends.web import activity
from vrabec.models.jobs import Job
from vrabec.models.roles import BUILT_IN, OWNER
from vrabec.models.vms import Seen, Vm
from vrabec.services import states, vms
from vrabec.services.record import ENDED
from vrabec.services.verbs import VERBS

PAGE = Path(__file__).parents[2] / "docs/reference/verbs.md"
STATES = {seen.label: seen for seen in Seen}
ROUTES = {route.name: route for route in REST}


def rows_of(page: str) -> list[list[str]]:
    """Every row of its tables, as cells."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def answers() -> dict[tuple[str, str], str]:
    """What the page says of each verb in each state: "" where it is allowed."""
    rows = rows_of(PAGE.read_text())
    head = rows[0]
    matrix = [row for row in rows if len(row) == len(head) and row[0] in VERBS]
    said = {(row[0], row[1]): row[2] for row in rows if len(row) == 3 and row[0] in VERBS}
    cells = ((row[0], state, allowed) for row in matrix for state, allowed in zip(head, row, strict=True))
    return {
        (verb, state): "" if allowed == "yes" else said[verb, state]
        for verb, state, allowed in cells
        if state in STATES
    }


SAID = answers()
SCENARIOS_OF_THEIR_OWN = {"delete", "rename", "resize", "clone", "migrate"}
SERVICES = Path(vms.__file__).parent


def test_every_verb_has_its_words_in_lists_jobs_and_the_record() -> None:
    kinds = {f"vm.{verb}" for verb in VERBS}
    assert kinds - states.TITLES.keys() == set()
    assert kinds - states.CHANGING.keys() == set()
    assert kinds - activity.WORDS.keys() == set()


def test_every_verb_is_swept() -> None:
    swept = {getattr(kind, "verb", "") for kind in SWEPT} | SCENARIOS_OF_THEIR_OWN
    assert VERBS.keys() - swept == set()


def test_every_line_of_the_record_has_its_words() -> None:
    source = "".join(path.read_text() for path in SERVICES.glob("*.py"))
    recorded = set(re.findall(r'\brecord(?:_reading)?\([^"]+, "([a-z._]+)"', source))
    assert {"vm.console", "vm.xml"} <= recorded
    assert {*recorded, *ENDED} - activity.WORDS.keys() == set()


def test_the_page_knows_every_verb_and_state() -> None:
    assert set(SAID) == {(verb, state) for verb in VERBS for state in STATES}


@pytest.mark.parametrize(("verb", "state"), sorted(SAID))
def test_rest_answers_as_the_page_says(site: Site, verb: str, state: str) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=STATES[state], name="web-1")
    route = ROUTES[f"{verb}_vm"]
    who = site.owner if f"vm.{verb}" in BUILT_IN[OWNER] else site.administrator
    make_host("kvm2")  # to move to
    headers = {"authorization": f"Bearer {who.secret}"}
    path = route.path.replace("{vm_id}", str(site.vm.pk))
    body = _json(BODIES.get(route.name))
    answer = Client(headers=headers).generic(
        route.method, path, data=body, content_type="application/json", secure=True
    )
    if not SAID[verb, state]:
        assert (answer.status_code, Job.objects.get().kind) == (202, f"vm.{verb}"), answer.content
        return
    assert answer.status_code == 409
    assert answer.json()["error"] == {"code": "wrong_state", "message": SAID[verb, state]}
    assert not Job.objects.exists()
