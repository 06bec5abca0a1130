"""The SDK: one method for every operation of the REST interface, named as it is there."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self, TypeVar, Unpack, cast

from vrabec_client import fleet, schemas
from vrabec_client.errors import Ambiguous, JobFailed, NotFound, TimedOut, Unavailable, WrongState
from vrabec_client.transport import Transport, fingerprint_of, parse_address

FIRST_LOOK_SECONDS = 0.2
LAST_LOOK_SECONDS = 1.0
OUTAGE_SECONDS = 60.0
"""A wait bears a controller that restarts for this long."""
ENDED = ("done", "failed", "cancelled", "stuck")
"""States in which a job has ended."""
T = TypeVar("T")


class Client:
    """A controller, spoken to with a token. Not for several threads at once.

    Certificates that the system's CAs vouch for are taken. For others give `fingerprint` (SHA-256) or
    `certificate_pem`: then that certificate is taken and no other, whatever names are in it.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        certificate_pem: str = "",
        fingerprint: str = "",
        timeout: float = 30.0,
    ) -> None:
        if certificate_pem:
            fingerprint = fingerprint_of(ssl.PEM_cert_to_DER_cert(certificate_pem))
        self._http = Transport(parse_address(url), token=token, fingerprint=fingerprint, timeout=timeout)

    @property
    def url(self) -> str:
        """Where the controller is."""
        return self._http.address.url

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    # account

    def about(self) -> schemas.About:
        """Name and version of what answers; needs no token."""
        return cast("schemas.About", self._get("/"))

    def me(self) -> schemas.Me:
        """Who the token stands for."""
        return cast("schemas.Me", self._get("/me"))

    def login(self, username: str, password: str, *, client: str = "vrabec command") -> schemas.NewToken:
        """A token of 90 days for a name and password. Raises Unauthenticated, TooMany, Forbidden."""
        given = {"username": username, "password": password, "client": client}
        return cast("schemas.NewToken", self._post("/login", given))

    def list_tokens(self) -> list[schemas.Token]:
        """Your live tokens."""
        return cast("list[schemas.Token]", self._get("/tokens"))

    def create_token(self, name: str, *, days: int = 90) -> schemas.NewToken:
        """Make a token of your own; its secret is said this once. Raises Invalid."""
        return cast("schemas.NewToken", self._post("/tokens", {"name": name, "days": days}))

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

    def place_vm(self, **wish: Unpack[schemas.PlaceWish]) -> schemas.Placement:
        """Where a machine would go now, and why; nothing is made. Raises Invalid, Forbidden."""
        return cast("schemas.Placement", self._post("/vms/placement", wish))

    def pin_vm(self, vm_id: int, hosts: Iterable[str]) -> schemas.Vm:
        """Bind a machine to hosts, of which its own is one; none: to any.

        Raises NotFound, Invalid, Conflict, Forbidden.
        """
        return cast(
            "schemas.Vm", self._http.request("PUT", f"/vms/{vm_id:d}/hosts", body={"hosts": list(hosts)})
        )

    def describe_vm(self, vm_id: int, **words: Unpack[schemas.VmWords]) -> schemas.Vm:
        """Write a machine's description, tags and farm. Raises Invalid, Forbidden."""
        return cast("schemas.Vm", self._patch(f"/vms/{vm_id:d}", words))

    def adopt_vm(self, vm_id: int, project: str) -> schemas.Vm:
        """Give a machine that was found on its host to a project; "" takes it back.

        Raises NotFound, WrongState where Vrabec made it, Forbidden.
        """
        return cast(
            "schemas.Vm", self._http.request("PUT", f"/vms/{vm_id:d}/project", body={"project": project})
        )

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

    @property
    def transport(self) -> Transport:
        """What carries the requests."""
        return self._http

    def find_vm(self, name: str) -> schemas.Vm:
        """The machine called `name`: "42" (its id), "web-1" or "main/web-1". Raises NotFound, Ambiguous."""
        if _is_id(name):
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

    # templates, hosts, networks, projects, the record

    def list_templates(self) -> list[schemas.Template]:
        """All templates."""
        return cast("list[schemas.Template]", self._get("/templates"))

    def build_template(self, builder: str, *, suite: str = "") -> schemas.Job:
        """Build a template on the controller, or build it anew. Raises Invalid, Conflict, Forbidden."""
        return cast("schemas.Job", self._post("/templates", {"builder": builder, "suite": suite}))

    def list_hosts(self, *, state: str = "") -> list[schemas.Host]:
        """All hosts, or those in one state. Raises Invalid, Forbidden."""
        return cast("list[schemas.Host]", self._get("/hosts", {"state": state} if state else None))

    def get_host(self, host_id: int) -> schemas.Host:
        """One host. Raises NotFound, Forbidden."""
        return cast("schemas.Host", self._get(f"/hosts/{host_id:d}"))

    def get_ssh_key(self) -> schemas.SshKey:
        """Vrabec's own SSH key, for ~/.ssh/authorized_keys on a host. Raises NotFound, Forbidden."""
        return cast("schemas.SshKey", self._get("/hosts/key"))

    def look_at_host(self, uri: str) -> schemas.Job:
        """Look at a host before adding it; `get_look` tells what was seen. Raises Invalid, Forbidden."""
        return cast("schemas.Job", self._post("/hosts/looks", {"uri": uri}))

    def get_look(self, job_id: int) -> schemas.Look:
        """What the look of this job has seen so far. Raises NotFound, Forbidden."""
        return cast("schemas.Look", self._get(f"/hosts/looks/{job_id:d}"))

    def add_host(self, name: str, uri: str, *, fingerprint: str = "", cluster: str = "") -> schemas.Job:
        """Add a host by its libvirt URI; the job looks at it. By ssh give the fingerprint of a look back.

        Without a `cluster` it goes into the oldest one. Raises Invalid, Conflict, Forbidden.
        """
        body = {"name": name, "uri": uri, "fingerprint": fingerprint, "cluster": cluster}
        return cast("schemas.Job", self._post("/hosts", body))

    def change_host(self, host_id: int, *, cluster: str) -> schemas.Host:
        """Put a host into another cluster. Raises NotFound, Invalid, Forbidden."""
        return cast("schemas.Host", self._patch(f"/hosts/{host_id:d}", {"cluster": cluster}))

    def list_clusters(self) -> list[schemas.Cluster]:
        """All clusters. Raises Forbidden."""
        return cast("list[schemas.Cluster]", self._get("/clusters"))

    def create_cluster(self, name: str, **wish: Unpack[schemas.ClusterLimits]) -> schemas.Cluster:
        """Make a cluster. Raises Invalid, Conflict, Forbidden."""
        return cast("schemas.Cluster", self._post("/clusters", {"name": name, **wish}))

    def change_cluster(self, cluster_id: int, **wish: Unpack[schemas.ClusterWish]) -> schemas.Cluster:
        """Change a cluster's name and limits. Raises NotFound, Invalid, Conflict, Forbidden."""
        return cast("schemas.Cluster", self._patch(f"/clusters/{cluster_id:d}", wish))

    def remove_cluster(self, cluster_id: int) -> None:
        """Remove a cluster that has no hosts. Raises NotFound, Conflict, Forbidden."""
        self._delete(f"/clusters/{cluster_id:d}")

    def get_capacity(self, *, cluster: int | None = None) -> list[fleet.ClusterCapacity]:
        """How full every cluster is that has hosts, or the one of this id. Raises NotFound, Forbidden."""
        found = self._get("/capacity", {} if cluster is None else {"cluster": cluster})
        return cast("list[fleet.ClusterCapacity]", found)

    def get_balance(self, cluster_id: int, *, most: int = 20) -> fleet.Balance:
        """At most so many moves that make a cluster more even. Raises NotFound, Invalid, Forbidden."""
        return cast("fleet.Balance", self._get(f"/clusters/{cluster_id:d}/balance", {"most": most}))

    def make_moves(self, cluster_id: int, moves: list[fleet.WantedMove]) -> fleet.Moved:
        """Queue moves in this order. Raises NotFound, Invalid, Forbidden."""
        return cast("fleet.Moved", self._post(f"/clusters/{cluster_id:d}/balance", {"moves": moves}))

    def find_cluster(self, name: str) -> schemas.Cluster:
        """The cluster of this name or id. Raises NotFound, Forbidden."""
        for cluster in self.list_clusters():
            if name in (cluster["name"], str(cluster["id"])):
                return cluster
        raise NotFound(f"There is no cluster named {name}.", field="name")

    def confirm_host(self, host_id: int, fingerprint: str) -> schemas.Host:
        """Trust the key that a look has shown, in place of the one before.

        Raises NotFound, Invalid, Conflict, Forbidden.
        """
        body = {"fingerprint": fingerprint}
        return cast("schemas.Host", self._post(f"/hosts/{host_id:d}/confirm", body))

    def plan_maintenance(self, host_id: int) -> schemas.MaintenancePlan:
        """What emptying a host would come to; nothing is changed. Raises NotFound, Forbidden."""
        return cast("schemas.MaintenancePlan", self._get(f"/hosts/{host_id:d}/maintenance"))

    def maintain_host(self, host_id: int, *, rest: str = "leave") -> schemas.Job:
        """Put a host into maintenance; `rest` "shutdown" shuts down what cannot move.

        Raises NotFound, Invalid, Conflict, Forbidden.
        """
        return cast("schemas.Job", self._post(f"/hosts/{host_id:d}/maintenance", {"rest": rest}))

    def resume_host(self, host_id: int, *, bring_back: bool = True) -> schemas.Job:
        """End a host's maintenance. Raises NotFound, WrongState, Conflict, Forbidden."""
        return cast("schemas.Job", self._post(f"/hosts/{host_id:d}/resume", {"bring_back": bring_back}))

    def remove_host(self, host_id: int) -> None:
        """Forget a host; everything on it goes on running. Raises NotFound, Conflict, Forbidden."""
        self._delete(f"/hosts/{host_id:d}")

    def find_host(self, name: str) -> schemas.Host:
        """The host of this name or id. Raises NotFound, Forbidden."""
        if _is_id(name):
            return self.get_host(int(name))
        for host in self.list_hosts():
            if host["name"] == name:
                return host
        raise NotFound(f"There is no host named {name}.", field="name")

    def list_networks(self) -> list[str]:
        """Networks that machines can be put on."""
        return cast("list[str]", self._get("/networks"))

    def list_projects(self) -> list[schemas.Project]:
        """Projects you may see."""
        return cast("list[schemas.Project]", self._get("/projects"))

    def create_project(self, name: str, *, title: str = "") -> schemas.Project:
        """Make a project. Raises Invalid, Conflict, Forbidden."""
        return cast("schemas.Project", self._post("/projects", {"name": name, "title": title}))

    def list_activity(self, *, page: int = 1, per_page: int = 50) -> schemas.ActivityPage:
        """One page of the record, newest first."""
        return cast("schemas.ActivityPage", self._get("/activity", {"page": page, "per_page": per_page}))

    def _get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        return self._http.request("GET", path, query=query)

    def _post(self, path: str, body: Any = None) -> Any:
        return self._http.request("POST", path, body=body)

    def _patch(self, path: str, body: Any) -> Any:
        return self._http.request("PATCH", path, body=body)

    def _delete(self, path: str) -> Any:
        return self._http.request("DELETE", path)

    def _looks(self, ask: Callable[[], T], timeout: float | None) -> Iterator[T]:
        """What `ask` gives now and again, at growing distances, until `timeout` seconds have passed."""
        end = float("inf") if timeout is None else time.monotonic() + timeout
        distance = FIRST_LOOK_SECONDS
        while True:
            yield self._patiently(ask, end)
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(distance, left))
            distance = min(distance * 1.3, LAST_LOOK_SECONDS)

    def _patiently(self, ask: Callable[[], T], end: float) -> T:
        """What `ask` gives, through an outage as short as a controller's restart. Raises Unavailable."""
        end = min(end, time.monotonic() + OUTAGE_SECONDS)
        while True:
            try:
                return ask()
            except Unavailable:
                if time.monotonic() >= end:
                    raise
                time.sleep(LAST_LOOK_SECONDS)


def _is_id(name: str) -> bool:
    # Names that people give begin with a letter.
    return name.isascii() and name.isdigit() and len(name) <= 18


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
