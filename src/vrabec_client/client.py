"""The SDK: one method for every operation of the REST interface, named as it is there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Unpack, cast
from urllib.parse import quote

from vrabec_client import fleet, people, schemas
from vrabec_client.calls import is_id
from vrabec_client.errors import Ambiguous, JobFailed, NotFound, TimedOut, WrongState
from vrabec_client.fleet_calls import FleetCalls
from vrabec_client.people_calls import PeopleCalls

ENDED = ("done", "failed", "cancelled", "stuck")
"""States in which a job has ended."""


class Client(FleetCalls, PeopleCalls):
    """A controller, spoken to with a token. Not for several threads at once.

    Certificates that the system's CAs vouch for are taken. For others give `fingerprint` (SHA-256) or
    `certificate_pem`: then that certificate is taken and no other, whatever names are in it.
    """

    # account

    def about(self) -> schemas.About:
        """Name and version of what answers; needs no token."""
        return cast("schemas.About", self._get("/"))

    def me(self) -> people.Me:
        """Who the token stands for."""
        return cast("people.Me", self._get("/me"))

    def login(
        self, username: str, password: str, *, client: str = "vrabec command", code: str = ""
    ) -> people.NewToken:
        """A token of 90 days for a name and password, and a code where there is a second factor.

        Raises SecondFactor when it is missing, Unauthenticated, TooMany, Forbidden.
        """
        given = {"username": username, "password": password, "client": client, "code": code}
        return cast("people.NewToken", self._post("/login", given))

    def list_tokens(self) -> list[people.Token]:
        """Your live tokens."""
        return cast("list[people.Token]", self._get("/tokens"))

    def create_token(
        self, name: str, *, days: int = 90, verbs: Iterable[str] = (), projects: Iterable[str] = ()
    ) -> people.NewToken:
        """Make a token of your own; its secret is said this once. Raises Invalid, Forbidden.

        With `verbs` it is for these alone, with `projects` (by name) for what is in these alone.
        """
        body = {"name": name, "days": days, "verbs": list(verbs), "projects": list(projects)}
        return cast("people.NewToken", self._post("/tokens", body))

    def revoke_token(self, token_id: int) -> None:
        """End one of your tokens. Raises NotFound."""
        self._delete(f"/tokens/{token_id:d}")

    # machines

    def list_vms(self, **query: Unpack[schemas.VmQuery]) -> schemas.VmPage:
        """One page of machines. Raises Invalid for a search that asks what there is not."""
        given = {key: value for key, value in query.items() if value}
        return cast("schemas.VmPage", self._get("/vms", cast("dict[str, str | int]", given)))

    def list_views(self) -> list[schemas.View]:
        """Your saved views of the list."""
        return cast("list[schemas.View]", self._get("/views"))

    def save_view(self, name: str, **wish: Unpack[schemas.ViewWish]) -> schemas.View:
        """Keep a view; one of the same name is replaced. Raises Invalid."""
        return cast("schemas.View", self._post("/views", {"name": name, **wish}))

    def delete_view(self, view_id: int) -> None:
        """Forget a view. Raises NotFound."""
        self._delete(f"/views/{view_id:d}")

    def find_view(self, name: str) -> schemas.View:
        """Your view of this name. Raises NotFound."""
        for view in self.list_views():
            if view["name"] == name:
                return view
        raise NotFound(f"You have no view named {name}.", field="name")

    def get_vm(self, vm_id: int) -> schemas.Vm:
        """One machine. Raises NotFound."""
        return cast("schemas.Vm", self._get(f"/vms/{vm_id:d}"))

    def get_vm_xml(self, vm_id: int) -> schemas.VmXml:
        """What libvirt says of a machine, as last seen. Raises NotFound before the first look, Forbidden."""
        return cast("schemas.VmXml", self._get(f"/vms/{vm_id:d}/xml"))

    def get_vm_history(self, vm_id: int, *, range: str = "1h") -> schemas.History:  # noqa: A002 - as in REST
        """What a machine used over "1h", "1d", "1w", "1m" or "1y". Raises NotFound, Invalid."""
        return cast("schemas.History", self._get(f"/vms/{vm_id:d}/history", {"range": range}))

    def create_vm(self, name: str, **wish: Unpack[schemas.VmWish]) -> schemas.VmJob:
        """Clone a machine from a template and start it. Raises Invalid, Conflict, NoCapacity, Forbidden."""
        return cast("schemas.VmJob", self._post("/vms", {"name": name, **wish}))

    def place_vm(self, **wish: Unpack[schemas.PlaceWish]) -> fleet.Placement:
        """Where a machine would go now, and why; nothing is made. Raises Invalid, Forbidden."""
        return cast("fleet.Placement", self._post("/vms/placement", wish))

    def pin_vm(self, vm_id: int, hosts: Iterable[str]) -> schemas.Vm:
        """Bind a machine to hosts, of which its own is one; none: to any.

        Raises NotFound, Invalid, Conflict, Forbidden.
        """
        return cast("schemas.Vm", self._put(f"/vms/{vm_id:d}/hosts", {"hosts": list(hosts)}))

    def describe_vm(self, vm_id: int, **words: Unpack[schemas.VmWords]) -> schemas.Vm:
        """Write a machine's description, tags and farm. Raises Invalid, Forbidden."""
        return cast("schemas.Vm", self._patch(f"/vms/{vm_id:d}", words))

    def adopt_vm(self, vm_id: int, project: str) -> schemas.Vm:
        """Give a machine that was found on its host to a project; "" takes it back.

        Raises NotFound, WrongState where Vrabec made it, Forbidden.
        """
        return cast("schemas.Vm", self._put(f"/vms/{vm_id:d}/project", {"project": project}))

    def rename_vm(self, vm_id: int, name: str) -> schemas.VmJob:
        """Give a machine that is off another name. Raises Invalid, WrongState, Conflict, Forbidden."""
        return cast("schemas.VmJob", self._post(f"/vms/{vm_id:d}/rename", {"name": name}))

    def resize_vm(self, vm_id: int, **sizes: Unpack[schemas.VmSizes]) -> schemas.VmJob:
        """Change CPUs and memory, let the disk grow. Raises Invalid, NoCapacity, WrongState, Forbidden."""
        return cast("schemas.VmJob", self._post(f"/vms/{vm_id:d}/resize", sizes))

    def clone_vm(self, vm_id: int, name: str, **wish: Unpack[schemas.CloneWish]) -> schemas.VmJob:
        """Copy a machine that is off, with its disk. Raises Invalid, Conflict, WrongState, Forbidden."""
        return cast("schemas.VmJob", self._post(f"/vms/{vm_id:d}/clone", {"name": name, **wish}))

    def list_targets(self, vm_id: int) -> list[schemas.Target]:
        """Every host, the best first, and what keeps the machine from moving there. Raises Forbidden."""
        found = cast("schemas.TargetList", self._get(f"/vms/{vm_id:d}/targets"))
        return found["items"]

    def migrate_vm(self, vm_id: int, *, to: str = "", if_too_fast: schemas.TooFast = "slow") -> schemas.VmJob:
        """Move a running machine to the host named `to`, or to the best.

        `if_too_fast`: what is done when it writes memory faster than the line carries it.
        Raises Invalid, Conflict saying what is in the way, NoCapacity, WrongState, Forbidden.
        """
        wish = {"to": to, "if_too_fast": if_too_fast}
        return cast("schemas.VmJob", self._post(f"/vms/{vm_id:d}/migrate", wish))

    def start_vm(self, vm_id: int) -> schemas.VmJob:
        """Start a machine that is off or hibernated. Raises WrongState, NoCapacity, Conflict, Forbidden."""
        return cast("schemas.VmJob", self._post(f"/vms/{vm_id:d}/start"))

    def shutdown_vm(self, vm_id: int, *, deadline: int = 90, then_power_off: bool = False) -> schemas.VmJob:
        """Ask the guest to shut down; the job fails, or powers off, after `deadline` seconds.

        Raises Invalid, WrongState, Conflict, Forbidden.
        """
        given = {"deadline_seconds": deadline, "then_power_off": then_power_off}
        return cast("schemas.VmJob", self._post(f"/vms/{vm_id:d}/shutdown", given))

    def power_off_vm(self, vm_id: int) -> schemas.VmJob:
        """Pull the plug; unwritten data, or saved memory, is lost. Raises WrongState, Conflict, Forbidden."""
        return cast("schemas.VmJob", self._post(f"/vms/{vm_id:d}/power-off"))

    def reboot_vm(self, vm_id: int) -> schemas.VmJob:
        """Ask the guest to restart. Raises WrongState, Conflict, Forbidden."""
        return cast("schemas.VmJob", self._post(f"/vms/{vm_id:d}/reboot"))

    def reset_vm(self, vm_id: int) -> schemas.VmJob:
        """Restart a machine as by its reset button; unwritten data is lost. Raises WrongState, Conflict."""
        return cast("schemas.VmJob", self._post(f"/vms/{vm_id:d}/reset"))

    def pause_vm(self, vm_id: int) -> schemas.VmJob:
        """Stop the CPUs of a machine; it keeps its memory. Raises WrongState, Conflict, Forbidden."""
        return cast("schemas.VmJob", self._post(f"/vms/{vm_id:d}/pause"))

    def hibernate_vm(self, vm_id: int) -> schemas.VmJob:
        """Save a machine's memory and switch it off; a start goes on there. Raises WrongState, Conflict."""
        return cast("schemas.VmJob", self._post(f"/vms/{vm_id:d}/hibernate"))

    def send_keys_vm(self, vm_id: int, *keys: str) -> schemas.VmJob:
        """Press keys one after the other: "ctrl-alt-delete", "enter". Raises Invalid, WrongState."""
        return cast("schemas.VmJob", self._post(f"/vms/{vm_id:d}/send-keys", {"keys": list(keys)}))

    def ask_screenshot(self, vm_id: int) -> schemas.Asked:
        """Want a new picture of the screen; get_screenshot has it in seconds. Raises WrongState."""
        return cast("schemas.Asked", self._post(f"/vms/{vm_id:d}/screenshot"))

    def get_screenshot(self, vm_id: int) -> schemas.Screen:
        """The last picture of the screen. Raises NotFound before the first, Forbidden."""
        return cast("schemas.Screen", self._get(f"/vms/{vm_id:d}/screenshot"))

    def take_screenshot(self, vm_id: int, *, timeout: float = 30.0) -> schemas.Screen:
        """A new picture of the screen. Raises TimedOut, WrongState, Forbidden."""
        before = self.ask_screenshot(vm_id)["taken_at"]
        for found in self._looks(lambda: self._screen_or_none(vm_id), timeout):
            if found and found["taken_at"] != before:
                return found
        raise TimedOut(f"There was no picture within {timeout:g} s.", field="timeout")

    def _screen_or_none(self, vm_id: int) -> schemas.Screen | None:
        try:
            return self.get_screenshot(vm_id)
        except NotFound:
            return None

    def resume_vm(self, vm_id: int) -> schemas.VmJob:
        """Let a paused machine go on. Raises WrongState, Conflict, Forbidden."""
        return cast("schemas.VmJob", self._post(f"/vms/{vm_id:d}/resume"))

    def delete_vm(self, vm_id: int) -> schemas.VmJob:
        """Delete a machine and its disks, for good. Raises WrongState, Conflict, Forbidden."""
        return cast("schemas.VmJob", self._delete(f"/vms/{vm_id:d}"))

    def act_on_vms(
        self, action: str, vm_ids: Iterable[int] = (), *, search: str = "", **more: Unpack[schemas.VmAction]
    ) -> schemas.VmResults:
        """Do one verb ("start", "tag") to machines by id, or to all that a search finds (but delete).

        Those that cannot now are among the results with their error; the others go on. Raises Invalid.
        """
        given = {"action": action, "vms": list(vm_ids), "search": search, **more}
        return cast("schemas.VmResults", self._post("/vms/actions", given))

    def open_console(self, vm_id: int, kind: str = "serial", *, take: bool = False) -> schemas.ConsoleTicket:
        """A ticket to a console, "vnc" or "serial": `line.Line` opens it. Raises WrongState, Forbidden."""
        given = {"kind": kind, "take": take}
        return cast("schemas.ConsoleTicket", self._post(f"/vms/{vm_id:d}/console", given))

    def find_vm(self, name: str) -> schemas.Vm:
        """The machine called `name`: "42" (its id), "web-1" or "main/web-1". Raises NotFound, Ambiguous."""
        if is_id(name):
            return self.get_vm(int(name))
        project, _, bare = name.rpartition("/")
        # An empty name would be no condition at all.
        found = self.list_vms(name=bare, project=project)["items"] if bare else []
        if not found:
            raise NotFound(f"There is no machine named {name}.", field="name")
        if len(found) > 1:
            ways = ", ".join(sorted(_way_to_name(vm, found) for vm in found))
            raise Ambiguous(f"Several machines are named {name}; say which: {ways}.", field="name")
        return found[0]

    def wait_until_ready(
        self,
        vm_id: int,
        *,
        timeout: float | None = None,
        agent: bool = True,
        watch: Callable[[schemas.Vm], None] | None = None,
    ) -> schemas.Vm:
        """The machine once its guest has answered. Raises TimedOut, WrongState when it stopped instead.

        With `agent` False a machine that runs and that the controller expects no answer of will do.
        """
        for vm in self._looks(lambda: self.get_vm(vm_id), timeout):
            if watch:
                watch(vm)
            # Changing without a job: it boots, and the controller expects its guest to answer.
            agent = agent or (vm["state"] == "changing" and vm["job"] is None)
            if vm["ready"] or (not agent and vm["state"] == "running"):
                return vm
            _refuse_stopped(vm)
        raise TimedOut(f"{vm['name']} was not ready within {timeout:g} s.", field="timeout")

    # jobs

    def list_jobs(self, *, active: bool = False, page: int = 1, per_page: int = 50) -> schemas.JobPage:
        """One page of jobs, newest first; `active`: what runs, and failed ones nobody has dismissed."""
        query = {"active": str(active).lower(), "page": page, "per_page": per_page}
        return cast("schemas.JobPage", self._get("/jobs", query))

    def get_job(self, job_id: int) -> schemas.Job:
        """One job. Raises NotFound."""
        return cast("schemas.Job", self._get(f"/jobs/{job_id:d}"))

    def get_job_log(self, job_id: int) -> list[schemas.Line]:
        """The job's log, oldest line first. Raises NotFound."""
        return cast("list[schemas.Line]", self._get(f"/jobs/{job_id:d}/log"))

    def cancel_job(self, job_id: int) -> schemas.Job:
        """Stop a job and undo what it did. Raises WrongState when it is too late, Forbidden."""
        return cast("schemas.Job", self._post(f"/jobs/{job_id:d}/cancel"))

    def retry_job(self, job_id: int) -> schemas.Job:
        """Do a failed job again, as a new one; a stuck one goes on. Raises WrongState, Conflict."""
        return cast("schemas.Job", self._post(f"/jobs/{job_id:d}/retry"))

    def dismiss_job(self, job_id: int) -> None:
        """Take a failed job out of the list of active ones. Raises WrongState while it runs."""
        self._post(f"/jobs/{job_id:d}/dismiss")

    def wait_for_job(
        self,
        job_id: int,
        *,
        timeout: float | None = None,
        watch: Callable[[schemas.Job], None] | None = None,
    ) -> schemas.Job:
        """The job once it is done; `watch` sees it at every look. Raises JobFailed, TimedOut."""
        for job in self._looks(lambda: self.get_job(job_id), timeout):
            if watch:
                watch(job)
            if job["state"] == "done":
                return job
            if job["state"] in ENDED:
                raise _failed(job)
        raise TimedOut(f"{job['title']}: not done within {timeout:g} s; it goes on.", job=job_id)

    # projects, the record

    def list_projects(self) -> list[people.Project]:
        """Projects you may see."""
        return cast("list[people.Project]", self._get("/projects"))

    def create_project(self, name: str, *, title: str = "") -> people.Project:
        """Make a project. Raises Invalid, Conflict, Forbidden."""
        return cast("people.Project", self._post("/projects", {"name": name, "title": title}))

    def change_project(self, name: str, *, title: str) -> people.Project:
        """Give a project another title, "" for none. Raises NotFound, Invalid, Forbidden."""
        return cast("people.Project", self._patch(f"/projects/{quote(name, safe='')}", {"title": title}))

    def remove_project(self, name: str) -> None:
        """Remove a project in which no machine lies. Raises NotFound, Conflict, Forbidden."""
        self._delete(f"/projects/{quote(name, safe='')}")

    def every_activity(self, **query: Unpack[people.ActivityQuery]) -> Iterator[people.Activity]:
        """All lines of the record that are found, newest first; what is added meanwhile is left out."""
        last: int | None = None
        for page in itertools.count(1):
            items = self.list_activity(page=page, per_page=500, **query)["items"]
            fresh = [line for line in items if last is None or line["id"] < last]
            yield from fresh
            if len(items) < 500:
                return
            last = items[-1]["id"]

    def list_activity(
        self, *, page: int = 1, per_page: int = 50, **query: Unpack[people.ActivityQuery]
    ) -> people.ActivityPage:
        """One page of the record, newest first. Raises Invalid."""
        asked = {
            "page": page,
            "per_page": per_page,
            **{name: value for name, value in query.items() if value},
        }
        return cast("people.ActivityPage", self._get("/activity", asked))


def _way_to_name(vm: schemas.Vm, found: list[schemas.Vm]) -> str:
    alike = [other for other in found if other["project"] == vm["project"]]
    return f"{vm['project']}/{vm['name']}" if vm["project"] and len(alike) == 1 else f"{vm['id']} (its id)"


def _refuse_stopped(vm: schemas.Vm) -> None:
    is_off = vm["state"] in ("off", "hibernated") and vm["wished"] != "on"
    if vm["job"] is None and (is_off or vm["state"] == "crashed"):
        raise WrongState(f"{vm['name']} will not become ready: it is {vm['label'].lower()}.", field="state")


def _failed(job: schemas.Job) -> JobFailed:
    how = {"cancelled": "was cancelled", "stuck": "is stuck and needs a person"}.get(job["state"], "failed")
    why = f": {job['error']}" if job["error"] else "."
    return JobFailed(f"{job['title']} {how}{why}", raw=job["raw"], job=job["id"])
