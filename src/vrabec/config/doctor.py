"""`vrabecd doctor`: looks at everything a controller needs, and says in one sentence each what to do."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import ssl
import stat
import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.apps import apps

import vrabec
from vrabec.config.database import require_not_later
from vrabec.config.directory_look import look_at_directory
from vrabec.config.files import SEAL_KEY, Config, config_path, database_settings, read_config
from vrabec.config.findings import Finding, Grade
from vrabec.config.mail import look_at_mail
from vrabec.config.processes import look_at_console, look_at_port
from vrabec.config.tls import fingerprint
from vrabec.lib import ssh
from vrabec.lib.clock import now
from vrabec.lib.errors import Invalid, VrabecError
from vrabec.lib.units import show_mib

if TYPE_CHECKING:
    from vrabec.models.hosts import Host

MIN_FREE_MIB = 1024
SOON = timedelta(days=30)
HOST_SECONDS = 5.0
LOCAL_URIS = ("qemu:///system", "qemu+unix:///system")
_FUTURE = timedelta(minutes=1)
Check = Callable[[Config], Iterator[Finding]]


def examine() -> Iterator[Finding]:
    """Look at everything, in an order in which the first failure explains the later ones."""
    path = config_path()
    try:
        config = read_config(path)
        yield from _settings(path, config)
    except VrabecError as error:
        yield Finding(Grade.FAIL, "settings", str(error))
        return
    for name, check in CHECKS.items():
        if name in _ON_DJANGO and not apps.ready:
            continue  # an earlier finding says why
        try:
            yield from check(config)
        except (VrabecError, OSError) as error:
            yield Finding(Grade.FAIL, name, f"{error}")


def _settings(path: Path, config: Config) -> Iterator[Finding]:
    if not 1 <= config.port <= 65535:
        raise Invalid("%(path)s: port must be from 1 to 65535.", path=str(path))
    if config.job_threads < 1:
        raise Invalid("%(path)s: job_threads must be at least 1.", path=str(path))
    if not config.names:
        raise Invalid('%(path)s: names is empty, so no browser is answered; "*" means any.', path=str(path))
    database_settings(config)
    yield Finding(Grade.OK, "settings", str(path) if path.exists() else f"the defaults; there is no {path}")


def _clock(config: Config) -> Iterator[Finding]:
    made = datetime.fromtimestamp(Path(vrabec.__file__).stat().st_mtime, UTC)
    if now() < made - timedelta(days=1):
        yield Finding(
            Grade.FAIL, "clock", f"It says {now():%Y-%m-%d %H:%M} UTC, before this was installed: set it."
        )
    else:
        yield Finding(Grade.OK, "clock", f"{now():%Y-%m-%d %H:%M} UTC")


def _data(config: Config) -> Iterator[Finding]:
    path = Path(config.data_dir)
    if not path.is_dir():
        yield Finding(Grade.FAIL, "data", f"There is no {path}: run vrabecd migrate.")
        return
    found = path.stat()
    owner, me = _user_name(found.st_uid), _user_name(os.geteuid())
    if found.st_uid != os.geteuid():
        yield Finding(Grade.FAIL, "data", f"{path} belongs to {owner}, this runs as {me}: use sudo.")
    elif not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(Grade.FAIL, "data", f"{path} cannot be written: chmod 700 {path}.")
    elif found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding(Grade.WARN, "data", f"Others may look into {path}: chmod 700 {path}.")
    else:
        yield Finding(Grade.OK, "data", f"{path}, of {owner} alone")
    for key in ("secret.key", SEAL_KEY):
        if not (path / key).exists():
            yield Finding(Grade.FAIL, "data", f"There is no {key} in {path}: run vrabecd migrate.")


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _room(config: Config) -> Iterator[Finding]:
    if not Path(config.data_dir).is_dir():
        return
    free_mib = shutil.disk_usage(config.data_dir).free // 2**20
    text = f"{show_mib(free_mib)} free for {config.data_dir}"
    if free_mib < MIN_FREE_MIB:
        yield Finding(Grade.FAIL, "room", f"{text}: make room, {show_mib(MIN_FREE_MIB)} at least.")
    else:
        yield Finding(Grade.OK, "room", text)


def _certificate(config: Config) -> Iterator[Finding]:
    certificate, key = config.certificate_path, config.certificate_key_path
    if not certificate.exists() or not key.exists():
        missing = key if certificate.exists() else certificate
        yield Finding(Grade.FAIL, "certificate", f"There is no {missing}: run vrabecd migrate.")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        text = f"{certificate} and {key} do not belong together ({error.reason}): replace both."
        yield Finding(Grade.FAIL, "certificate", text)
        return
    yield _life(config, certificate)


def _life(config: Config, certificate: Path) -> Finding:
    from cryptography import x509

    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    ends = read.not_valid_after_utc
    own = "remove it and its key, run vrabecd migrate and restart" if not config.certificate else "renew it"
    if read.not_valid_before_utc > now():
        return Finding(Grade.FAIL, "certificate", "It is not valid yet: set the clock.")
    if ends < now():
        return Finding(Grade.FAIL, "certificate", f"It ended on {ends:%Y-%m-%d}: {own}.")
    if ends < now() + SOON:
        return Finding(Grade.WARN, "certificate", f"It ends on {ends:%Y-%m-%d}: {own}.")
    return Finding(Grade.OK, "certificate", f"until {ends:%Y-%m-%d}, SHA-256 {fingerprint(certificate)}")


def _secrets(config: Config) -> Iterator[Finding]:
    """What only we may read: keys, settings with a password in them, backups."""
    data = Path(config.data_dir)
    keys = [
        data / "secret.key",
        data / SEAL_KEY,
        data / "ssh" / ssh.PRIVATE_KEY,
        data / "pki/clientkey.pem",
        config.certificate_key_path,
    ]
    files = [*keys, *(data / "backups").glob("*")]
    files += [Path(config.mail_password_file)] if config.mail_password_file else []
    if urlsplit(config.database).password:
        files.append(config_path())
    open_ones = [path for path in files if path.exists() and path.stat().st_mode & _OTHERS]
    for path in open_ones:
        group = "g-w,o=" if path == config_path() else "go="
        yield Finding(Grade.FAIL, "secrets", f"Others may read {path}: chmod {group} {path}.")
    if not open_ones:
        yield Finding(Grade.OK, "secrets", "keys and passwords are for us alone")


_OTHERS = stat.S_IRWXO | stat.S_IWGRP
"""A group may read a file: it is how the service's user reads settings that are root's."""


def _database(config: Config) -> Iterator[Finding]:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor
    from django.db.utils import Error

    file = str(connection.settings_dict["NAME"])
    kind = "PostgreSQL" if connection.vendor == "postgresql" else "SQLite"
    if kind == "SQLite" and not Path(file).exists():  # to connect would make an empty one
        yield Finding(Grade.FAIL, "database", f"There is no {file}: run vrabecd migrate.")
        return
    try:
        require_not_later()
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        why = str(error).strip().splitlines()[0]
        yield Finding(Grade.FAIL, "database", f"{kind} does not answer ({why}): see the setting database.")
        return
    if missing:
        yield Finding(Grade.FAIL, "database", f"{len(missing)} migrations are missing: run vrabecd migrate.")
        return
    yield Finding(Grade.OK, "database", kind)
    yield from _record()


def _record() -> Iterator[Finding]:
    """The record's newest line: from the future, it says that the clock went back."""
    from vrabec.models.audit import Audit

    last = Audit.objects.order_by("-id").values_list("at", flat=True).first()
    if last and last > now() + _FUTURE:
        text = f"The record's last line is of {last:%Y-%m-%d %H:%M} UTC, yet to come: set the clock."
        yield Finding(Grade.FAIL, "clock", text)


