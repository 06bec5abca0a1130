"""A small world to draw and to test pages with: the people, hosts and machines of the pictures."""

from __future__ import annotations

from datetime import timedelta
from math import cos, pi
from random import Random
from typing import Any

from vrabec.lib import rings
from vrabec.lib.actor import SYSTEM, Actor
from vrabec.lib.clock import now
from vrabec.lib.fit import Needs
from vrabec.models.clusters import Cluster, Cover
from vrabec.models.grants import Grant, Withheld
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job, JobState
from vrabec.models.projects import Project
from vrabec.models.quotas import Quota
from vrabec.models.roles import ADMINISTRATOR, MEMBER, OWNER, VIEWER, Role
from vrabec.models.templates import Template, TemplateState
from vrabec.models.users import Group, Membership, User
from vrabec.models.vms import Seen, Vm, VmLoad, Wished
from vrabec.services.history import directory
from vrabec.services.people import actor_of
from vrabec.services.pools import keep_pools, keep_volumes
from vrabec.services.record import record
from vrabec.services.views import ViewWish, save_view
from vrabec.services.vm_xml import Told, write_xml

PASSWORD = "sparrow on the wire"
_VMS = """
ldap-3 kvm2 identity 10 195.113.20.13 4096 - 30 16
win10-vdi-07 lab7 language-lab 20 10.20.7.107 8192 - 80 51
smtp-2 kvm1 mail 50 195.113.20.26 8192 5222 40 15
ourea17 lab3 parallel-2026 60 10.20.4.17 2048 200 20 4
bachelor-thesis-raft-consensus-node-03 lab2 theses 40 10.20.4.203 4096 2867 40 37
biblio-frontal kvm1 library 50 195.113.20.61 4096 1843 40 19
eclass-patras kvm4 eclass 50 195.113.20.77 8192 4710 80 49
horario-web kvm3 calculo 50 195.113.20.80 2048 614 20 6
ldap-1 kvm1 identity 50 195.113.20.11 4096 2150 30 15
ldap-2 kvm3 identity 50 195.113.20.12 4096 2252 30 15
ldap-4 kvm4 identity 50 195.113.20.14 4096 2048 30 14
moodle kvm2 studium 50 195.113.20.41 8192 6553 120 71
moodle-db kvm2 studium 50 195.113.20.42 16384 15700 200 132
knihovna-katalog kvm1 library 50 195.113.20.63 4096 1500 40 22
studis-test kvm1 studium 60 - 2048 - 20 5
"""
_XML = """<domain type='kvm' id='7'>
  <name>studium.moodle</name>
  <uuid>6f1c1a52-5f3f-4b1c-9d8e-0b8f3a0d9c11</uuid>
  <memory unit='KiB'>8388608</memory>
  <vcpu placement='static'>2</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='hd'/></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' discard='unmap'/>
      <source file='/var/lib/libvirt/images/vrabec/studium.moodle-6f1c1a52.qcow2' index='1'/>
      <target dev='vda' bus='virtio'/>
    </disk>
  </devices>
</domain>
"""
_FOLDER = "/var/lib/vrabec/images"
_PROJECTS = {
    "main": "",
    "identity": "Identity",
    "language-lab": "Jazyková učebna",
    "mail": "Mail",
    "parallel-2026": "Parallel programming 2026",
    "theses": "Bachelor theses",
    "library": "Bibliothèque",
    "eclass": "Ψηφιακή τάξη",
    "calculo": "Cálculo numérico",
    "studium": "IS Studium",
}
_HOSTS = ("kvm1", "kvm2", "kvm3", "kvm4", "lab2", "lab3", "lab7")


def build(*, extra: int = 60, minutes: int = 7 * 24 * 60) -> dict[str, User]:
    """Make the world; the people by name: jana (administrator), zdenek (owner), eleni (viewer), inigo.

    There are `extra` machines of no interest, and curves of the last `minutes`.
    """
    found = people()
    projects = {name: Project.objects.create(name=name, title=title) for name, title in _PROJECTS.items()}
    Grant.objects.create(user=found["zdenek"], project=projects["studium"], role=OWNER)
    Grant.objects.create(user=found["zdenek"], project=projects["identity"], role=VIEWER)
    Grant.objects.create(user=found["eleni"], project=projects["studium"], role=VIEWER)
    template = _template()
    hosts = {name: _host(name) for name in _HOSTS}
    for line in _VMS.strip().splitlines():
        _vm(line.split(), hosts, projects, template, found["jana"])
    for number in range(extra):
        host = hosts[_HOSTS[number % 4]]
        words = (
            f"vm-{number:03d} {host.name} main {50 if number % 3 else 60} 10.1.0.{number + 1} 2048 512 20 3"
        )
        _vm(words.split(), hosts, projects, template, found["jana"])
    _access(found, projects["studium"])
    _storage(hosts)
    _jobs(found["jana"])
    _history(Vm.objects.get(name="moodle"), minutes)
    for load in VmLoad.objects.exclude(vm__name="moodle").select_related("vm"):
        _hour(load, min(60, minutes))
    write_xml(Vm.objects.get(name="moodle").pk, Told(_XML, Needs(), "1"))
    save_view(
        _actor(found["jana"]),
        ViewWish(name="Labs at night", search="host:lab2,lab3 state:running", sort="cpu"),
    )
    save_view(_actor(found["jana"]), ViewWish(name="Full disks", search="disk<20G", columns=("host", "disk")))
    return found


