"""vrabec vm extend, vrabec project lease."""

from collections.abc import Callable

import pytest

from tests.cast import Site
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller, engine
from vrabec.models.vms import Vm
from vrabec.services.leases import day_in

__all__ = ["command", "controller", "engine", "home", "signed_in", "vrabec"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_lease_lives_by_command(site: Site, vrabec: Vrabec) -> None:
    said = vrabec("project", "lease", "alpha", "--days", "30", "--most", "90", "--then", "delete")
    assert said.out == (
        "A new machine of alpha may run 30 days, at most 90 from today; "
        "14 days after its end it is deleted.\n"
    )
    assert "30 days" in vrabec("project", "list").out
    vrabec("vm", "create", "fresh", "--project", "alpha", "--lease", "7")
    assert f"until {day_in(7)}" in vrabec("vm", "show", "fresh").out
    extended = vrabec("vm", "extend", "fresh", "--until", day_in(20).isoformat())
    assert extended.out == f"fresh may run until {day_in(20)}.\n"
    assert (
        vrabec("vm", "extend", "fresh", "--days", "60", "-o", "json")
        .data["lease_ends_at"]
        .startswith(day_in(60).isoformat())
    )
    assert vrabec("vm", "extend", "fresh", "--no-end").out == "fresh may run without an end.\n"
    assert vrabec("project", "lease", "alpha", "--none").out == "Machines of alpha have no lease.\n"
    assert not Vm.objects.exclude(lease_ends_at=None).exists()


def test_a_member_is_told_how_far_they_may_go(
    site: Site, vrabec: Vrabec, signed_in: Callable[[str], None]
) -> None:
    vrabec("project", "lease", "alpha", "--days", "30", "--most", "90", "--also-present")
    signed_in("teammate")
    refused = vrabec("vm", "extend", "web", "--days", "91")
    assert "At most 90 days from today, until" in refused.err
    assert vrabec("project", "lease", "alpha", "--none").status


def test_several_are_extended_at_once_and_none_ends_sooner(site: Site, vrabec: Vrabec) -> None:
    vrabec("project", "lease", "alpha", "--days", "30", "--most", "90", "--also-present")
    vrabec("vm", "create", "later", "--project", "alpha", "--lease", "80")
    done = vrabec("vm", "extend", "web", "later", "nobody", "--days", "60")
    assert done.out == "web: done\n"
    assert "later: Its lease ends later already" in done.err
    assert "nobody: There is no machine named nobody." in done.err
    assert done.status
    assert f"until {day_in(60)}" in vrabec("vm", "show", "web").out
    assert vrabec("vm", "extend", "web", "later", "--until", day_in(85).isoformat()).status == 0
    assert f"until {day_in(85)}" in vrabec("vm", "show", "later").out


def test_what_is_not_said_is_asked_for(site: Site, vrabec: Vrabec) -> None:
    assert "Say one of" in vrabec("vm", "extend", "web").err
    assert "Say one of" in vrabec("vm", "extend", "web", "--days", "1", "--no-end").err
    assert "Say --days, or --none" in vrabec("project", "lease", "alpha").err
    assert "Say --days, or --none" in vrabec("project", "lease", "alpha", "--none", "--days", "3").err