def _tools(config: Config) -> Iterator[Finding]:
    from vrabec.integrations.images import debian
    from vrabec.integrations.images.tiny import PACKAGES

    installed = _installed(PACKAGES)
    if missing := [package for package in PACKAGES if package not in installed]:
        text = f"tiny cannot be built: apt-get install {' '.join(missing)}."
        yield Finding(Grade.WARN, "tools", text)
    else:
        yield Finding(Grade.OK, "tools", "all that building tiny needs")
    if problem := debian.lacking():
        yield Finding(Grade.NOTE, "debian", problem)
    else:
        yield Finding(Grade.OK, "debian", "all that building debian needs")


def _installed(packages: Iterable[str]) -> set[str]:
    command = ["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\\n", *packages]
    try:
        said = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    except FileNotFoundError:
        return set()
    return {line.partition(" ")[0] for line in said.splitlines() if line.endswith(" installed")}


def _hosts(config: Config) -> Iterator[Finding]:
    from django.db.utils import Error

    from vrabec.models.hosts import Host

    try:
        hosts = list(Host.objects.present().order_by("name"))
    except Error:
        return  # said by the check of the database
    if not hosts:
        yield Finding(Grade.NOTE, "hosts", "There is none yet: vrabec host add NAME --uri qemu:///system.")
    with ThreadPoolExecutor(8) as pool:
        for findings in pool.map(lambda host: list(_host(host)), hosts):
            yield from findings


def _host(host: Host) -> Iterator[Finding]:
    from vrabec.hypervisor.connection import open_host
    from vrabec.services.ways import uri_of

    name, uri = host.name, host.uri
    is_local = uri.startswith(LOCAL_URIS)
    if is_local and not _may_use_libvirt():
        me = _user_name(os.geteuid())
        text = f"User {me} is not in group libvirt: usermod --append --groups libvirt {me}, then restart."
        yield Finding(Grade.FAIL, "group", text)
    try:
        with open_host(uri_of(host), timeout_s=HOST_SECONDS):
            yield Finding(Grade.OK, "host", f"{name} answers")
    except VrabecError as error:
        where = "its libvirt" if is_local else f"libvirt on {urlsplit(uri).hostname or uri}"
        yield Finding(Grade.FAIL, "host", f"{name}: {error} Look whether {where} runs. ({error.raw})")
        return
    yield from _speed(name, host.domain_type, is_local=is_local)


def _may_use_libvirt() -> bool:
    if os.geteuid() == 0:
        return True
    try:
        return grp.getgrnam("libvirt").gr_gid in {*os.getgroups(), os.getegid()}
    except KeyError:
        return True  # not Debian's way; whether libvirt answers tells


def _speed(name: str, domain_type: str, *, is_local: bool) -> Iterator[Finding]:
    if domain_type == "kvm":
        yield Finding(Grade.OK, "kvm", f"{name} runs guests under KVM")
    elif domain_type == "qemu":
        why = "there is no /dev/kvm" if is_local and not Path("/dev/kvm").exists() else "KVM booted no guest"
        text = f"{name} emulates its guests ({why}), which is slow: fine for a look."
        yield Finding(Grade.NOTE, "kvm", text)
    else:
        yield Finding(Grade.NOTE, "kvm", f"{name} was not tried yet: its first job does that.")


CHECKS: dict[str, Check] = {
    "clock": _clock,
    "data": _data,
    "room": _room,
    "certificate": _certificate,
    "secrets": _secrets,
    "database": _database,
    "port": look_at_port,
    "console": look_at_console,
    "tools": _tools,
    "directory": look_at_directory,
    "mail": look_at_mail,
    "hosts": _hosts,
}
"""By name, in order."""
_ON_DJANGO = ("database", "mail", "hosts")
