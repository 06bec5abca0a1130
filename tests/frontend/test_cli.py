"""The vrabec command against a whole web process over TLS: statuses, names, what is printed."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cast import Site
from tests.frontend.command import Vrabec, command, home, signed_in, terminal, vrabec
from tests.frontend.controller import Controller, controller, engine
from vrabec.models.jobs import Job, JobState
from vrabec.models.users import Token
from vrabec.models.vms import Seen, Wished
from vrabec_client.cli import config

__all__ = ["command", "controller", "engine", "home", "signed_in", "terminal", "vrabec"]
pytestmark = pytest.mark.django_db(transaction=True)
NAMES = (
    "web; rm -rf ~",
    "../../etc",
    "%2e%2e%2f",
    "a b\tc",
    "-o",
    "$(id)",
    "ü\u202eb",
    "\x1b]0;x\x07",
    "x" * 240,
)


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ("vm show missing", 3, "not_found"),
        ("vm show 4711", 3, "not_found"),
        ("vm show 99999999999999999999999999", 3, "not_found"),
        ("vm show beta/web", 3, "not_found"),
        ("host show missing", 3, "not_found"),
        ("job show 4711", 3, "not_found"),
        ("job wait 9223372036854775807", 3, "not_found"),
        ("vm create UPPER --project alpha", 5, "invalid"),
        ("vm create fresh --project missing", 5, "invalid"),
        ("vm create fresh --project alpha --template missing", 5, "invalid"),
        ("vm create fresh --project alpha --gateway 10.0.0.1", 5, "invalid"),
        ("template build missing", 5, "invalid"),
        ("template build debian", 5, "invalid"),
        ("template build debian --suite potato", 5, "invalid"),
        ("project create alpha", 6, "conflict"),
        ("vm create web --project alpha", 6, "conflict"),
        ("vm shutdown web", 6, "wrong_state"),
        ("vm create fresh --project alpha --memory 4096", 7, "no_capacity"),
        ("vm create fresh --memory 3X", 2, "usage"),
        ("vm create", 2, "usage"),
        ("vm list --state sleeping", 2, "usage"),
        ("vm delete web", 2, "usage"),
        ("vm wait web", 2, "usage"),
        ("job show zero", 2, "usage"),
        ("nonsense", 2, "usage"),
    ],
)
def test_an_error_is_an_exit_status_and_json(vrabec: Vrabec, words: str, status: int, code: str) -> None:
    said = vrabec("-o", "json", *words.split())
    assert (said.status, said.out, said.error["code"]) == (status, "", code)
    assert said.error["message"].endswith((".", "?"))


def test_every_broken_limit_is_named(vrabec: Vrabec) -> None:
    said = vrabec("vm", "create", "UPPER", "--project", "alpha", "--memory", "1", "--disk", "1")
    assert said.status == 5
    assert [line.split(":")[0].strip() for line in said.err.splitlines()] == [
        "Error", "memory_mib", "disk_mib",
    ]  # fmt: skip
    assert said.err.startswith("Error: name: ")


@pytest.mark.parametrize(("person", "status"), [("viewer", 4), ("stranger", 3), ("owner", 0)])
def test_what_one_may_not_do_is_refused(
    site: Site, signed_in: Callable[[str], None], command: Vrabec, person: str, status: int
) -> None:
    signed_in(person)
    assert command("vm", "start", "web").status == status
    assert command("host", "list").status == 4


def test_nobody_is_told_to_sign_in(command: Vrabec) -> None:
    said = command("vm", "list")
    assert (said.status, said.err) == (4, "Error: Sign in first: vrabec login URL.\n")


def test_a_token_that_has_ended_is_said_to_have(controller: Controller, command: Vrabec) -> None:
    config.write(config.Login(controller.url, controller.fingerprint, "vrabec_nobody"))
    said = command("vm", "list")
    assert said.status == 4
    assert "Sign in again" in said.err


def test_a_controller_that_is_gone_is_unavailable(command: Vrabec) -> None:
    config.write(config.Login("https://127.0.0.1:1", "", "vrabec_x"))
    said = command("vm", "list", "-o", "json")
    assert (said.status, said.error["code"]) == (8, "unavailable")


def test_a_name_in_two_projects_must_say_which(site: Site, vrabec: Vrabec) -> None:
    other = site.make_vm("web", project=site.other)
    said = vrabec("vm", "show", "web", "-o", "json")
    assert (said.status, said.error["code"]) == (5, "ambiguous")
    assert "alpha/web, beta/web" in said.error["message"]
    assert vrabec("vm", "show", "beta/web", "-o", "json").data["id"] == other.pk


def test_a_name_also_found_on_a_host_is_told_apart_by_id(site: Site, vrabec: Vrabec) -> None:
    found = site.make_vm("web", project=None, is_managed=False, wished=Wished.NONE)
    said = vrabec("vm", "show", "web")
    assert said.status == 5
    assert f"{found.pk} (its id), alpha/web" in said.err
    assert vrabec("vm", "show", str(found.pk), "-o", "json").data["managed"] is False


def test_a_name_is_found_among_many_that_contain_it(site: Site, vrabec: Vrabec) -> None:
    for number in range(60):  # more than a page
        site.make_vm(f"web-{number}", seen=Seen.CRASHED)
    assert vrabec("vm", "show", "web", "-o", "json").data["id"] == site.vm.pk


def test_hostile_names_that_are_not_there_are_not_found(vrabec: Vrabec) -> None:
    for name in NAMES:
        said = vrabec("vm", "show", "--", name)
        assert said.status == 3, name
        assert said.err.rstrip("\n").isprintable(), name


def test_hostile_names_that_are_there_are_shown_harmlessly(site: Site, vrabec: Vrabec) -> None:
    made = {name: site.make_vm(name, project=None, is_managed=False, wished=Wished.NONE) for name in NAMES}
    lines = vrabec("vm", "list").out.splitlines()
    assert all(line.isprintable() for line in lines)
    assert len(lines) == len(NAMES) + 2
    for name, vm in made.items():
        assert vrabec("vm", "show", str(vm.pk), "-o", "json").data["name"] == name
        said = vrabec("vm", "show", "-o", "json", "--", name)
        assert said.status == (3 if "/" in name else 0), name


def test_json_is_what_the_interface_gives(site: Site, vrabec: Vrabec, client: Any) -> None:
    headers = {"Authorization": f"Bearer {site.administrator.secret}"}
    for words, path in (
        ("vm list", "vms"),
        ("vm show web", f"vms/{site.vm.pk}"),
        ("host list", "hosts"),
        ("template list", "templates"),
        ("project list", "projects"),
        ("network list", "networks"),
        ("job list", "jobs"),
        ("activity", "activity"),
        ("whoami", "me"),
    ):
        assert (
            vrabec(*words.split(), "-o", "json").data == client.get(f"/api/v1/{path}", headers=headers).json()
        )


def test_output_may_stand_before_or_after_the_command(vrabec: Vrabec) -> None:
    texts = {
        vrabec("-o", "json", "vm", "list").out,
        vrabec("vm", "-o", "json", "list").out,
        vrabec("vm", "list", "--output=json").out,
    }
    assert len(texts) == 1


def test_lists_are_paged_and_say_so(site: Site, vrabec: Vrabec) -> None:
    for number in range(3):
        site.make_vm(f"db-{number}")
    said = vrabec("vm", "list", "--search", "db-", "--page", "2", "--per-page", "2")
    assert said.out.count("db-") == 1
    assert said.err == "Page 2 of 2; 3 machines in all.\n"


def test_a_list_filters_by_state(site: Site, vrabec: Vrabec) -> None:
    site.make_vm("up", seen=Seen.RUNNING)
    assert [vm["name"] for vm in vrabec("vm", "list", "--state", "running", "-o", "json").data["items"]] == [
        "up"
    ]
    assert vrabec("vm", "list", "--state", "paused").err == "There are no machines.\n"


def test_people_who_may_not_see_hosts_are_shown_no_column(
    signed_in: Callable[[str], None], command: Vrabec
) -> None:
    signed_in("owner")
    assert "HOST" not in command("vm", "list").out


@pytest.mark.parametrize(
    "words",
    [
        "host show kvm1",
        "host show 1",
        "cluster list",
        "project create gamma --title Γ",
        "token list",
        "template list",
        "activity",
    ],
)
def test_the_other_commands_print_tables(site: Site, vrabec: Vrabec, words: str) -> None:
    words = words.replace("show 1", f"show {site.host.pk}")
    said = vrabec(*words.split())
    assert said.status == 0
    assert said.out


def test_a_token_is_printed_alone_and_can_be_revoked(vrabec: Vrabec, controller: Controller) -> None:
    said = vrabec("token", "create", "ci", "--days", "2")
    assert said.out.startswith("vrabec_")
    assert said.out.count("\n") == 1
    made = Token.objects.get(name="ci")
    assert vrabec("token", "revoke", str(made.pk)).status == 0
    made.refresh_from_db()
    assert made.ended_at


def test_a_host_is_added_and_forgotten(site: Site, vrabec: Vrabec) -> None:
    queued = vrabec("host", "add", "kvm2", "--uri", "test:///default", "-o", "json").data
    assert (queued["kind"], queued["state"]) == ("host.probe", "queued")
    Job.objects.filter(pk=queued["id"]).update(state=JobState.DONE)
    assert vrabec("host", "remove", "kvm2").status == 0
    assert [host["name"] for host in vrabec("host", "list", "-o", "json").data] == ["kvm1"]
