"""A whole Vrabec whose settings name a directory: it starts, and the directory's people get in."""

import json

import pytest

from tests import slapd
from tests.e2e.test_proxies import Caller, wait_for
from tests.installation import free_port, migrated

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(slapd.missing() is not None, reason=str(slapd.missing())),
]


def test_a_person_of_the_directory_gets_a_token(tmp_path_factory: pytest.TempPathFactory) -> None:
    port = free_port()
    there = migrated(tmp_path_factory.mktemp("there"))
    with slapd.Slapd({"j.novak": "Jan Novák"}, {"staff": ["j.novak"]}) as ldap:
        told = "".join(f"{name} = {json.dumps(value)}\n" for name, value in ldap.settings.items())
        there.config.write_text(f"{there.config.read_text()}port = {port}\n{told}")
        with there.serving():
            caller = Caller(port)
            wait_for(caller)
            said = json.dumps({"username": "j.novak", "password": slapd.PASSWORD})
            status, text = caller.ask("POST", "/api/v1/login", said, Content_Type="application/json")
            assert status == 201, text
            bearer = f"Bearer {json.loads(text)['secret']}"
            _, text = caller.ask("GET", "/api/v1/me", Authorization=bearer)
            assert json.loads(text)["name"] == "Jan Novák"
            link = there.do("create-admin", "ada").strip()
            assert f"{ldap.url} answers" in there.do("doctor")
            assert caller.form("/" + link.split("/", 3)[3]) == 303, "the way back in works beside it"
