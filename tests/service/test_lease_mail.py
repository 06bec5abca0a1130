"""Mail about leases: 14, 3 and 1 days before the end, each once, to those whose machine it is."""

from datetime import timedelta
from typing import Any

import pytest

from tests.cast import Site, make_person, site
from tests.mailserver import MailServer
from tests.service.test_leases import PAST, leased
from tests.service.test_mail import post, server, use
from vrabec.lib.clock import now
from vrabec.models.mail import Mail
from vrabec.models.projects import Project
from vrabec.models.roles import CLONER
from vrabec.models.users import Group, Membership, User
from vrabec.models.vms import Seen, Vm
from vrabec.services import vms
from vrabec.services.lease_clock import end_leases
from vrabec.services.lease_mail import write_lease_mail
from vrabec.services.leases import LeaseWish, extend_vm
from vrabec.workflows.mail import send_due

__all__ = ["leased", "post", "server", "site"]


@pytest.fixture
def told(leased: Site, post: MailServer) -> Site:
    """The machine is Olga's; everybody has an address."""
    for user in User.objects.all():
        User.objects.filter(pk=user.pk).update(email=f"{user.username}@univ.example")
    Vm.objects.update(owner=leased.owner.user, lease_told_days=None)
    return leased


def in_days(days: float) -> None:
    """It ends in so many days; nobody was told of it but as before."""
    Vm.objects.update(lease_ends_at=now() + timedelta(days=days))


def subjects() -> list[str]:
    return [mail.subject for mail in Mail.objects.order_by("pk")]


def test_each_is_written_once_as_the_end_comes_nearer(told: Site) -> None:
    said = []
    for days in (14.5, 13.9, 10.0, 2.9, 2.0, 0.9, 0.1):
        in_days(days)
        said.append((write_lease_mail(), write_lease_mail()))
    assert said == [(0, 0), (1, 0), (0, 0), (1, 0), (0, 0), (1, 0), (0, 0)]
    assert Mail.objects.count() == 3


def test_where_the_controller_was_down_there_is_one_and_not_three(told: Site) -> None:
    in_days(0.5)
    assert [write_lease_mail(), write_lease_mail()] == [1, 0]
    assert Mail.objects.count() == 1


def test_it_says_which_machine_until_when_and_where_to_extend_it(told: Site, post: MailServer) -> None:
    in_days(3)
    write_lease_mail()
    assert send_due() == 1
    [got] = post.got
    end = (now() + timedelta(days=3)).date()
    assert got["To"] == "olga@univ.example"
    assert got["Subject"] == "web: its lease ends in 3 days"
    text = got.get_content()
    assert f"Your machine web (alpha) may run until {end.day} {end:%b %Y}, noon UTC: in 3 days." in text
    assert f"https://cloud.univ.example/machines/{told.vm.pk}/extend" in text
    assert "after that it is deleted, which cannot be undone" in text


def test_where_machines_are_kept_nobody_is_threatened(told: Site) -> None:
    Project.objects.update(lease_then="archive")
    in_days(1)
    write_lease_mail()
    assert "Its disks are kept." in Mail.objects.get().text
    assert "deleted" not in Mail.objects.get().text


def test_an_extension_begins_anew(told: Site) -> None:
    in_days(2.5)
    write_lease_mail()
    extend_vm(told.owner.actor, vm=told.vm, wish=LeaseWish(days=60))
    assert write_lease_mail() == 0
    in_days(13)
    assert write_lease_mail() == 1


def test_who_has_just_chosen_a_short_lease_is_not_told_of_it(told: Site) -> None:
    job = vms.create_vm(told.owner.actor, wish=told.wish(lease_days=7))
    assert write_lease_mail() == 1  # the other machine
    assert Vm.objects.get(pk=job.vm_id).lease_told_days == 14
    Vm.objects.filter(pk=job.vm_id).update(lease_ends_at=now() + timedelta(days=2.9))
    assert write_lease_mail() == 1
    assert subjects()[-1].startswith("fresh: ")


def test_a_groups_machine_is_told_of_to_its_members_who_may_see_it(told: Site) -> None:
    group = Group.objects.create(name="team")
    for person in (told.teammate, told.viewer, told.stranger):
        Membership.objects.create(group=group, user=person.user)
    Vm.objects.update(owner=None, owner_group=group)
    in_days(1)
    write_lease_mail()
    assert {mail.to for mail in Mail.objects.all()} == {"tom@univ.example", "vera@univ.example"}
    assert "The machine web of the group team" in Mail.objects.first().text  # type: ignore[union-attr]


def test_one_of_nobodys_is_told_of_to_the_owners_of_its_project(told: Site) -> None:
    Vm.objects.update(owner=None)
    in_days(1)
    write_lease_mail()
    assert [mail.to for mail in Mail.objects.all()] == ["olga@univ.example"]


def test_who_left_the_project_hears_no_more(told: Site) -> None:
    gone = make_person("gusta", CLONER, told.other)
    User.objects.filter(pk=gone.user.pk).update(email="gusta@univ.example")
    Vm.objects.update(owner=gone.user)
    in_days(1)
    write_lease_mail()
    assert not Mail.objects.exists()


def test_at_the_end_they_are_told_that_it_was_switched_off_once(told: Site) -> None:
    Vm.objects.update(lease_ends_at=PAST, seen=Seen.RUNNING)
    assert write_lease_mail() == 0
    end_leases()
    Vm.objects.update(seen=Seen.OFF)
    end_leases()
    assert subjects() == ["web was switched off: its lease has ended"]
    text = Mail.objects.get().text
    assert "Extend it, then you can start it again as it was" in text
    assert "kept for 14 days from then" in text


def test_without_a_server_nobody_counts_as_told(told: Site, post: MailServer, settings: Any) -> None:
    use(settings, post, mail_server="")
    in_days(2)
    assert write_lease_mail() == 0
    use(settings, post)
    assert write_lease_mail() == 1
