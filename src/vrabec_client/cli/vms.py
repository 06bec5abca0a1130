"""vrabec vm: machines. What can be done to one: vm_verbs.py."""

from __future__ import annotations

from typing import Any, BinaryIO

import click

from vrabec_client import schemas
from vrabec_client.cli.amounts import SIZES, amount, show_mib
from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.completion import vm_names
from vrabec_client.cli.output import Column, details, plain, table, when
from vrabec_client.cli.placement import show_placement
from vrabec_client.cli.progress import READY_SECONDS, after, follow_vm, timeout_option, wait_option
from vrabec_client.cli.words import one_line, page_options, pages

_MOST_KEY_BYTES = _MOST_TEXT_BYTES = 64 * 1024
STATES = ["crashed", "unknown", "changing", "paused", "running", "hibernated", "off"]
SORTS = ["state", "name", "host", "project", "memory", "cpu"]
_COLUMNS: tuple[Column, ...] = (
    ("ID", lambda vm: vm["id"]),
    ("NAME", lambda vm: vm["name"]),
    ("PROJECT", lambda vm: vm["project"]),
    ("STATE", lambda vm: vm["label"]),
    ("ADDRESS", lambda vm: vm["address"]),
    ("CPUS", lambda vm: vm["cpus"]),
    ("MEMORY", lambda vm: show_mib(vm["memory_mib"])),
    ("CPU", lambda vm: "" if vm["cpu_percent"] is None else f"{vm['cpu_percent']:.0f} %"),
    ("TAGS", lambda vm: " ".join(vm["tags"])),
    ("HOST", lambda vm: vm["host"]),
)
vm_argument = click.argument("name", metavar="NAME|ID", shell_complete=vm_names)


@click.group(cls=Group)
def vm() -> None:
    """Machines. NAME is web-1, or main/web-1 (project/name), or the machine's id."""


@vm.command("list")
@click.option("--search", default="", help="Words as on the page: web state:running memory>=4G -project:lab.")
@click.option("--state", type=click.Choice(STATES), help="Only machines in this state.")
@click.option("--tag", default="", help="Only machines with this tag.")
@click.option(
    "--sort", type=click.Choice(SORTS), help="The order; without it those that need somebody first."
)
@click.option("--view", metavar="NAME", help="As a view has it that you saved; --search narrows it.")
@page_options
@pass_app
def list_(app: App, /, state: str | None, sort: str | None, view: str | None, **query: Any) -> None:
    """List machines, those that need somebody first."""
    if view:
        kept = app.client.find_view(view)
        query["search"] = f"{kept['search']} {query['search']}".strip()
        sort = sort or kept["sort"]
        if not _is_given("per_page"):
            query["per_page"] = kept["per_page"] or query["per_page"]
    found = app.client.list_vms(state=state or "", sort=sort or "", **query)
    app.show(found, lambda: table(_COLUMNS, found["items"]))
    pages(app, "machines", found)


