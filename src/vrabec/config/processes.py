"""What `vrabecd doctor` says of Vrabec's own processes: the port, the engine and the consoles."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from vrabec.config.files import Config
from vrabec.config.findings import Finding, Grade
from vrabec.config.port import who_listens
from vrabec.lib.heartbeat import STALE_SECONDS, last_beat
from vrabec.lib.tunnel import socket_in


def look_at_port(config: Config) -> Iterator[Finding]:
    """The port and the engine's lock: both ours, or Vrabec does not run."""
    runs = _engine_runs(config)
    here = "127.0.0.1" if config.listen in ("0.0.0.0", "::") else config.listen  # noqa: S104 - compared only
    try:
        shown = ssl.get_server_certificate((here, config.port), timeout=3)
    except ConnectionRefusedError:
        yield from _not_listening(config, engine=runs)
        return
    except OSError as error:
        what = f"What listens on port {config.port} does not answer as Vrabec does ({error})"
        text = f"{what}: {who_listens(config)}."
        yield Finding(Grade.FAIL, "port", text)
        return
    ours = config.certificate_path
    if ours.exists() and ssl.PEM_cert_to_DER_cert(shown) == ssl.PEM_cert_to_DER_cert(ours.read_text()):
        yield Finding(Grade.OK, "port", f"{config.port} is ours")
    else:
        text = f"{config.port} shows another certificate: restart Vrabec, or {who_listens(config)}."
        yield Finding(Grade.FAIL, "port", text)
    if runs:
        yield _engine(config)
    else:
        yield Finding(Grade.FAIL, "engine", "Pages answer, but no job runs: see the log of vrabecd serve.")


def _engine(config: Config) -> Finding:
    for loop in ("jobs", "inventory"):
        last = last_beat(Path(config.run_dir) / f"{loop}.beat")
        if last is None or last.age_s > STALE_SECONDS:
            since = f"for {last.age_s:.0f} s" if last else "since it started"
            text = f"It runs, but its loop {loop} has not moved {since}: see the log, and restart Vrabec."
            return Finding(Grade.FAIL, "engine", text)
    return Finding(Grade.OK, "engine", "runs")


def _not_listening(config: Config, *, engine: bool) -> Iterator[Finding]:
    if engine:
        text = f"The engine runs, but nothing answers on port {config.port}: see the log of vrabecd serve."
        yield Finding(Grade.FAIL, "port", text)
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((config.listen, config.port))
    yield Finding(Grade.WARN, "port", f"{config.port} is free: Vrabec does not run. Start vrabecd serve.")


def _engine_runs(config: Config) -> bool:
    """Whether somebody holds the engine's lock. To try to take it could keep an engine from starting."""
    try:
        inode = (Path(config.run_dir) / "engine.lock").stat().st_ino
        held = Path("/proc/locks").read_text()
    except FileNotFoundError:
        return False
    return any("FLOCK" in line and f":{inode} " in line for line in held.splitlines())


def look_at_console(config: Config) -> Iterator[Finding]:
    """Whether the third process answers, where the second one runs."""
    if not _engine_runs(config):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(socket_in(config.run_dir)))
        except OSError as error:
            text = f"Screens and serial consoles do not open ({error}): see the log of vrabecd serve."
            yield Finding(Grade.FAIL, "console", text)
        else:
            yield Finding(Grade.OK, "console", "runs")
