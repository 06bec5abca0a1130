"""Extending many leases at once: whom it suits, what the others say, and that none gets shorter."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Person, Site, make_person, site
from tests.service.test_leases import PAST, days_of, leased
from vrabec.lib.clock import now
from vrabec.lib.errors import Invalid
from vrabec.models.audit import Audit
from vrabec.models.grants import Grant, Withheld
from vrabec.models.jobs import Job
from vrabec.models.projects import Project
from vrabec.models.roles import OWNER
from vrabec.models.vms import Seen, Vm
from vrabec.services import vms
from vrabec.services.leases import LeaseWish, day_in, end_on
from vrabec.services.lists import VmQuery
from vrabec.services.vm_bulk import BulkAction, Outcome, Selection, act_on_many, summarize

__all__ = ["leased", "site"]


def extend(person: Person, *found: Vm, **wish: Any) -> list[Outcome]:
    action = BulkAction("extend", lease=LeaseWish(**wish))
    return act_on_many(person.actor, selection=Selection(tuple(vm.pk for vm in found)), action=action)


def said(done: list[Outcome]) -> str:
    return summarize("extend", len(done), (one.refusal for one in done if one.refusal)).message


def with_end(site: Site, name: str, days: int, **columns: Any) -> Vm:
    return site.make_vm(name, lease_ends_at=end_on(day_in(days)), **columns)


def test_each_gets_its_end_and_its_line_and_none_a_job(leased: Site) -> None:
    found = [with_end(leased, f"vm-{number}", number + 1) for number in range(3)]
    done = extend(leased.teammate, *found, days=60)
    assert said(done) == "Extend 3 of 3."
    assert [days_of(vm) for vm in found] == [60, 60, 60]
    lines = Audit.objects.filter(action="vm.extend", actor="tom").order_by("subject")
    assert [line.detail["after"] for line in lines] == [day_in(60).isoformat()] * 3
    assert [line.detail["before"] for line in lines] == [day_in(days).isoformat() for days in (1, 2, 3)]
    assert not Job.objects.exists()
    assert [one.job for one in done] == [None, None, None]


def test_every_reason_is_said_in_words(leased: Site) -> None:
    soon, later = with_end(leased, "soon", 2), with_end(leased, "later", 80)
    found, endless = leased.make_vm("found", is_managed=False), leased.make_vm("endless")
    going = with_end(leased, "going", 5)
    vms.delete_vm(leased.owner.actor, vm=vms.get_vm(leased.owner.actor, vm_id=going.pk))
    done = extend(leased.teammate, soon, later, found, endless, going, days=60)
    assert [one.name for one in done if not one.refusal] == ["soon"]
    sentence = said(done)
    assert sentence.startswith("Extend 1 of 5: ")
    for reason in (
        "the lease of 1 ends later already",
        "1 was not made by Vrabec",
        "1 has no end",
        "another job works on 1",
    ):
        assert reason in sentence
    assert (days_of(later), days_of(endless), days_of(going)) == (80, None, 5)


def test_who_could_shorten_one_lease_does_not_shorten_many_unseen(leased: Site) -> None:
    later, endless = with_end(leased, "later", 80), leased.make_vm("endless")
    assert said(extend(leased.owner, later, endless, days=30)) == (
        "Extend 0 of 2: 1 has no end, the lease of 1 ends later already."
    )
    assert (days_of(later), days_of(endless)) == (80, None)


def test_each_project_has_its_own_limit(leased: Site) -> None:
    Project.objects.filter(pk=leased.other.pk).update(lease_days=5, lease_most_days=10)
    theirs = with_end(leased, "theirs", 2, project=leased.other)
    Grant.objects.create(user=leased.teammate.user, role="member", project=leased.other)
    done = extend(leased.teammate, leased.vm, theirs, days=40)
    assert said(done) == "Extend 1 of 2: 1 may not run so long."
    assert [one.refusal.error.params["most"] for one in done if one.refusal] == [10]
    assert (days_of(leased.vm), days_of(theirs)) == (40, 2)


def test_no_end_is_for_owners_of_the_project_alone(leased: Site) -> None:
    assert said(extend(leased.teammate, leased.vm, has_no_end=True)) == (
        "Extend 0 of 1: 1 may not run without an end."
    )
    assert days_of(leased.vm) == 10
    assert said(extend(leased.owner, leased.vm, has_no_end=True)) == "Extend 1 of 1."
    assert days_of(leased.vm) is None


def test_who_has_the_role_of_an_owner_on_one_machine_keeps_the_projects_limit(leased: Site) -> None:
    owns_one = make_person("one")
    Grant.objects.create(user=owns_one.user, role=OWNER, vm=leased.vm)
    assert said(extend(owns_one, leased.vm, days=91)) == "Extend 0 of 1: 1 may not run so long."
    assert said(extend(owns_one, leased.vm, days=90)) == "Extend 1 of 1."


def test_viewers_strangers_and_whom_it_is_withheld_from_do_not(leased: Site) -> None:
    assert said(extend(leased.viewer, leased.vm, days=30)) == "Extend 0 of 1: 1 is not yours to change."
    assert said(extend(leased.stranger, leased.vm, days=30)) == "Extend 0 of 1: 1 is not there."
    Withheld.objects.create(vm=leased.vm, user=leased.teammate.user, verb="vm.extend")
    assert said(extend(leased.teammate, leased.vm, days=30)) == "Extend 0 of 1: 1 is not yours to change."
    assert days_of(leased.vm) == 10


def test_ended_ones_may_be_started_again(leased: Site) -> None:
    Vm.objects.update(lease_ends_at=PAST, lease_ended_at=now(), seen=Seen.OFF)
    extend(leased.teammate, leased.vm, days=3)
    leased.vm.refresh_from_db()
    assert leased.vm.lease_ended_at is None
    assert not leased.vm.is_lease_over


def test_all_that_a_search_finds_are_meant(leased: Site) -> None:
    with_end(leased, "lab-1", 3)
    with_end(leased, "lab-2", 4)
    done = act_on_many(
        leased.teammate.actor,
        selection=Selection(query=VmQuery(search="lab")),
        action=BulkAction("extend", lease=LeaseWish(days=50)),
    )
    assert [one.name for one in done] == ["lab-1", "lab-2"]
    assert days_of(leased.vm) == 10


@pytest.mark.parametrize("wish", [{}, {"days": 0}, {"days": 3651}, {"until": day_in(0)}])
def test_what_is_no_day_to_come_is_refused_for_all(leased: Site, wish: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        extend(leased.owner, leased.vm, **wish)
    with pytest.raises(Invalid, match="Say for how many days"):
        act_on_many(leased.owner.actor, selection=Selection((leased.vm.pk,)), action=BulkAction("extend"))
    assert days_of(leased.vm) == 10


def test_what_decides_is_asked_once_for_all(leased: Site) -> None:
    def cost(count: int, begin: str) -> int:
        found = [with_end(leased, f"{begin}-{number}", 3) for number in range(count)]
        with CaptureQueriesContext(connection) as caught:
            extend(leased.teammate, *found, days=60)
        return len(caught)

    few, many = cost(2, "few"), cost(12, "many")
    assert many - few <= 10 * 5
