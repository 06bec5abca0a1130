"""Signing in by the word of a proxy in front; whose word counts is said in tests/unit/test_edge.py."""

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from tests.cast import Site
from vrabec.models.audit import Audit
from vrabec.models.users import User


@pytest.fixture(autouse=True)
def told(settings: Any) -> None:
    settings.VRABEC_CONFIG = replace(
        settings.VRABEC_CONFIG, proxy_user_header="X-Remote-User", proxy_user_from=("127.0.0.1",)
    )


def behind(name: str) -> Client:
    """A browser for whom the proxy says this."""
    return Client(headers={"X-Remote-User": name})


def test_who_the_proxy_knows_is_in_at_once(site: Site) -> None:
    client = behind("Jan@UNIV.EXAMPLE")
    answer = client.get("/hosts")
    assert answer.headers["Location"] == "/sign-in?next=%2Fhosts"
    answer = client.get(answer.headers["Location"])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/hosts")
    assert client.get("/account").status_code == 200
    assert User.objects.get(username="jan@univ.example").identities.get().source == "proxy"
    assert Audit.objects.get(action="session.begin").detail == {"by": "proxy"}


def test_without_the_proxys_word_one_is_asked(site: Site) -> None:
    answer = Client().get("/sign-in")
    assert answer.status_code == 200
    assert "Continue as" not in answer.content.decode()


def test_a_session_ends_when_the_proxy_names_somebody_else(site: Site) -> None:
    client = behind("jan")
    client.get("/sign-in")
    assert client.get("/account").status_code == 200
    assert client.get("/account", headers={"X-Remote-User": ""}).status_code == 200, "it may say it once"
    assert client.get("/account", headers={"X-Remote-User": "eva"}).status_code == 303
    assert "_auth_user_id" not in client.session


def test_who_signs_out_stays_out_until_they_go_on(site: Site) -> None:
    client = behind("jan")
    client.get("/sign-in")
    answer = client.post("/sign-out")
    assert answer.headers["Location"] == "/sign-in?out=1"
    assert "Continue as jan</a>" in client.get("/sign-in?out=1").content.decode()
    assert client.get("/account").status_code == 303
    assert client.get("/sign-in").headers["Location"] == "/"
    assert client.get("/account").status_code == 200


def test_a_local_account_is_not_the_proxys(site: Site) -> None:
    answer = behind("ada").get("/sign-in")
    assert answer.status_code == 401
    assert "vrabec user vouch ada proxy ada" in answer.content.decode()
    site.administrator.user.identities.create(source="proxy", subject="ada")
    assert behind("ada").get("/sign-in").status_code == 303


def test_a_session_by_password_goes_on_beside_it(site: Site) -> None:
    client = behind("jan")
    client.force_login(site.owner.user)
    assert client.get("/account").status_code == 200
