"""vrabec user, group, role, grant, why; and whose a machine is."""

import json
import re
from datetime import timedelta

import pytest
from django.test import Client

from tests.cast import PASSWORD, Site
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller, engine
from vrabec.lib.clock import now
from vrabec.models.factors import Passkey
from vrabec.models.grants import Grant, Withheld
from vrabec.models.users import Group, Membership, User
from vrabec.models.vms import Vm

__all__ = ["command", "controller", "engine", "home", "signed_in", "vrabec"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_an_account_lives_by_command(site: Site, vrabec: Vrabec) -> None:
    made = vrabec("user", "create", "petr", "--full-name", "Petr Novák")
    assert "/sign-in/link/" in made.out
    assert made.out.startswith("https://")
    assert "petr has an account" in made.err
    assert vrabec("user", "set", "petr", "--closed").out == "petr: Petr Novák, closed.\n"
    assert not User.objects.get(username="petr").is_active
    assert vrabec("user", "set", "petr", "--open", "--mail", "petr@univ.example").status == 0
    assert vrabec("user", "link", "petr").out != made.out
    found = {user["username"]: user for user in vrabec("user", "list", "-o", "json").data}
    assert found["petr"]["email"] == "petr@univ.example"
    assert found["tom"]["roles"] == [{"role": "member", "scope": "project", "name": "alpha", "until": None}]
    assert "member (alpha)" in vrabec("user", "list").out
    assert vrabec("user", "delete", "petr").status == 0
    assert "no user named petr" in vrabec("user", "delete", "petr").err
    assert "Say what to change" in vrabec("user", "set", "tom").err


def test_another_system_vouches_for_an_account(site: Site, vrabec: Vrabec) -> None:
    assert vrabec("user", "vouch", "tom", "ldap", "t.oak").err == "tom can sign in by ldap as t.oak.\n"
    assert "somebody else's already" in vrabec("user", "vouch", "vera", "ldap", "t.oak").err
    assert "Invalid value" in vrabec("user", "vouch", "tom", "none", "t.oak").err
    assert vrabec("user", "unvouch", "tom", "ldap").err == "tom cannot sign in by ldap any more.\n"
    assert "does not sign in by ldap" in vrabec("user", "unvouch", "tom", "ldap").err


def test_sessions_end_by_command(site: Site, vrabec: Vrabec) -> None:
    assert vrabec("session", "list").err == "You are signed in in no browser.\n"
    client = Client(headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"})
    client.post("/sign-in", {"username": "ada", "password": PASSWORD}, secure=True)
    [found] = vrabec("session", "list", "-o", "json").data
    assert found["agent"] == "Firefox on Linux"
    assert "Firefox on Linux" in vrabec("session", "list").out
    assert vrabec("session", "end", str(found["id"])).err == f"Session {found['id']} has ended.\n"
    assert client.get("/", secure=True)["Location"] == "/sign-in"
    assert "no session with this id" in vrabec("session", "end", str(found["id"])).err
    client.post("/sign-in", {"username": "tom", "password": PASSWORD}, secure=True)
    assert vrabec("user", "sign-out", "tom").out == "tom: 1 sessions ended.\n"
    assert client.get("/", secure=True)["Location"] == "/sign-in"


def test_a_role_asks_for_a_second_factor_and_a_lost_one_is_removed(site: Site, vrabec: Vrabec) -> None:
    vrabec("role", "create", "night-shift", "--verb", "vm.view")
    said = vrabec("role", "set", "night-shift", "--second-factor").out
    assert said == "Role night-shift asks for a second factor.\n"
    found = {role["name"]: role for role in vrabec("role", "list", "-o", "json").data}
    assert (found["night-shift"]["needs_second_factor"], found["night-shift"]["verbs"]) == (True, ["vm.view"])
    Passkey.objects.create(user=site.owner.user, name="phone", rp_id="x", digest="d")
    assert vrabec("user", "remove-factors", "olga").err == "olga has no second factor any more.\n"
    assert not Passkey.objects.exists()
    assert "asks for your password" in vrabec("user", "remove-factors", "ada").err


def test_a_project_gets_a_title_and_goes_by_command(site: Site, vrabec: Vrabec) -> None:
    assert vrabec("project", "set", "alpha", "--title", "The first").out == "Project alpha: The first.\n"
    assert vrabec("project", "set", "alpha", "--title", "").out == "Project alpha: no title.\n"
    assert "still lie in the project alpha: web." in vrabec("project", "delete", "alpha").err
    assert vrabec("project", "delete", "beta").err == "Project beta is removed.\n"
    assert [found["name"] for found in vrabec("project", "list", "-o", "json").data] == ["alpha"]
    assert "no project named beta" in vrabec("project", "delete", "beta").err


def test_a_group_lives_by_command(site: Site, vrabec: Vrabec) -> None:
    assert vrabec("group", "list").err == "There are no groups.\n"
    vrabec("group", "create", "botany", "--title", "Botany")
    assert vrabec("group", "add", "botany", "tom", "vera").out == "botany: tom, vera.\n"
    assert vrabec("group", "remove", "botany", "tom").out == "botany: vera.\n"
    assert "tom is not in the group" in vrabec("group", "remove", "botany", "tom").err
    assert "no user named nobody" in vrabec("group", "add", "botany", "nobody").err
    assert "vera" in vrabec("group", "list").out
    assert vrabec("group", "follow", "botany", "staff", "x y").out == "botany follows staff, x y.\n"
    assert vrabec("group", "follow", "botany").out == "botany follows no group.\n"
    assert vrabec("group", "delete", "botany").status == 0
    assert not Group.objects.exists()


def test_a_role_lives_by_command(site: Site, vrabec: Vrabec) -> None:
    vrabec("role", "create", "night-shift", "--verb", "vm.view", "--verb", "vm.start")
    assert vrabec("role", "show", "night-shift").out == "vm.start\nvm.view\n"
    assert vrabec("role", "set", "night-shift", "--verb", "vm.view").out == "Role night-shift has 1 verbs.\n"
    titled = vrabec("role", "set", "night-shift", "--title", "Night shift", "-o", "json").data
    assert (titled["title"], titled["verbs"], titled["version"]) == ("Night shift", ["vm.view"], 3)
    assert "built in" in vrabec("role", "set", "owner", "--verb", "vm.view").err
    assert "There is no verb vm.fly" in vrabec("role", "create", "bird", "--verb", "vm.fly").err
    assert vrabec("role", "delete", "night-shift").status == 0
    assert [role["name"] for role in vrabec("role", "list", "-o", "json").data][:2] == [
        "administrator",
        "operator",
    ]


def test_a_role_is_given_and_taken_where_it_is_said(site: Site, vrabec: Vrabec) -> None:
    for on, name in (
        (("--project", "alpha"), "alpha"),
        (("--vm", "web"), "web"),
        (("--cluster", "default"), "default"),
        ((), "the whole site"),
    ):
        said = vrabec("grant", "give", "member", "--user", "sid", *on)
        assert said.out == f"sid has the role member on {name}.\n"
    listed = vrabec("grant", "list", "--vm", "web", "-o", "json").data
    mine = [(row["scope"], row["name"]) for row in listed if row["user"] == "sid"]
    assert mine == [("site", ""), ("cluster", "default"), ("project", "alpha"), ("vm", "web")]
    for row in listed:
        if row["user"] == "sid":
            assert vrabec("grant", "take", str(row["id"])).status == 0
    assert [grant.project for grant in Grant.objects.filter(user=site.stranger.user)] == [site.other]
    assert "vera" in vrabec("grant", "list", "--project", "alpha").out


def test_all_that_somebody_has_is_listed(site: Site, vrabec: Vrabec) -> None:
    vrabec("group", "create", "botany")
    vrabec("group", "add", "botany", "tom")
    vrabec("grant", "give", "viewer", "--group", "botany", "--vm", "web")
    found = vrabec("grant", "list", "--user", "tom", "-o", "json").data
    assert [(row["user"], row["group"], row["role"], row["name"]) for row in found] == [
        ("tom", None, "member", "alpha"),
        (None, "botany", "viewer", "web"),
    ]
    assert [row["name"] for row in vrabec("grant", "list", "--group", "botany", "-o", "json").data] == ["web"]
    assert "no user named nobody" in vrabec("grant", "list", "--user", "nobody").err
    assert "not both" in vrabec("grant", "list", "--user", "tom", "--vm", "web").err
    vrabec("group", "create", "zoology")
    assert vrabec("grant", "list", "--group", "zoology").err == "Nothing is given.\n"


def test_a_role_is_given_until_a_day(site: Site, vrabec: Vrabec) -> None:
    day = (now().date() + timedelta(days=30)).isoformat()
    give = ("grant", "give", "member", "--user", "sid", "--project", "alpha")
    assert vrabec(*give, "--until", day).out == f"sid has the role member on alpha until {day}.\n"
    listed = vrabec("grant", "list", "--project", "alpha", "-o", "json").data
    assert [row["until"] for row in listed if row["user"] == "sid"] == [day]
    assert day in vrabec("grant", "list", "--project", "alpha").out
    assert f"member (alpha) until {day}" in vrabec("user", "list").out
    said = vrabec("why", "vm.start", "--user", "sid", "--project", "alpha").out
    assert re.fullmatch(r"Yes\.\nsid has the role Member in the project alpha until \d+ \w+ \d+\.\n", said)
    assert "has this role there already" in vrabec(*give, "--until", day).err
    assert vrabec(*give).out == "sid has the role member on alpha.\n"
    assert "from today on" in vrabec(*give, "--until", "2020-01-01").err
    assert "Invalid value for '--until'" in vrabec(*give, "--until", "soon").err


def test_why_says_yes_or_no_and_so_does_its_status(site: Site, vrabec: Vrabec) -> None:
    yes = vrabec("why", "vm.delete", "--user", "olga", "--vm", "web")
    assert (yes.status, yes.out) == (0, "Yes.\nolga has the role Owner in the project alpha.\n")
    no = vrabec("why", "vm.delete", "--user", "vera", "--vm", "web")
    assert (no.status, no.out) == (4, "No.\nvera has no role there that lets them delete machines.\n")
    assert "whole site" in vrabec("why", "host.add").out


def test_a_verb_is_withheld_and_given_back(site: Site, vrabec: Vrabec) -> None:
    assert vrabec("vm", "withheld", "web").err == "Nothing is withheld.\n"
    said = vrabec("vm", "withhold", "web", "vm.start", "--user", "tom")
    assert said.out == "tom may not do vm.start on web.\n"
    assert "vm.start" in vrabec("vm", "withheld", "web").out
    assert "not withheld from vera" in vrabec("vm", "give-back", "web", "vm.start", "--user", "vera").err
    assert vrabec("vm", "give-back", "web", "vm.start", "--user", "tom").status == 0
    assert not Withheld.objects.exists()


def test_a_withheld_delete_holds_by_command_and_in_bulk(site: Site, signed_in, command: Vrabec) -> None:  # type: ignore[no-untyped-def]
    Withheld.objects.create(vm=site.vm, verb="vm.delete", user=site.owner.user)
    signed_in("owner")
    said = command("vm", "delete", "web", "--yes")
    assert said.status == 4
    assert Vm.objects.get(pk=site.vm.pk).deleted_at is None


def test_a_machine_changes_hands(site: Site, vrabec: Vrabec) -> None:
    assert vrabec("vm", "transfer", "web", "--user", "tom").out == "web is tom's.\n"
    assert Vm.objects.get(pk=site.vm.pk).owner == site.teammate.user
    assert "has no part in the project alpha" in vrabec("vm", "transfer", "web", "--user", "sid").err
    assert vrabec("vm", "transfer", "web").out == "web is its project's.\n"


def test_the_record_is_searched_and_printed_as_json_lines(site: Site, vrabec: Vrabec) -> None:
    vrabec("group", "create", "botany")
    vrabec("group", "create", "zoology")
    assert "zoology" not in vrabec("activity", "--what", "bot", "--action", "group.").out
    lines = vrabec("activity", "--json-lines", "--action", "group.create").out.splitlines()
    assert [json.loads(line)["subject"] for line in lines] == ["zoology", "botany"]
    assert vrabec("activity", "--until", "2020-01-01").err == "There are no lines.\n"
    assert vrabec("activity", "--since", "yesterday").status == 5


def test_who_may_what_in_the_end_is_printed_by_person(
    site: Site, vrabec: Vrabec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vrabec_client.cli.grants.MOST", 2)
    group = Group.objects.create(name="botany")
    Membership.objects.create(group=group, user=site.viewer.user)
    last = now().date() + timedelta(days=9)
    Grant.objects.create(group=group, vm=site.vm, role="member", until=last)
    Withheld.objects.create(group=group, vm=site.vm, verb="vm.delete")
    Vm.objects.update(owner=site.teammate.user)
    listing = ("grant", "list", "--by-person", "--vm", "web")
    said = vrabec(*listing)
    rows = {line.split()[0]: line for line in said.out.splitlines()}
    assert list(rows) == ["USER", "ada", "olga", "oto", "tom", "vera"]
    assert f"member on web by the group botany until {last}; viewer on alpha" in rows["vera"]
    assert rows["vera"].endswith("vm.delete (from the group botany)")
    assert "owner of web; member on alpha" in rows["tom"]
    assert "administrator on the whole site" in rows["ada"]
    assert said.err == ""
    found = {row["user"]: row for row in vrabec(*listing, "-o", "json").data}
    assert "vm.start" in found["vera"]["verbs"]
    assert "vm.delete" not in found["vera"]["verbs"]
    assert "not both" in vrabec("grant", "list", "--by-person", "--user", "tom").err
    assert len(vrabec("grant", "list", "--by-person", "-o", "json").data) == 2