def _access(found: dict[str, User], studium: Project) -> None:
    """Groups, a role of the site's own, and what is given and withheld on moodle."""
    moodle = Vm.objects.get(name="moodle")
    Vm.objects.filter(pk=moodle.pk).update(owner=found["zdenek"])
    lecturers = Group.objects.create(name="lecturers", title="Lecturers of mathematics")
    helpers = Group.objects.create(name="studis-devs-and-contractors")
    for name in ("zdenek", "inigo"):
        Membership.objects.create(group=lecturers, user=found[name])
    Membership.objects.create(group=helpers, user=found["inigo"])
    verbs = " vm.console vm.pause vm.reboot vm.resume vm.start vm.view "
    Role.objects.create(name="night-shift", title="Night shift", verb_line=verbs)
    Grant.objects.create(group=lecturers, project=studium, role=MEMBER)
    Grant.objects.create(group=helpers, vm=moodle, role="night-shift")
    Grant.objects.create(user=found["eleni"], vm=moodle, role=MEMBER)
    Grant.objects.create(group=helpers, cluster=moodle.host.cluster, role=VIEWER)
    Withheld.objects.create(group=lecturers, vm=moodle, verb="vm.power_off")
    Withheld.objects.create(user=found["inigo"], vm=moodle, verb="vm.clone")
    Quota.objects.create(kind="project", project=studium, vms=10, cpus=40, memory_mib=65536, disk_mib=1048576)
    Quota.objects.create(kind="user", vms=5, memory_mib=32768)


def _storage(hosts: dict[str, Host]) -> None:
    """Our pool on each host, one on a server that some share, and what lies in those of kvm2."""
    nfs = {"kind": "netfs", "source": "nfs1.univ.example:/export/images", "path": "/srv/images"}
    sizes = {"capacity_mib": 2 * 1024 * 1024, "available_mib": 900 * 1024, "is_active": True}
    ours = {"kind": "dir", "path": _FOLDER, "is_active": True}
    for name, host in hosts.items():
        room = {"capacity_mib": host.pool_total_mib, "available_mib": host.pool_free_mib}
        shared = nfs | (sizes if name != "kvm3" else {"is_active": False})
        found = [{"name": "vrabec"} | ours | room]
        found += [{"name": "images"} | shared] if name.startswith("kvm") else []
        ids = keep_pools(host.pk, found)
        keep_volumes(ids["vrabec"], *_volumes(host))


def _volumes(host: Host) -> tuple[list[tuple[Any, ...]], dict[str, int]]:
    base = f"{_FOLDER}/template-tiny-1a2b3c.qcow2"
    vms = {f"{_FOLDER}/{vm.domain_name}.qcow2": vm for vm in host.vms.select_related("load")}
    rows = [(base.rpartition("/")[2], base, "qcow2", 64, 15, "")]
    for path, vm in vms.items():
        used = vm.load.disk_used_mib if hasattr(vm, "load") else 3
        rows.append((path.rpartition("/")[2], path, "qcow2", vm.disk_mib, used, base))
    return rows, {path: vm.pk for path, vm in vms.items()}


def people() -> dict[str, User]:
    """The people and nothing they could see."""
    names = {"jana": "Jana Nováková", "zdenek": "Zdeněk Šťastný", "eleni": "Ελένη Παπαδοπούλου", "inigo": ""}
    found = {name: User.objects.create_user(name, PASSWORD, full_name=full) for name, full in names.items()}
    Grant.objects.create(user=found["jana"], role=ADMINISTRATOR)
    return found


def _template() -> Template:
    Template.objects.create(
        name="debian-13",
        title="Debian 13",
        description="trixie",
        builder="debian",
        state=TemplateState.BUILDING,
    )
    return Template.objects.create(
        name="tiny",
        title="Tiny",
        description="Debian's kernel, busybox and the guest agent: up in seconds, for trying out",
        builder="tiny",
        state=TemplateState.READY,
        size_bytes=15_000_000,
        disk_mib=64,
        memory_mib=96,
        built_at=now() - timedelta(days=3),
    )


def _cluster(host: str) -> Cluster:
    """The labs are crammed."""
    name = "default" if host.startswith("kvm") else "labs"
    baseline = {"model": "Cascadelake-Server", "features": ["aes", "avx2", "sse4.2"]}
    limits = {"baseline": baseline} if name == "default" else {"memory_ratio": 1.5, "cover": Cover.OFF}
    return Cluster.objects.get_or_create(name=name, defaults=limits)[0]


