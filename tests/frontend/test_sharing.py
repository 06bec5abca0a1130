"""Templates and networks for some projects alone: their pages, REST and commands."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.cast import Person, Site
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller, engine
from vrabec.models.templates import Template

__all__ = ["command", "controller", "engine", "home", "signed_in", "vrabec"]
pytestmark = pytest.mark.django_db(transaction=True)
PATHS = {"/templates": "/templates/tiny/projects", "/networks": "/networks/default/projects"}


def asked(person: Person, path: str, sent: dict[str, str] | None = None) -> Any:
    client = Client()
    client.force_login(person.user)
    return client.get(path, secure=True) if sent is None else client.post(path, sent, secure=True)


def text(person: Person, path: str) -> str:
    return asked(person, path).content.decode()  # type: ignore[no-any-return]


@pytest.mark.parametrize("index", PATHS)
def test_the_list_says_for_whom_and_the_form_changes_it(site: Site, index: str) -> None:
    form = PATHS[index]
    assert f'href="{form}"' in text(site.operator, index)
    done = asked(site.operator, form, {"projects": "alpha, beta"})
    assert (done.status_code, done["Location"]) == (303, index)
    assert "alpha, beta" in text(site.operator, index)
    assert 'value="alpha beta"' in text(site.operator, form)
    asked(site.operator, form, {"projects": ""})
    assert "alpha, beta" not in text(site.operator, index)


@pytest.mark.parametrize("index", PATHS)
def test_a_project_that_is_not_there_is_said_and_what_was_typed_stays(site: Site, index: str) -> None:
    refused = asked(site.operator, PATHS[index], {"projects": "alpha gamma"})
    assert refused.status_code == 422
    page = refused.content.decode()
    assert "There is no project named gamma." in page
    assert 'value="alpha gamma"' in page


@pytest.mark.parametrize("index", PATHS)
def test_others_are_not_told_for_whom_it_is(site: Site, index: str) -> None:
    asked(site.operator, PATHS[index], {"projects": "alpha beta"})
    page = text(site.teammate, index)
    assert "beta" not in page
    assert PATHS[index] not in page


def test_the_form_of_a_new_machine_offers_what_is_for_one_s_projects(site: Site) -> None:
    Template.objects.create(name="big", title="Big", builder="big", state="ready", disk_mib=96, memory_mib=96)
    asked(site.operator, "/templates/big/projects", {"projects": "beta"})
    assert 'value="big"' not in text(site.teammate, "/machines/new")
    page = text(site.stranger, "/machines/new")
    assert 'data-projects="beta"><input type="radio" name="template" value="big"' in page


def test_the_form_begins_with_a_template_that_is_for_the_project(site: Site) -> None:
    Template.objects.create(name="big", title="Big", builder="big", state="ready", disk_mib=96, memory_mib=96)
    asked(site.operator, "/templates/big/projects", {"projects": "beta"})
    page = text(site.administrator, "/machines/new?project=alpha")
    assert 'value="tiny" data-title="Tiny" required checked' in page
    page = text(site.administrator, "/machines/new?project=beta")
    assert 'value="big" data-title="Big" required checked' in page


def test_by_command(site: Site, vrabec: Vrabec, signed_in: Callable[[str], None]) -> None:
    said = vrabec("template", "share", "tiny", "--project", "beta", "--project", "alpha")
    assert said.out == "The template tiny is for: alpha, beta.\n"
    assert "alpha, beta" in vrabec("template", "list").out
    assert vrabec("network", "share", "default", "--project", "beta").out == (
        "The network default is for: beta.\n"
    )
    listed = vrabec("network", "list", "-o", "json").data
    assert listed == [
        {"name": "default", "hosts": 1, "machines": 1, "is_for_all": False, "projects": ["beta"]}
    ]
    assert "There is no network named none" in vrabec("network", "share", "none").err
    signed_in("teammate")
    assert vrabec("network", "list", "-o", "json").data == []
    assert vrabec("template", "list", "-o", "json").data[0]["projects"] == ["alpha"]
    assert vrabec("template", "share", "tiny").status != 0
    signed_in("administrator")
    assert vrabec("network", "share", "default").out == "The network default is for: all.\n"
