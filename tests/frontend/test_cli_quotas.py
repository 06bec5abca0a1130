"""vrabec quota."""

import pytest

from tests.cast import Site
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller, engine
from vrabec.models.quotas import Quota

__all__ = ["command", "controller", "engine", "home", "signed_in", "vrabec"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_quota_lives_by_command(site: Site, vrabec: Vrabec) -> None:
    made = vrabec("quota", "set", "--project", "alpha", "--vms", "1", "--memory", "2G")
    assert made.out == "At most: machines 1, CPUs no limit, memory 2 GiB, disk no limit.\n"
    assert vrabec("quota", "show", "--project", "alpha").out.splitlines() == [
        "OF        TAKEN    AT MOST",
        "machines  1        1",
        "CPUs      1        no limit",
        "memory    192 MiB  2 GiB",
        "disk      1 GiB    no limit",
    ]
    refused = vrabec("vm", "create", "fresh", "--project", "alpha", "-o", "json")
    assert (refused.status, refused.error["code"]) == (7, "quota_exceeded")
    assert vrabec("quota", "drop", "--project", "alpha").out.startswith("At most: machines no limit")
    assert not Quota.objects.exists()


def test_a_default_holds_for_who_has_none(site: Site, vrabec: Vrabec) -> None:
    said = vrabec("quota", "set", "--every", "user", "--cpus", "8", "--running")
    assert said.out.endswith("(CPUs and memory of what runs).\n")
    shown = vrabec("quota", "show", "--user", "tom")
    assert "CPUs (running)    0      8" in shown.out
    assert shown.err == "These are the limits of every user that has none of its own.\n"
    assert vrabec("quota", "show", "-o", "json").data["name"] == "ada"


def test_what_is_not_said_is_asked_for(site: Site, vrabec: Vrabec) -> None:
    assert "Say whose" in vrabec("quota", "set", "--vms", "1").err
    assert "Say whose" in vrabec("quota", "set", "--every", "user", "--user", "tom", "--vms", "1").err
    assert "one of them" in vrabec("quota", "show", "--user", "tom", "--project", "alpha").err
    assert "Say whose" in vrabec("quota", "drop").err
    assert "no user named nobody" in vrabec("quota", "set", "--user", "nobody", "--vms", "1").err
