"""Scenarios of made-up jobs on a made-up host: one ends well, one fails, one is cancelled."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from tests.sweep import host
from tests.sweep.scenario import Scenario
from vrabec.jobs.plans import Plan, Step, at_end, fixed, register
from vrabec.jobs.run import Run
from vrabec.lib import wire
from vrabec.lib.actor import SYSTEM
from vrabec.lib.errors import HostError, Unavailable, WrongState
from vrabec.models.changes import engine_socket
from vrabec.models.jobs import Job, JobState
from vrabec.models.projects import Project
from vrabec.services.jobs import cancel_job
from vrabec.services.record import record_end


def _note(run: Run) -> None:
    Project.objects.get_or_create(name=f"p{run.job.pk}")


def _unnote(run: Run) -> None:
    Project.objects.filter(name=f"p{run.job.pk}").delete()


def _make_disk(run: Run) -> None:
    run.log("Makes the disk.")
    _make(run, "disk")
    while run.args.get("waits"):
        run.check()
        run.wait(0.005)


def _remove_disk(run: Run) -> None:
    _remove(run, "disk")


def _make_machine(run: Run) -> None:
    if run.args.get("stumbles") and not host.find(run.args["host"], "tried"):
        host.make(run.args["host"], "tried")
        raise HostError("Not yet.")
    _make(run, "machine")
    if run.args.get("fails"):
        raise Unavailable("Gone.")


def _remove_machine(run: Run) -> None:
    _remove(run, "machine")


def _make(run: Run, name: str) -> None:
    if not host.find(run.args["host"], name):
        host.make(run.args["host"], name)


def _remove(run: Run, name: str) -> None:
    for found in host.find(run.args["host"], name):
        host.remove(run.args["host"], found)


STEPS = {
    "note": Step("Note it", _note, _unnote),
    "disk": Step("Make the disk", _make_disk, _remove_disk),
    "machine": Step("Make the machine", _make_machine, _remove_machine),
}


class MadeUp(Scenario):
    """One job of three steps, told by its arguments how to go on."""

    packages = ()
    modules = ("tests.sweep.host",)
    steps: Mapping[str, Step] = STEPS
    no_return: str | None = None
    args: dict[str, bool] = {}
    ends = JobState.DONE

    def register(self) -> None:
        """Nothing but the made-up job, and the record of its end."""
        at_end(record_end)
        register("made_up", Plan("Make it", fixed(*STEPS), no_return=self.no_return), self.steps)

    def prepare(self) -> str:
        """An empty host."""
        directory = settings.DATA_DIR / "host"
        directory.mkdir()
        return str(directory)

    def request(self, context: Any) -> None:
        """One job on it."""
        args = {"host": context, **self.args}
        Job.objects.create(kind="made_up", subject_name="it", created_by_name="vrabec", args=args)
        wire.send(engine_socket(), b"job")

    def check(self, context: Any) -> list[str]:
        """Everything once, or nothing at all."""
        job = Job.objects.get()
        wanted = 1 if job.state == JobState.DONE else 0
        there = {name: len(host.find(context, name)) for name in ("disk", "machine")}
        there["project"] = Project.objects.count()
        problems = [_compare(name, count, wanted) for name, count in there.items() if count != wanted]
        if job.state != self.ends:
            problems.append(f"the job ended {job.state}, not {self.ends}: {job.error_message}")
        return problems


def _compare(name: str, count: int, wanted: int) -> str:
    what = "left over" if not wanted else "doubled" if count > wanted else "missing"
    return f"{what}: {name} ({count})"


class EndsWell(MadeUp):
    """Its last step is the point of no return, and fails once."""

    no_return = "machine"
    args = {"stumbles": True}


class EndsWellBesideInventory(EndsWell):
    """The same in the real entry point of the engine, at the marks alone."""

    packages = ("vrabec.workflows", "vrabec.inventory", "vrabec.hypervisor")
    run_inventory = True
    only = "mark"


class Fails(MadeUp):
    """Its last step loses the connection, so that all is undone twice."""

    args = {"fails": True}
    ends = JobState.FAILED


class IsCancelled(MadeUp):
    """Its second step waits until somebody cancels."""

    args = {"waits": True}
    ends = JobState.CANCELLED

    def meanwhile(self, context: Any) -> None:
        """Cancel the job once it has come to its second step."""
        for job in Job.objects.filter(state=JobState.RUNNING, begun__gte=2, cancel_asked=False):
            try:
                cancel_job(SYSTEM, job=job)
            except WrongState:
                return


def _make_disk_again(run: Run) -> None:
    host.make(run.args["host"], "disk")


class Careless(MadeUp):
    """Wrong: its second step does not look whether it has made the disk already."""

    steps = {**STEPS, "disk": Step("Make the disk", _make_disk_again, _remove_disk)}
    only = "disk: after host.make"


_seen: set[str] = set()


def _make_disk_and_remember(run: Run) -> None:
    if not host.find(run.args["host"], "disk"):
        host.make(run.args["host"], "disk")
        _seen.update(host.find(run.args["host"], "disk"))


def _remove_disk_remembered(run: Run) -> None:
    for found in _seen:
        host.remove(run.args["host"], found)


class Forgetful(Fails):
    """Wrong: its undo knows only what this process has made."""

    steps = {**STEPS, "disk": Step("Make the disk", _make_disk_and_remember, _remove_disk_remembered)}
    only = "disk: after host.make"
