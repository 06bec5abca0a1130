"""Requests: who asks, who sees and answers, what granting does, and who is told."""

import pytest

from tests.cast import Person, Site, make_person, site
from tests.mailserver import MailServer
from tests.service.test_leases import days_of, leased
from tests.service.test_mail import post, server
from vrabec.lib.errors import Conflict, Forbidden, Invalid, NotFound
from vrabec.models.audit import Audit
from vrabec.models.grants import Grant
from vrabec.models.mail import Mail
from vrabec.models.quotas import Quota
from vrabec.models.requests import Request
from vrabec.models.users import Group, Membership, User
from vrabec.services import requests
from vrabec.services.leases import day_in
from vrabec.services.project_edit import remove_project
from vrabec.services.quotas import Limits, budget_of, set_limits
from vrabec.services.requests import More

__all__ = ["leased", "post", "server", "site"]
WHY = "for my thesis"


def longer(site: Site, person: Person, days: int = 200) -> Request:
    return requests.ask_longer(person.actor, vm=site.vm, until=day_in(days), why=WHY)


def seen(person: Person) -> list[int]:
    return [row.pk for row in requests.list_requests(person.actor)]


def test_a_longer_lease_is_asked_for_seen_and_granted(leased: Site) -> None:
    row = longer(leased, leased.teammate)
    assert seen(leased.teammate) == seen(leased.owner) == seen(leased.administrator) == [row.pk]
    assert seen(leased.viewer) == seen(leased.stranger) == []
    found = requests.get_request(leased.owner.actor, request_id=row.pk)
    answered = requests.answer(leased.owner.actor, request=found, grants=True, word="good luck")
    assert (answered.granted, answered.word, answered.answered_by_id) == (
        True,
        "good luck",
        leased.owner.user.pk,
    )
    assert days_of(leased.vm) == 200
    said = list(Audit.objects.filter(kind="request").order_by("pk").values_list("actor", "action", "subject"))
    assert said == [("tom", "request.create", "web"), ("olga", "request.grant", "web")]
    assert Audit.objects.filter(actor="olga", action="vm.extend").count() == 1


def test_declined_nothing_changes_and_one_may_ask_again(leased: Site) -> None:
    row = longer(leased, leased.teammate)
    with pytest.raises(Conflict, match="it waits for an answer"):
        longer(leased, leased.teammate)
    requests.answer(leased.owner.actor, request=row, grants=False)
    assert days_of(leased.vm) == 10
    with pytest.raises(Conflict, match="answered this already"):
        requests.answer(leased.owner.actor, request=row, grants=True)
    assert days_of(leased.vm) == 10
    longer(leased, leased.teammate)


def test_nobody_grants_what_they_could_not_take(leased: Site) -> None:
    row = longer(leased, leased.teammate)
    for person in (leased.teammate, leased.viewer, leased.stranger):
        with pytest.raises(Forbidden):
            requests.answer(person.actor, request=row, grants=True)
    with pytest.raises(NotFound):
        requests.get_request(leased.stranger.actor, request_id=row.pk)
    with pytest.raises(Forbidden):
        longer(leased, leased.viewer)
    assert Request.objects.get().answered_at is None


def test_more_of_a_quota_is_for_administrators_and_leaves_what_was_not_said(site: Site) -> None:
    Quota.objects.create(kind="user", vms=2, cpus=4)
    row = requests.ask_more(site.teammate.actor, more=More(vms=6, memory_mib=16384), why=WHY)
    assert requests.said(row) == "6 machines, 16 GiB of memory"
    assert seen(site.owner) == seen(site.operator) == []
    with pytest.raises(Forbidden):
        requests.answer(site.owner.actor, request=row, grants=True)
    requests.answer(site.administrator.actor, request=row, grants=True)
    limits = budget_of(site.teammate.user).limits
    assert (limits.vms, limits.cpus, limits.memory_mib, limits.disk_mib) == (6, 4, 16384, None)
    assert budget_of(site.owner.user).limits.vms == 2


@pytest.mark.parametrize("why", ["", "  \n", "x" * 1001, "a\0b"])
def test_a_word_why_is_needed(leased: Site, why: str) -> None:
    with pytest.raises(Invalid) as caught:
        requests.ask_longer(leased.teammate.actor, vm=leased.vm, until=day_in(200), why=why)
    assert caught.value.field == "why"


def test_what_is_asked_for_must_be_something_to_come(leased: Site) -> None:
    for days in (0, -1, 4000):
        with pytest.raises(Invalid):
            longer(leased, leased.teammate, days)
    with pytest.raises(Invalid, match="how much"):
        requests.ask_more(leased.teammate.actor, more=More(), why=WHY)
    with pytest.raises(Invalid) as caught:
        requests.ask_more(leased.teammate.actor, more=More(cpus=2**31), why=WHY)
    assert caught.value.field == "cpus"


def test_where_a_grant_cannot_be_done_the_request_stays_open(leased: Site) -> None:
    row = longer(leased, leased.teammate, 20)
    Request.objects.update(until=day_in(-1))
    row.refresh_from_db()
    with pytest.raises(Invalid):
        requests.answer(leased.owner.actor, request=row, grants=True)
    assert Request.objects.get().answered_at is None


