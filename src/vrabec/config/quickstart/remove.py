"""Take away what Vrabec made on this machine, and nothing else. People's machines only if they said so."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path

from vrabec.config.files import read_config
from vrabec.config.quickstart import account, libvirtd, service
from vrabec.config.quickstart.first import INSIDE, MACHINE, POOL, PROJECT, URI
from vrabec.config.quickstart.made import Made
from vrabec.config.quickstart.say import Failed, log, say
from vrabec.config.quickstart.shell import attempt, virsh
from vrabec.hypervisor import domains, lifecycle, storage
from vrabec.hypervisor.connection import HostConnection, open_host
from vrabec.hypervisor.spec import DomainFacts, DomainState
from vrabec.lib.errors import Invalid, NotFound

OURS = re.compile(r"template-.+-[0-9a-f]{12}\.qcow2|.+-[0-9a-f]{8}(\.qcow2|-seed\.iso)")
"""Names of volumes as workflows give them."""
RUNNING = (DomainState.RUNNING, DomainState.PAUSED)


def remove(*, with_machines: bool) -> None:
    """Remove all but the Python environment, which the caller removes. Raises Failed, VrabecError."""
    made = Made.read()
    libvirtd.ensure_libvirt(made)
    with open_host(URI) as host:
        machines = [found for found in domains.all_facts(host) if found.vrabec_id is not None]
        _refuse_for(machines, with_machines=with_machines)
        service.stop()
        for domain in machines:
            _remove_domain(host, domain)
        kept = _remove_pool(host, made)
        others = any(found.state in RUNNING for found in domains.all_facts(host))
    _remove_rest(made, others=others, kept=kept)


def _refuse_for(machines: list[DomainFacts], *, with_machines: bool) -> None:
    theirs = [domain.name for domain in machines if domain.name != f"{PROJECT}.{MACHINE}"]
    elsewhere = _elsewhere()
    if theirs:
        say("These machines were made with Vrabec:\n  " + "\n  ".join(sorted(theirs)))
    if elsewhere:
        say("These run on other hosts, and go on there when Vrabec is gone:\n  " + "\n  ".join(elsewhere))
    if (theirs or elsewhere) and not with_machines:
        raise Failed(
            "Nothing was removed: delete these machines first, "
            "or add --with-machines to delete those of this host with all that is on their disks."
        )


def _elsewhere() -> list[str]:
    """Machines that Vrabec made on other hosts, as far as the database can say."""
    succeeded, output = attempt("runuser", "-u", account.USER, "--", *INSIDE, "elsewhere")
    return output.splitlines() if succeeded else []


def _remove_domain(host: HostConnection, domain: DomainFacts) -> None:
    lifecycle.destroy(host, domain.uuid)
    lifecycle.undefine(host, domain.uuid)
    for log_file in Path("/var/log/libvirt/qemu").glob(f"{domain.name}.log*"):
        log_file.unlink()
    say(f"Machine {domain.name} is removed.")


def _remove_pool(host: HostConnection, made: Made) -> list[str]:
    """Remove our volumes, then the pool if we made it; gives the volumes in it that are not ours."""
    try:
        names = storage.volume_names(host, POOL)
        path = storage.pool_info(host, POOL).path
    except NotFound:
        return []
    used = {disk.path for found in domains.all_facts(host) for disk in found.disks}
    for name in names:
        if OURS.fullmatch(name) and f"{path}/{name}" not in used:
            storage.delete_volume(host, POOL, name)
    kept = sorted(set(storage.volume_names(host, POOL)))
    if made.pool and not kept:
        virsh("pool-destroy", POOL)
        virsh("pool-undefine", POOL)
        with suppress(OSError):
            Path(path).rmdir()
    return [f"{path}/{name}" for name in kept]


def _remove_rest(made: Made, *, others: bool, kept: list[str]) -> None:
    service.remove()
    if others:
        say("Other machines run here, so libvirt and its network `default` go on.")
    else:
        libvirtd.remove_network(made)
        libvirtd.stop_daemons(made)
    _remove_files()
    if made.user:
        attempt("userdel", account.USER)
    if kept:
        say("Volumes that Vrabec did not make stay, with their pool:\n  " + "\n  ".join(kept))


def _remove_files() -> None:
    directories = {account.DATA_DIR, account.RUN_DIR, libvirtd.CONFIG_DIR}
    with suppress(Invalid):
        config = read_config(account.SETTINGS)
        directories |= {Path(config.data_dir), Path(config.run_dir)}
    for directory in directories:
        log(f"removing {directory}")
        shutil.rmtree(directory, ignore_errors=True)
