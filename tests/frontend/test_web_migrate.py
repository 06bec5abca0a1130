"""The dialog that moves a machine, the commands, and how far the job says it is."""

import re

import pytest

from tests.cast import Site, make_host
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller
from tests.frontend.test_web_vms import HTMX, browser, text_of
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Seen, Vm

__all__ = ["command", "controller", "home", "signed_in", "vrabec"]


@pytest.fixture
def fleet(site: Site) -> Site:
    """The machine runs on kvm1; kvm2 would do, kvm3 has no network."""
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    make_host("kvm2")
    make_host("kvm3")
    Host.objects.filter(name="kvm3").update(cpus=0)
    return site


def test_the_dialog_lists_every_host_and_what_is_in_the_way(fleet: Site) -> None:
    page = text_of(browser(fleet.administrator, **HTMX), f"/machines/{fleet.vm.pk}/migrate")
    assert "<html" not in page
    offered = re.findall(r'name="to" value="(\w*)"( disabled| checked)?', page)
    assert offered == [("", " checked"), ("kvm2", ""), ("kvm1", " disabled"), ("kvm3", " disabled")]
    wishes = re.findall(r'name="if_too_fast" value="(\w*)"( checked)?', page)
    assert wishes == [("slow", " checked"), ("wait", ""), ("switch", "")]
    assert "It runs there already." in page
    assert "It has only 0 CPUs." in page
    assert not Job.objects.exists()


def test_a_move_is_asked_for_by_a_click(fleet: Site) -> None:
    client, path = browser(fleet.administrator), f"/machines/{fleet.vm.pk}"
    assert f'href="{path}/migrate"' in text_of(client, path)
    wish = {"to": "kvm2", "if_too_fast": "switch"}
    assert client.post(f"{path}/migrate", wish, secure=True).status_code == 303
    job = Job.objects.get()
    assert (job.kind, job.args["to"], job.args["if_too_fast"]) == ("vm.migrate", "kvm2", "switch")
    assert "Move web to host kvm2" in text_of(client, f"{path}/activity")


def test_a_refusal_is_said_in_the_dialog(fleet: Site) -> None:
    answer = browser(fleet.administrator, **HTMX).post(
        f"/machines/{fleet.vm.pk}/migrate", {"to": "kvm3"}, secure=True
    )
    assert answer.status_code == 409
    assert "web cannot move to kvm3. It has only 0 CPUs. These would do: kvm2." in answer.content.decode()


def test_where_nothing_would_do_there_is_no_button(fleet: Site) -> None:
    Host.objects.filter(name="kvm2").delete()
    page = text_of(browser(fleet.administrator), f"/machines/{fleet.vm.pk}/migrate")
    assert 'name="to" value=""' not in page
    assert "btn-primary" not in page.partition("<fieldset>")[2].partition("</form>")[0]


def test_who_is_no_administrator_has_no_such_entry(fleet: Site) -> None:
    assert f"/machines/{fleet.vm.pk}/migrate" not in text_of(browser(fleet.owner), f"/machines/{fleet.vm.pk}")


def test_its_page_hears_where_it_is_now_with_the_verbs(fleet: Site) -> None:
    path = f"/machines/{fleet.vm.pk}"
    assert text_of(browser(fleet.administrator), path).count("data-host-name") == 2
    Vm.objects.filter(pk=fleet.vm.pk).update(host=Host.objects.get(name="kvm2"))
    told = text_of(browser(fleet.administrator), f"{path}/actions")
    assert re.search(r'hx-swap-oob="innerHTML:\[data-host-name\]">\s*<a href="/\?host=kvm2">kvm2</a>', told)
    assert "kvm2" not in text_of(browser(fleet.owner), f"{path}/actions")


def test_the_drawer_says_how_far_it_is(fleet: Site) -> None:
    browser(fleet.administrator).post(f"/machines/{fleet.vm.pk}/migrate", secure=True)
    told = {"total_bytes": 4 * 2**30, "left_bytes": 2**30, "bytes_s": 110_000_000, "seconds_left": 10}
    steps = [{"title": "Move", "begun": None, "ended": None}]
    Job.objects.update(state=JobState.RUNNING, begun=1, args={"told": told}, steps=steps, plan=["x"])
    page = text_of(browser(fleet.administrator), "/jobs")
    assert "3 GiB / 4 GiB · 110 MB/s · 10 s left" in page


@pytest.mark.django_db(transaction=True)
def test_the_command_says_where_and_moves(fleet: Site, vrabec: Vrabec) -> None:
    Host.objects.filter(name="kvm3").update(cpus=4)
    said = vrabec("vm", "targets", "web")
    assert [line.split()[:2] for line in said.out.splitlines()[1:]] == [
        ["kvm2", "yes"], ["kvm3", "yes"], ["kvm1", "no"],
    ]  # fmt: skip
    assert vrabec("vm", "migrate", "web", "--to", "kvm2", "--if-too-fast", "wait").status == 0
    args = Job.objects.get().args
    assert (args["to"], args["if_too_fast"]) == ("kvm2", "wait")