def test_who_answers_is_told_and_then_who_asked(leased: Site, post: MailServer) -> None:
    User.objects.filter(username="tom").update(email="tom@univ.example")
    User.objects.filter(username="ada").update(email="ada@univ.example")
    row = longer(leased, leased.teammate)
    asked = Mail.objects.get()
    assert (asked.to, asked.subject) == ("olga@univ.example", f"tom asks for {requests.said(row)}")
    assert WHY in asked.text
    assert "https://cloud.univ.example/requests" in asked.text
    requests.answer(leased.owner.actor, request=row, grants=False, word="please ask me first")
    answer = Mail.objects.get(to="tom@univ.example")
    assert "Olga Malá has declined it.\n\nplease ask me first" in answer.text
    requests.ask_more(leased.teammate.actor, more=More(vms=9), why=WHY)
    assert [mail.to for mail in Mail.objects.filter(subject__contains="9 machines")] == ["ada@univ.example"]


def test_where_a_project_has_no_owner_the_administrators_are_told(leased: Site, post: MailServer) -> None:
    User.objects.filter(username="ada").update(email="ada@univ.example")
    Grant.objects.filter(user=leased.owner.user).delete()
    longer(leased, leased.teammate)
    assert [mail.to for mail in Mail.objects.all()] == ["ada@univ.example"]


def test_open_ones_come_first(leased: Site) -> None:
    first = longer(leased, leased.teammate)
    other = make_person("otto", "member", leased.project)
    second = longer(leased, other)
    assert seen(leased.owner) == [second.pk, first.pk]
    requests.answer(leased.owner.actor, request=second, grants=False)
    assert seen(leased.owner) == [first.pk, second.pk]


# --- for a project or a group


def test_an_owner_asks_for_more_for_their_project(leased: Site) -> None:
    ada, olga = leased.administrator.actor, leased.owner.actor
    set_limits(ada, kind="project", name="alpha", limits=Limits(vms=3, cpus=9))
    payer = requests.payer_to_ask_for(olga, project="alpha")
    row = requests.ask_more(olga, more=More(vms=8), why=WHY, payer=payer)
    assert requests.said(row) == "8 machines for the project alpha"
    with pytest.raises(Conflict, match="Somebody has asked for this already"):
        requests.ask_more(leased.operator.actor, more=More(vms=9), why=WHY, payer=payer)
    requests.ask_more(olga, more=More(vms=9), why=WHY)  # her own beside it
    assert requests.answerable(olga, [row]) == set()
    requests.answer(ada, request=requests.get_request(ada, request_id=row.pk), grants=True)
    assert budget_of(leased.project).limits == Limits(vms=8, cpus=9)
    assert budget_of(leased.owner.user).limits == Limits()
    line = Audit.objects.get(action="request.grant")
    assert (line.subject, line.project_id) == ("alpha", leased.project.pk)


def test_a_member_asks_for_more_for_their_group(leased: Site) -> None:
    ada, tom = leased.administrator.actor, leased.teammate.actor
    group = Group.objects.create(name="botany")
    for who in (leased.stranger, leased.owner):
        with pytest.raises(Invalid, match="You are in no group named botany"):
            requests.payer_to_ask_for(who.actor, group="botany")
        with pytest.raises(Forbidden):
            requests.ask_more(who.actor, more=More(vms=8), why=WHY, payer=group)
    Membership.objects.create(group=group, user=leased.teammate.user)
    row = requests.ask_more(
        tom, more=More(cpus=4), why=WHY, payer=requests.payer_to_ask_for(tom, group="botany")
    )
    assert requests.said(row) == "4 CPUs for the group botany"
    requests.answer(ada, request=requests.get_request(ada, request_id=row.pk), grants=True)
    assert budget_of(group).limits == Limits(cpus=4)
    again = requests.ask_more(tom, more=More(cpus=5), why=WHY, payer=group)
    requests.answer(ada, request=again, grants=False)
    assert budget_of(group).limits == Limits(cpus=4)


def test_nobody_asks_for_a_project_that_they_do_not_look_after(leased: Site) -> None:
    for who in (leased.teammate, leased.viewer):
        with pytest.raises(Forbidden):
            requests.ask_more(who.actor, more=More(vms=8), why=WHY, payer=leased.project)
    with pytest.raises(NotFound):
        requests.payer_to_ask_for(leased.stranger.actor, project="alpha")
    with pytest.raises(Invalid, match="not both"):
        requests.payer_to_ask_for(leased.owner.actor, project="alpha", group="botany")
    with pytest.raises(Forbidden):
        requests.ask_more(leased.owner.actor, more=More(vms=8), why=WHY, payer=leased.teammate.user)


def test_a_project_that_goes_takes_what_was_asked_for_it_along(leased: Site) -> None:
    row = requests.ask_more(leased.stranger.actor, more=More(vms=8), why=WHY, payer=leased.other)
    remove_project(leased.administrator.actor, project=leased.other)
    assert not Request.objects.filter(pk=row.pk).exists()