def _is_given(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is not None and source != click.core.ParameterSource.DEFAULT


@vm.command()
@vm_argument
@pass_app
def show(app: App, name: str) -> None:
    """Show one machine."""
    found = app.client.find_vm(name)
    app.show(found, lambda: details(_details(found)))


def _after(value: object) -> str:
    return f"; {value} after its next start" if value else ""


def _lease(vm: schemas.Vm) -> str:
    if not vm["lease_ends_at"]:
        return ""
    ended = f"; switched off {when(vm['lease_ended_at'])}" if vm["lease_ended_at"] else ""
    return f"until {vm['lease_ends_at'][:10]}{ended}"


def _details(vm: schemas.Vm) -> list[tuple[str, Any]]:
    state = f"{vm['label']} since {when(vm['since'])}" + (", ready" if vm["ready"] else "")
    used = "" if vm["memory_used_mib"] is None else f", {show_mib(vm['memory_used_mib'])} used"
    return [
        ("Name", vm["name"]),
        ("Id", vm["id"]),
        ("UUID", vm["uuid"]),
        ("Project", vm["project"]),
        ("Owner", vm["owner"] or vm["owner_group"]),
        ("State", state),
        ("Tags", " ".join(vm["tags"])),
        ("Farm", vm["farm"]),
        ("Description", vm["description"]),
        ("Job", vm["job"]),
        ("Address", vm["address"]),
        ("Network", vm["network"]),
        ("MAC", vm["mac"]),
        ("CPUs", f"{vm['cpus']}{_after(vm['next_cpus'])}"),
        ("Load", "" if vm["cpu_percent"] is None else f"{vm['cpu_percent']:.0f} %"),
        ("Memory", show_mib(vm["memory_mib"]) + used + _after(show_mib(vm["next_memory_mib"]))),
        ("Disk", show_mib(vm["disk_mib"])),
        ("Firmware", vm["firmware"].upper()),
        ("Template", vm["template"]),
        ("Host", vm["host"]),
        ("Bound to", ", ".join(vm["pinned_to"])),
        ("Lease", _lease(vm)),
        ("Managed", "" if vm["managed"] else "no: found on its host"),
        ("Same UUID", " ".join(f"machine {pk} on another host" for pk in vm["twins"])),
        ("Starts with host", "yes" if vm["starts_with_host"] else "no"),
        ("Made", when(vm["created_at"])),
    ]


@vm.command()
@click.argument("name")
@click.option("--template", default="tiny", show_default=True, help="What to clone.")
@click.option("--size", default="tiny", show_default=True, type=click.Choice(list(SIZES)), help="A size.")
@click.option("--cpus", type=click.IntRange(min=1), help="Virtual CPUs, instead of the size's.")
@click.option(
    "--memory",
    "memory_mib",
    callback=amount,
    metavar="AMOUNT",
    help="Memory, instead of the size's: 512MiB, 2G.",
)
@click.option(
    "--disk", "disk_mib", callback=amount, metavar="AMOUNT", help="Disk, instead of the size's: 4G."
)
@click.option("--project", default="main", show_default=True, help="The project it belongs to.")
@click.option("--network", default="", help="A network; the default one without it.")
@click.option("--address", default="", metavar="CIDR", help="A fixed address: 10.0.0.5/24; else DHCP.")
@click.option("--gateway", default="", help="The gateway that goes with --address.")
@click.option("--ssh-key", multiple=True, type=click.File("rb"), help="A file of public keys. Repeatable.")
@click.option("--password-stdin", is_flag=True, help="Read the guest's password from standard input.")
@click.option("--firmware", default="bios", show_default=True, type=click.Choice(["bios", "uefi"]),
              help="What starts the guest.")  # fmt: skip
@click.option("--run", multiple=True, metavar="COMMAND", help="Run in the guest at first boot. Repeatable.")
@click.option(
    "--user-data", type=click.File("rb"), help="For cloud-init: a file of cloud config, or a script."
)
@click.option("--clone", default="linked", show_default=True, type=click.Choice(["linked", "full"]),
              help="Share the template's blocks, or copy them all.")  # fmt: skip
@click.option("--farm", default="", help="No two machines of a farm are made on one host: ldap.")
@click.option("--cluster", default="", help="The cluster to make it in.")
@click.option("--host", multiple=True, metavar="NAME",
              help="A host to bind it to. Repeatable; for administrators.")  # fmt: skip
@click.option("--lease", "lease_days", type=int, metavar="DAYS",
              help="How long it may run; as long as is usual in its project without it.")  # fmt: skip
@click.option("--explain", is_flag=True, help="Only say where it would go, and why not elsewhere.")
@wait_option
@timeout_option
@pass_app
def create(app: App, /, name: str, wait: bool, timeout: float | None, explain: bool, **given: Any) -> None:
    """Clone a machine from a template and start it; --wait: until its guest is ready."""
    if explain:
        show_placement(app, _wish(given))
        return
    after(app, app.client.create_vm(name, **_wish(given)), wait=wait, timeout=timeout, ready=True)


def _wish(given: dict[str, Any]) -> schemas.VmWish:
    size = SIZES[given["size"]]
    return {
        "template": given["template"],
        "project": given["project"],
        "cpus": given["cpus"] or size.cpus,
        "memory_mib": size.memory_mib if given["memory_mib"] is None else given["memory_mib"],
        "disk_mib": size.disk_mib if given["disk_mib"] is None else given["disk_mib"],
        "network": given["network"],
        "address": given["address"],
        "gateway": given["gateway"],
        "ssh_keys": [key for file in given["ssh_key"] for key in keys_of(file)],
        "password": one_line("the password") if given["password_stdin"] else "",
        "run": list(given["run"]),
        "firmware": given["firmware"],
        "user_data": _text(given["user_data"]) if given["user_data"] else "",
        "clone": given["clone"],
        "farm": given["farm"],
        "cluster": given["cluster"],
        "hosts": list(given["host"]),
        "lease_days": given["lease_days"],
    }


def _text(file: BinaryIO) -> str:
    try:
        return file.read(_MOST_TEXT_BYTES).decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{plain(file.name)} is not UTF-8 text.") from error


def keys_of(file: BinaryIO) -> list[str]:
    """The public keys of a file. Raises UsageError for anything else, a private key above all."""
    content = file.read(_MOST_KEY_BYTES + 1)
    if b"PRIVATE KEY" in content:
        raise click.UsageError(f"{plain(file.name)} is a private key; nothing was sent. Give its .pub file.")
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        lines = []
    keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not keys or len(content) > _MOST_KEY_BYTES:
        raise click.UsageError(f"{plain(file.name)} is not a file of public keys.")
    return keys


@vm.command()
@vm_argument
@click.option("--ready", is_flag=True, help="Until its guest has answered.")
@click.option("--timeout", type=click.FloatRange(min=0), default=READY_SECONDS, show_default=True,
              metavar="SECONDS", help="Wait no longer than this.")  # fmt: skip
@pass_app
def wait(app: App, name: str, ready: bool, timeout: float) -> None:
    """Wait until a machine is ready."""
    if not ready:
        raise click.UsageError("Say what to wait for: --ready.")
    found = follow_vm(app, app.client.find_vm(name)["id"], agent=True, timeout=timeout)
    app.show(found, lambda: plain(f"{found['name']} is ready at {found['address'] or 'no address'}."))
