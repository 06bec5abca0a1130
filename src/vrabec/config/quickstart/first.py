"""What a new site gets through its own REST interface: this machine as a host, tiny, main and first."""

from __future__ import annotations

import socket
import sys
import time

from vrabec.config.files import Config
from vrabec.config.quickstart import service
from vrabec.config.quickstart.account import as_user
from vrabec.config.quickstart.inside import LOCAL, TOKEN
from vrabec.config.quickstart.made import Made
from vrabec.config.quickstart.say import Failed
from vrabec.config.quickstart.shell import virsh
from vrabec.config.tls import fingerprint
from vrabec.lib.names import nearest_label
from vrabec_client import Client, VrabecError
from vrabec_client.errors import Conflict, NotFound, Unavailable
from vrabec_client.fleet import Host
from vrabec_client.schemas import Job, Vm

URI = LOCAL
INSIDE = (sys.executable, "-m", "vrabec.config.quickstart.inside")
POOL = "vrabec"
PROJECT = "main"
MACHINE = "first"
UP_SECONDS = 240
JOB_SECONDS = 900
READY_SECONDS = 600


def connect(config: Config) -> Client:
    """A client with a token of its own. Raises Failed."""
    advice = "Vrabec does not give a token: look at the log, then run this again."
    token = as_user(*INSIDE, "token", advice=advice, is_secret=True).split()[-1]
    return Client(_url(config), token, fingerprint=fingerprint(config.certificate_path))


def _url(config: Config) -> str:
    here = "127.0.0.1" if config.listen in ("0.0.0.0", "::") else config.listen  # noqa: S104 - compared only
    return f"https://{here}:{config.port}"


def wait_until_up(config: Config) -> None:
    """Wait until Vrabec answers. Raises Failed when it ends or takes too long."""
    client = Client(_url(config), fingerprint=fingerprint(config.certificate_path))
    deadline = time.monotonic() + UP_SECONDS
    while True:
        try:
            client.about()
            return
        except VrabecError as error:
            late = time.monotonic() > deadline or not service.is_running()
            if late or not isinstance(error, Unavailable):
                why = f"{service.where_to_look()}, then run this again"
                raise Failed(f"Vrabec does not answer: {why}. ({error.message})") from error
        time.sleep(0.2)


def forget_token(client: Client) -> None:
    """End the client's own token."""
    for token in client.list_tokens():
        if token["name"] == TOKEN:
            client.revoke_token(token["id"])


def ensure_host(client: Client, made: Made) -> Host:
    """Have this machine as a host, and wait until it answers. Raises VrabecError, Failed."""
    if not _local(client):
        made.pool = not virsh("pool-info", POOL)[0] or made.pool
        made.write()
        _finish(client, client.add_host(_host_name(client), URI))
    deadline = time.monotonic() + UP_SECONDS
    while not (host := _local(client)) or host["state"] != "online":
        if time.monotonic() > deadline:
            why = host["reason"] if host else "it is not there"
            raise Failed(f"Vrabec does not reach this machine's libvirt: run `vrabecd doctor`. ({why})")
        time.sleep(0.2)
    return host


def _local(client: Client) -> Host | None:
    return next((host for host in client.list_hosts() if host["uri"] == URI), None)


def _host_name(client: Client) -> str:
    """The machine's own name, as far as a name of ours may look like it."""
    name = nearest_label(socket.gethostname().partition(".")[0]) or "this-machine"
    taken = {host["name"] for host in client.list_hosts()}
    return name if name not in taken else f"{name[:50]}-local"


def ensure_template(client: Client) -> None:
    """Build tiny where it is not ready. Raises VrabecError."""
    if "tiny" in [found["name"] for found in client.list_templates() if found["state"] == "ready"]:
        return
    try:
        job = client.build_template("tiny")
    except Conflict as error:  # a run that broke off left the job at work
        if error.job is None:
            raise
        job = client.get_job(error.job)
    _finish(client, job)


def _finish(client: Client, job: Job) -> None:
    client.wait_for_job(job["id"], timeout=JOB_SECONDS)


def ensure_machine(client: Client) -> Vm:
    """The machine main/first; a new one once its guest answers. Raises VrabecError."""
    if not any(project["name"] == PROJECT for project in client.list_projects()):
        client.create_project(PROJECT)
    try:
        vm = client.find_vm(f"{PROJECT}/{MACHINE}")
    except NotFound:
        made = client.create_vm(MACHINE, project=PROJECT, template="tiny")
        _finish(client, made["job"])
        vm = client.get_vm(made["vm"])
    if vm["job"]:
        client.wait_for_job(vm["job"], timeout=JOB_SECONDS)
        vm = client.get_vm(vm["id"])
    return _with_address(client, vm) if vm["wished"] == "on" else vm


def _with_address(client: Client, vm: Vm) -> Vm:
    """Ready, and its address if it comes soon: the guest asks for one while its agent answers already."""
    vm = client.wait_until_ready(vm["id"], timeout=READY_SECONDS)
    for _ in range(20):
        if vm["address"]:
            break
        time.sleep(0.5)
        vm = client.get_vm(vm["id"])
    return vm
