"""The form that makes a machine."""

import re
import shlex

import pytest
from django.test import Client

from tests.cast import Person, Site
from vrabec.frontends.web.vm_new import Typed, command_of
from vrabec.models.jobs import Job
from vrabec.models.templates import Template
from vrabec.models.vms import Vm

FORM = {"name": "fresh", "project": "alpha", "template": "tiny", "size": "tiny", "network": "default"}
KEY = "ssh-ed25519 " + "A" * 68 + " jana@notebook"


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


def post(person: Person, **changes: str) -> object:
    return browser(person).post("/machines/new", FORM | changes, secure=True)


def test_ready_means_pressing_one_button(site: Site) -> None:
    page = browser(site.owner).get("/machines/new", secure=True).content.decode()
    for chosen in ('value="tiny" data-title="Tiny" required checked', '<option value="alpha" selected>'):
        assert chosen in page
    assert "vrabec vm create NAME" in page


def test_a_sent_form_makes_the_machine_and_shows_it(site: Site) -> None:
    response = post(
        site.owner, ssh_keys=f"{KEY}\n\n", password="eight signs", address="10.0.0.5/24", gateway="10.0.0.1"
    )
    made = Vm.objects.get(name="fresh")
    assert (response.status_code, response["Location"]) == (303, f"/machines/{made.pk}")
    assert (made.cpus, made.memory_mib, made.disk_mib, made.address) == (1, 192, 1024, "10.0.0.5")
    assert Job.objects.get().args["ssh_keys"] == [KEY]


def test_a_machine_is_made_with_uefi_from_a_template_that_boots_by_it(site: Site) -> None:
    Template.objects.filter(name="tiny").update(has_uefi=True)
    post(site.owner, firmware="uefi")
    assert Vm.objects.get(name="fresh").firmware == "uefi"
    assert "--firmware uefi" in command_of(Typed(template="tiny", size="tiny", firmware="uefi"))


def test_a_template_is_offered_with_the_smallest_size_it_fits_in(site: Site) -> None:
    Template.objects.filter(name="tiny").update(memory_mib=512, disk_mib=2048)
    page = browser(site.owner).get("/machines/new", secure=True).content.decode()
    assert re.search(r'value="small" [^>]* checked', page)


def test_a_custom_size_is_read_in_any_unit(site: Site) -> None:
    post(site.owner, size="custom", cpus="2", memory="0.5 GiB", disk="3g")
    made = Vm.objects.get(name="fresh")
    assert (made.cpus, made.memory_mib, made.disk_mib) == (2, 512, 3072)


def test_a_refused_form_keeps_what_was_typed_and_offers_a_way_out(site: Site) -> None:
    response = post(
        site.owner, name="raft_lab 3", address="10.0.0.5", ssh_keys="not a key", password="secret word"
    )
    page = response.content.decode()
    assert response.status_code == 422
    assert "<strong>Not created yet.</strong>\n3 fields need a change." in page
    for kept in (
        'value="raft_lab 3"',
        'value="10.0.0.5"',
        ">not a key</textarea>",
        'data-value="raft-lab-3"',
    ):
        assert kept in page
    assert "secret word" not in page
    assert not Job.objects.exists()


def test_amounts_that_cannot_be_read_are_named_at_once(site: Site) -> None:
    page = post(site.owner, size="custom", cpus="two", memory="much", disk="10 GiB").content.decode()
    assert "Write a whole number of CPUs." in page
    assert "Write an amount such as 512 MiB or 4 GiB." in page
    assert "2 fields need a change." in page


def test_a_taken_name_is_refused_at_the_field(site: Site) -> None:
    response = post(site.owner, name="web")
    assert response.status_code == 409
    assert "has a machine named web already." in response.content.decode()


def test_no_room_on_any_host_stands_on_top(site: Site) -> None:
    response = post(site.owner, size="custom", cpus="1", memory="3900", disk="1g")
    assert response.status_code == 409
    assert "No host can take this machine." in response.content.decode()


def test_a_size_that_fits_nowhere_cannot_be_chosen(site: Site) -> None:
    page = browser(site.owner).get("/machines/new", secure=True).content.decode()
    assert (
        'value="large" data-title="large" data-cpus="4" data-memory="8192" data-disk="40960"'
        " required disabled" in page
    )
    assert "No host has room" in page


def test_who_may_only_look_is_told_so(site: Site) -> None:
    response = browser(site.viewer).get("/machines/new", secure=True)
    assert response.status_code == 403
    assert "Only a member of a project may make machines." in response.content.decode()


def test_another_project_than_one_s_own_is_refused(site: Site) -> None:
    assert post(site.stranger, project="alpha").status_code == 422
    assert not Job.objects.exists()


def test_without_a_template_the_way_to_one_is_shown(site: Site) -> None:
    Template.objects.update(state="building")
    page = browser(site.owner).get("/machines/new", secure=True).content.decode()
    assert "No template is ready" in page
    assert 'href="/templates"' in page


@pytest.mark.parametrize("name", ["web-1", "a b", "$(rm -rf /)", "'"])
def test_the_command_survives_a_shell(name: str) -> None:
    typed = Typed(
        name=name, project="main", template="tiny", size="small", network="default", address="10.0.0.5/24"
    )
    words = shlex.split(command_of(typed).replace("\\\n", " "))
    assert words[:4] == ["vrabec", "vm", "create", name]
    assert words[4:] == shlex.split(
        "--template tiny --size small --project main --network default --address 10.0.0.5/24"
    )


def test_the_command_says_a_custom_size_by_its_amounts() -> None:
    typed = Typed(
        name="x", project="main", template="tiny", size="custom", cpus="2", memory="1 GiB", disk="10 GiB"
    )
    assert "--cpus 2 --memory 1GiB --disk 10GiB" in command_of(typed)


def test_user_data_and_a_full_clone_are_under_more(site: Site) -> None:
    Template.objects.update(takes_user_data=True)
    assert post(site.owner, clone="full", user_data="#!/bin/sh\r\nid\r\n").status_code == 303
    args = Job.objects.get().args
    assert (args["clone"], args["user_data"]) == ("full", "#!/bin/sh\nid\n")


def test_refused_user_data_is_kept_and_shown(site: Site) -> None:
    page = post(site.owner, user_data="#cloud-config\n<b>").content.decode()
    assert "The template tiny has no cloud-init" in page
    assert "#cloud-config\n&lt;b&gt;</textarea>" in page
    assert '<details class="fold" open>' in page


def test_several_keys_are_given_one_a_line(site: Site) -> None:
    keys = [f"ssh-ed25519 {sign * 60} {sign}" for sign in "AB"]
    post(site.owner, ssh_keys="\r\n".join([keys[0], "", keys[1], ""]))
    assert Job.objects.get().args["ssh_keys"] == keys