def _host(name: str) -> Host:
    lost = name == "lab7"
    return Host.objects.create(
        name=name,
        cluster=_cluster(name),
        uri=f"qemu+ssh://{name}/system",
        state=HostState.UNREACHABLE if lost else HostState.ONLINE,
        reason="The connection to it ended: no route to host." if lost else "",
        maintenance_since=now() if name == "lab2" else None,
        cpus=64 if name.startswith("kvm") else 8,
        memory_mib=(256 if name.startswith("kvm") else 32) * 1024,
        libvirt_version="9.0.0",
        domain_type="qemu" if name == "lab3" else "kvm",
        networks=["default", "student-vlan"],
        offers={"cpu": "<cpu/>", "features": ["aes", "avx2", *(["avx512f"] if name > "kvm2" else [])]},
        pool_free_mib=700 * 1024,
        pool_total_mib=1024 * 1024,
    )


def _vm(
    words: list[str], hosts: dict[str, Host], projects: dict[str, Project], template: Template, maker: User
) -> Vm:
    name, host, project, seen, address, memory, used, disk, disk_used = words
    vm = Vm.objects.create(
        name=name,
        domain_name=f"{project}.{name}",
        host=hosts[host],
        project=projects[project],
        template=template,
        cpus=2,
        memory_mib=int(memory),
        disk_mib=int(disk) * 1024,
        network="default",
        mac=f"52:54:00:00:{Vm.objects.count() // 256:02x}:{Vm.objects.count() % 256:02x}",
        address="" if address == "-" else address,
        seen=int(seen),
        wished=Wished.OFF if int(seen) == Seen.OFF else Wished.ON,
        has_agent=True,
        is_ready=int(seen) == Seen.RUNNING,
        created_by=maker,
    )
    record(_actor(maker), "vm.create", of=vm, template="tiny")
    if used != "-":
        cpu = float(sum(map(ord, name)) % 49)
        VmLoad.objects.create(
            vm=vm,
            cpu_percent=cpu,
            memory_used_mib=int(used),
            disk_used_mib=int(disk_used) * 1024,
            disk_read_bytes_s=11e6,
            disk_written_bytes_s=7e6,
            net_received_bytes_s=3.5e6,
            net_sent_bytes_s=7e6,
            seen_at=now(),
        )
    return vm


def _history(vm: Vm, minutes: int) -> None:
    """A busy web server, looked at every minute; an hour in it nobody watched."""
    chance, until, noise = Random(7), now().timestamp(), 0.0  # noqa: S311 - the same picture each time
    for minute in range(minutes, 0, -1):
        if 600 < minute < 660:
            continue
        at = until - 60 * (minute - 1)
        noise = 0.9 * noise + chance.gauss(0, 0.08)
        busy = max(0.02, 0.5 - 0.45 * cos(2 * pi * (at % 86400) / 86400) + noise)
        rates = (9e6 * busy, 6e6 * busy * chance.random(), 4e6 * busy, 12e6 * busy)
        load = (60 * busy, 5600 + 900 * busy, *rates)
        rings.write(directory() / f"{vm.pk}.ring", vm.uuid, (at - 60, at), load)


def _hour(load: VmLoad, minutes: int) -> None:
    """At most an hour of a machine whose load is about what it is now."""
    chance, until, busy = Random(load.vm_id), now().timestamp(), load.cpu_percent  # noqa: S311
    for minute in range(minutes, 0, -1):
        at = until - 60 * (minute - 1)
        cpu = min(100.0, max(0.0, busy + chance.gauss(0, 2)))
        rings.write(directory() / f"{load.vm_id}.ring", load.vm.uuid, (at - 60, at), [cpu, 0, 0, 0, 0, 0])


def _jobs(maker: User) -> None:
    titles = ("Reserve the place", "Copy the template", "Create the disk", "Define the machine", "Start it")
    starting = Vm.objects.get(name="ourea17")
    done = now().isoformat()
    steps = [
        {"title": title, "begun": done if i < 3 else None, "ended": done if i < 2 else None}
        for i, title in enumerate(titles)
    ]
    common = {"created_by": maker, "created_by_name": maker.shown_name}
    Job.objects.create(
        kind="vm.start",
        state=JobState.RUNNING,
        vm=starting,
        host=starting.host,
        project=starting.project,
        subject_name="ourea17",
        plan=["a", "b", "c", "d", "e"],
        steps=steps,
        begun=3,
        ended=2,
        percent=64,
        **common,
    )
    crashed = Vm.objects.get(name="ldap-3")
    Job.objects.create(
        kind="vm.start",
        state=JobState.FAILED,
        vm=crashed,
        host=crashed.host,
        project=crashed.project,
        subject_name="ldap-3",
        error_code="host_error",
        error_template="%(host)s could not open this machine's disk: the pool %(pool)s does not answer.",
        error_params={"host": "kvm2", "pool": "nfs-home"},
        error_raw="cannot access storage file '/srv/nfs-home/ldap-3.qcow2': Stale file handle",
        finished_at=now(),
        **common,
    )
    for number in range(14):
        Job.objects.create(
            kind="vm.create", state=JobState.DONE, subject_name=f"vm-{number}", finished_at=now(), **common
        )
    record(SYSTEM, "vm.start", of=crashed)


def _actor(user: User) -> Actor:
    return actor_of(user)
