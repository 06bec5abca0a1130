"""Making, starting, deleting machines, and following their jobs."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from django.db import connection

from tests.cast import Site
from tests.frontend.command import Terminal, Vrabec, command, home, signed_in, terminal, vrabec
from tests.frontend.controller import controller, engine
from vrabec.models.jobs import Job, JobState
from vrabec.models.templates import Template
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.screens import take_wanted, write_screen

__all__ = ["command", "controller", "engine", "home", "signed_in", "terminal", "vrabec"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_create_asks_for_a_size_and_what_is_said_beside_it(
    site: Site, vrabec: Vrabec, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"# mine\nssh-ed25519 {'A' * 60} a\n\nssh-ed25519 {'B' * 60} b\n")
    words = (
        "--project alpha --size small --memory 1G --network default --address 10.0.0.5/24 --gateway 10.0.0.1"
    )
    more = ("--ssh-key", str(keys), "--run", "echo 'a  b'", "--run", "true", "--password-stdin")
    made = vrabec("vm", "create", "fresh", *words.split(), *more, "-o", "json", stdin="secret-word\n").data
    vm = Vm.objects.get(pk=made["vm"])
    assert (vm.cpus, vm.memory_mib, vm.disk_mib, vm.address) == (1, 1024, 4096, "10.0.0.5")
    args = Job.objects.get(pk=made["job"]["id"]).args
    assert [key[-1] for key in args["ssh_keys"]] == ["a", "b"]
    assert args["run"] == ["echo 'a  b'", "true"]
    assert args["password_hash"]


def test_a_password_typed_on_a_terminal_is_not_shown(
    vrabec: Vrabec, terminal: Callable[..., Terminal]
) -> None:
    screen = terminal("vm", "create", "fresh", "--project", "alpha", "--password-stdin")
    screen.until("The password: ")
    screen.type("secret-word")
    assert screen.end() == 0
    assert "secret-word" not in screen.seen
    assert Job.objects.get().args["password_hash"]


def test_a_private_key_is_never_sent(vrabec: Vrabec, tmp_path: Path) -> None:
    key = tmp_path / "id_ed25519"
    key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    said = vrabec("vm", "create", "fresh", "--project", "alpha", "--ssh-key", str(key))
    assert said.status == 2
    assert "private key; nothing was sent" in said.err
    assert not Job.objects.exists()


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\xff\xfe", b"ssh-ed25519 A\n" * 5000])
def test_what_is_no_file_of_keys_is_refused(vrabec: Vrabec, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keys").write_bytes(content)
    assert vrabec("vm", "create", "x", "--ssh-key", str(tmp_path / "keys")).status == 2


def test_create_waits_until_the_guest_is_ready(vrabec: Vrabec, engine: None) -> None:
    said = vrabec("vm", "create", "fresh", "--project", "alpha", "--wait")
    assert said.status == 0
    assert said.out.startswith("fresh is ready at 10.0.0.9, after ")
    assert "Create fresh: Pretend to create (1/1)\n" in said.err


def test_programs_that_wait_are_told_nothing_but_json(vrabec: Vrabec, engine: None) -> None:
    said = vrabec("vm", "create", "fresh", "--project", "alpha", "--wait", "-o", "json")
    assert (said.status, said.err) == (0, "")
    assert said.data["job"]["state"] == "done"
    assert said.data["vm"] == Vm.objects.get(name="fresh").pk


def test_a_job_that_fails_is_status_nine_with_its_raw_error(vrabec: Vrabec, engine: None) -> None:
    said = vrabec("vm", "create", "broken", "--project", "alpha", "--wait")
    assert said.status == 9
    assert said.err.splitlines()[-3:] == [
        "Error: Create broken failed: The host refused.",
        "  internal error: \\x1b[31mred\\x1b[0m",
        "  second line",
    ]
    job = Job.objects.get()
    again = vrabec("job", "wait", str(job.pk), "-o", "json")
    assert (again.status, again.error["code"], again.error["job"]) == (9, "job_failed", job.pk)


def test_a_wait_that_is_too_long_is_status_ten(vrabec: Vrabec) -> None:
    said = vrabec("vm", "start", "web", "--timeout", "0.3", "-o", "json")
    assert (said.status, said.error["code"]) == (10, "timed_out")
    assert Job.objects.get().state == JobState.QUEUED


def test_a_verb_without_wait_names_its_job(vrabec: Vrabec) -> None:
    said = vrabec("vm", "start", "web")
    assert said.out == f"Job {Job.objects.get().pk}: Start web, queued.\n"


@pytest.mark.parametrize(
    ("verb", "seen"),
    [
        ("reboot", Seen.RUNNING),
        ("reset", Seen.RUNNING),
        ("pause", Seen.RUNNING),
        ("hibernate", Seen.RUNNING),
        ("resume", Seen.PAUSED),
    ],
)
def test_a_verb_is_a_command(site: Site, vrabec: Vrabec, verb: str, seen: Seen) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=seen)
    assert vrabec("vm", verb, "web").status == 0
    assert Job.objects.get().kind == f"vm.{verb}"


def test_a_shutdown_takes_a_deadline(site: Site, vrabec: Vrabec) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    assert vrabec("vm", "shutdown", "web", "--deadline", "9", "--then-power-off").status == 0
    assert Job.objects.get().args == {"deadline_seconds": 9, "then_power_off": True}


def test_keys_are_words_of_the_command(site: Site, vrabec: Vrabec) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    assert vrabec("vm", "send-keys", "web", "ctrl-alt-delete", "enter").status == 0
    assert Job.objects.get().args == {"codes": [[29, 56, 111], [28]]}


def test_a_screen_is_written_to_a_file(site: Site, vrabec: Vrabec, tmp_path: Path) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)

    def engine() -> None:
        while not (wanted := take_wanted()):
            time.sleep(0.01)
        write_screen(wanted[0].vm_id, b"the picture")
        connection.close()

    thread = Thread(target=engine)
    thread.start()
    said = vrabec("vm", "screenshot", "web", str(tmp_path / "web.png"))
    thread.join()
    assert (said.status, (tmp_path / "web.png").read_bytes()) == (0, b"the picture")


def test_saved_memory_is_not_dropped_unasked(site: Site, vrabec: Vrabec) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.HIBERNATED)
    said = vrabec("vm", "power-off", "web")
    assert (said.status, "saved memory would be lost" in said.err) == (2, True)
    assert not Job.objects.exists()
    assert vrabec("vm", "power-off", "web", "--yes").status == 0
    assert Job.objects.get().kind == "vm.power_off"


def test_a_machine_that_has_a_job_is_a_conflict_that_names_it(vrabec: Vrabec) -> None:
    vrabec("vm", "start", "web")
    said = vrabec("vm", "start", "web", "-o", "json")
    assert (said.status, said.error["job"]) == (6, Job.objects.get().pk)


def test_wait_ready_ends_when_the_guest_answers(site: Site, vrabec: Vrabec) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING, is_ready=True, wished=Wished.ON)
    assert vrabec("vm", "wait", "web", "--ready").out == "web is ready at no address.\n"


def test_wait_ready_gives_up_on_a_machine_that_is_off(vrabec: Vrabec) -> None:
    said = vrabec("vm", "wait", "web", "--ready", "-o", "json")
    assert (said.status, said.error["code"]) == (6, "wrong_state")


def test_wait_ready_ends_after_its_time(site: Site, vrabec: Vrabec) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING, wished=Wished.ON, has_agent=True)
    assert vrabec("vm", "wait", "web", "--ready", "--timeout", "0.2").status == 10


def test_delete_needs_yes_where_nobody_can_be_asked(site: Site, vrabec: Vrabec) -> None:
    assert vrabec("vm", "delete", "web").status == 2
    assert not Job.objects.exists()
    assert vrabec("vm", "delete", "web", "--yes").status == 0
    assert Job.objects.get().kind == "vm.delete"


@pytest.mark.parametrize(("typed", "status", "jobs"), [("web", 0, 1), ("wep", 1, 0), ("", 130, 0)])
def test_delete_on_a_terminal_asks_for_the_name(
    vrabec: Vrabec, terminal: Callable[..., Terminal], typed: str, status: int, jobs: int
) -> None:
    screen = terminal("vm", "delete", "alpha/web")
    screen.until("Type its name")
    screen.type(typed or "\x04")
    assert screen.end() == status
    assert Job.objects.count() == jobs


def test_a_job_is_shown_cancelled_retried_and_dismissed(vrabec: Vrabec) -> None:
    job_id = str(vrabec("vm", "start", "web", "-o", "json").data["job"]["id"])
    assert "Start web" in vrabec("job", "show", job_id).out
    assert vrabec("job", "log", job_id).status == 0
    assert vrabec("job", "cancel", job_id).status == 0
    assert vrabec("job", "retry", job_id).status == 6
    Job.objects.update(state=JobState.CANCELLED)
    again = vrabec("job", "retry", job_id, "-o", "json").data
    assert again["state"] == "queued"
    assert [job["id"] for job in vrabec("job", "list", "--active", "-o", "json").data["items"]] == [
        again["id"]
    ]
    assert vrabec("job", "dismiss", job_id).status == 0


def test_a_cancelled_job_ends_a_wait_with_status_nine(vrabec: Vrabec) -> None:
    job_id = str(vrabec("vm", "start", "web", "-o", "json").data["job"]["id"])
    Job.objects.update(state=JobState.CANCELLED)
    said = vrabec("job", "wait", job_id)
    assert said.status == 9
    assert "Start web was cancelled." in said.err


def test_set_describes_and_tags(vrabec: Vrabec, site: Site) -> None:
    assert (
        vrabec("vm", "set", "web", "--tag", "prod", "--tag", "web", "--description", "a\x1b[2Jb").status == 5
    )
    said = vrabec("vm", "set", "web", "--tag", "prod", "--tag", "web", "--description", "Grades")
    assert (said.status, said.out) == (0, "web: prod web.\n")
    assert vrabec("vm", "set", "web", "--untag", "web", "-o", "json").data["tags"] == ["prod"]
    assert "Grades" in vrabec("vm", "show", "web").out
    assert [vm["name"] for vm in vrabec("vm", "list", "--tag", "prod", "-o", "json").data["items"]] == ["web"]
    assert vrabec("vm", "set", "web").status == 2


def test_rename_and_resize_queue_their_jobs(vrabec: Vrabec, site: Site) -> None:
    assert vrabec("vm", "rename", "web", "db", "-o", "json").data["job"]["kind"] == "vm.rename"
    Job.objects.update(state=JobState.DONE)
    said = vrabec("vm", "resize", "web", "--cpus", "2", "--memory", "1G", "--disk", "4G", "-o", "json")
    assert Job.objects.get(pk=said.data["job"]["id"]).args == {
        "cpus": 2,
        "memory_mib": 1024,
        "disk_mib": 4096,
    }
    assert vrabec("vm", "resize", "web").status == 2
    Vm.objects.filter(pk=site.vm.pk).update(next_cpus=4, next_memory_mib=2048)
    said = vrabec("vm", "show", "web")
    assert "1; 4 after its next start" in said.out
    assert "192 MiB; 2 GiB after its next start" in said.out


def test_user_data_is_read_from_a_file(vrabec: Vrabec, site: Site, tmp_path: Path) -> None:
    Template.objects.update(takes_user_data=True)
    path = tmp_path / "data"
    path.write_text("#cloud-config\npackages: [nginx]\n")
    words = ("vm", "create", "fresh", "--project", "alpha", "--user-data", str(path), "--clone", "full")
    args = Job.objects.get(pk=vrabec(*words, "-o", "json").data["job"]["id"]).args
    assert (args["user_data"], args["clone"]) == ("#cloud-config\npackages: [nginx]\n", "full")
    path.write_bytes(b"#!\xff")
    assert "is not UTF-8 text" in vrabec(*words).err


def test_clone_queues_a_copy_in_the_same_project(vrabec: Vrabec, site: Site) -> None:
    said = vrabec("vm", "clone", "web", "web-2", "-o", "json").data
    made = Vm.objects.get(pk=said["vm"])
    assert (made.name, made.project_id, said["job"]["kind"]) == ("web-2", site.project.pk, "vm.clone")
