"""The demonstration image under plain emulation: it does what docs/explanation/tiny.md says."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vrabec.integrations.images import tiny
from vrabec.lib.errors import Cancelled
from vrabec.lib.passwords import hash_password
from vrabec.lib.seed import Seed, build_seed

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="no qemu-system-x86_64"),
]

BOOT_SECONDS = 240  # 4 s alone on a core; other tests share the machine
MAC = "52:54:00:aa:00:01"
SEED = Seed(
    "sparrow",
    "i-1",
    address="10.0.2.77/24",
    gateway="10.0.2.2",
    nameservers=("10.0.2.3",),
    mac=MAC,
    run=("echo run-$((6 * 7))", 'echo "<it\'s 🐦>"; echo ran >>/data/count'),
)
DHCP = replace(SEED, address=None, gateway=None, nameservers=())


class Guest:
    """One emulated machine with the image as its disk: serial port, agent and monitor as unix sockets."""

    def __init__(self, folder: Path, *options: str, disk: Path, seed: Seed | None, seed_as: str = "virtio"):
        self.folder = folder
        command = [
            "qemu-system-x86_64",
            "-accel",
            "tcg",
            "-cpu",
            "max",
            "-m",
            "192",
            "-display",
            "none",
            "-no-reboot",
        ]
        command += ["-drive", f"file={disk},if=virtio,format=qcow2", *options]
        command += ["-device", f"virtio-net-pci,netdev=n,mac={MAC}", "-device", "virtio-serial-pci"]
        command += ["-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"]
        command += ["-chardev", f"socket,id=agent,path={folder}/agent,server=on,wait=off"]
        command += ["-serial", f"unix:{folder}/serial,server=on,wait=off"]
        command += ["-monitor", f"unix:{folder}/monitor,server=on,wait=off"]
        if not any(option.startswith("user,") for option in options):
            command += ["-netdev", "user,id=n"]
        if seed:
            (folder / "seed.iso").write_bytes(build_seed(seed))
            command += _seed_device(seed_as, folder / "seed.iso")
        self.process = subprocess.Popen(command)
        self.seen = b""
        self.serial, self.agent, self.monitor = (
            self._connect(name) for name in ("serial", "agent", "monitor")
        )

    def _connect(self, name: str) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        for _ in range(20 * BOOT_SECONDS):
            with contextlib.suppress(OSError):
                connection.connect(f"{self.folder}/{name}")
                return connection
            time.sleep(0.05)
        raise AssertionError(f"QEMU opened no {name} socket")

    def ask(self, execute: str, **arguments: Any) -> Any:
        """Call the guest agent and wait for its answer, which may take as long as a boot."""
        self.agent.settimeout(BOOT_SECONDS)
        self.agent.sendall(json.dumps({"execute": execute, "arguments": arguments}).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            line += self.agent.recv(65536)
        return json.loads(line)["return"]

    def shell(self, command: str) -> str:
        """Run a command by the agent, return what it printed."""
        started = self.ask("guest-exec", path="/bin/sh", arg=["-c", command], **{"capture-output": True})
        for _ in range(10 * BOOT_SECONDS):
            status = self.ask("guest-exec-status", pid=started["pid"])
            if status["exited"]:
                return base64.b64decode(status.get("out-data", "")).decode()
            time.sleep(0.1)
        raise AssertionError(f"{command} does not end")

    def wait_for(self, pattern: str, seconds: float = BOOT_SECONDS) -> str:
        """Read the serial port until the pattern is seen; what was read before it counts as seen."""
        self.serial.settimeout(0.5)
        end = time.monotonic() + seconds
        while not (found := re.search(pattern.encode(), self.seen)):
            assert time.monotonic() < end, f"no {pattern} on the serial port, but:\n{self.seen.decode()}"
            with contextlib.suppress(TimeoutError):
                self.seen += self.serial.recv(65536)
        self.seen = self.seen[found.end() :]
        return found.group().decode()

    def type(self, text: str) -> None:
        """Type a line on the serial port."""
        self.serial.sendall(text.encode() + b"\r")

    def power_off(self) -> None:
        """Press the power button, wait until the machine is off."""
        self.monitor.sendall(b"system_powerdown\n")
        self.process.wait(BOOT_SECONDS)

    def close(self) -> None:
        """Pull the plug."""
        for connection in (self.serial, self.agent, self.monitor):
            connection.close()
        self.process.kill()
        self.process.wait()


def _seed_device(kind: str, path: Path) -> list[str]:
    if kind == "virtio":
        return ["-drive", f"file={path},if=virtio,format=raw,readonly=on"]
    drive = ["-drive", f"file={path},if=none,id=seed,format=raw,media=cdrom"]
    if kind == "scsi":
        return [*drive, "-device", "virtio-scsi-pci", "-device", "scsi-cd,drive=seed"]
    return [*drive, "-device", "ide-cd,drive=seed"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = os.environ.get("VRABEC_TEST_CACHE")
    return Path(kept) if kept else tmp_path_factory.mktemp("images")


@pytest.fixture(scope="module")
def image(cache: Path) -> tiny.Image:
    return tiny.build(cache, lambda percent, what: None, lambda: False)


@contextlib.contextmanager
def booted(image: tiny.Image, *options: str, disk: Path | None = None, **words: Any) -> Iterator[Guest]:
    with tempfile.TemporaryDirectory(prefix="tiny") as name:  # short: a socket's path has 108 bytes at most
        folder = Path(name)
        guest = Guest(folder, *options, disk=disk or new_disk(image, folder), **words)
        try:
            yield guest
        finally:
            guest.close()


def new_disk(image: tiny.Image, folder: Path, size: str = "1G") -> Path:
    path = folder / "disk.qcow2"
    backing = ["-F", "qcow2", "-b", str(image.path)]
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(path), size], check=True)
    return path


@pytest.fixture(scope="module")
def guest(image: tiny.Image) -> Iterator[Guest]:
    """One that several tests look at, and none changes."""
    with booted(image, "-machine", "q35", seed=SEED) as started:
        started.ask("guest-ping")
        yield started


# --- the build


def test_the_image_is_small(image: tiny.Image) -> None:
    assert image.path.stat().st_size == image.size_bytes < 30_000_000
    assert image.virtual_size_bytes <= 128 << 20


def test_a_second_build_returns_the_first_ones_image_as_it_is(image: tiny.Image, cache: Path) -> None:
    before = image.path.stat()
    assert tiny.build(cache, lambda percent, what: None, lambda: False) == image
    after = image.path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns), "it was made anew"


def test_a_build_elsewhere_makes_the_same_bytes(image: tiny.Image, tmp_path: Path) -> None:
    assert tiny.build(tmp_path, lambda percent, what: None, lambda: False).sha256 == image.sha256


def test_a_cancelled_build_leaves_nothing(tmp_path: Path) -> None:
    heard: list[int] = []
    with pytest.raises(Cancelled):
        tiny.build(tmp_path, lambda percent, what: heard.append(percent), lambda: 40 in heard)
    assert [
        path.name for path in tmp_path.iterdir() if not path.name.startswith((".tiny-apt", ".tiny-lock"))
    ] == []


def test_what_a_killed_build_left_is_removed(image: tiny.Image, cache: Path) -> None:
    left = cache / ".tiny-build-killed"
    left.mkdir(exist_ok=True)
    tiny.build(cache, lambda percent, what: None, lambda: False)
    assert not left.exists()


# --- what the seed says


def test_the_guest_takes_its_name(guest: Guest) -> None:
    assert guest.ask("guest-get-host-name")["host-name"] == "sparrow"


def test_the_guest_takes_its_fixed_address(guest: Guest) -> None:
    guest.wait_for(r"10\.0\.2\.77")
    cards = {card["name"]: card for card in guest.ask("guest-network-get-interfaces")}
    addresses = [address["ip-address"] for address in cards["eth0"]["ip-addresses"]]
    assert "10.0.2.77" in addresses
    assert "default via 10.0.2.2" in guest.shell("ip route")
    assert "10.0.2.3" in guest.shell("cat /etc/resolv.conf")


def test_the_seeds_commands_run_and_are_seen_on_the_console(image: tiny.Image) -> None:
    with booted(image, seed=SEED) as fresh:
        fresh.wait_for("run-42")
        fresh.wait_for("<it's 🐦>")


@pytest.mark.parametrize(("machine", "seed_as"), [("q35", "scsi"), ("pc", "ide"), ("pc", "virtio")])
def test_the_seed_is_found_on_other_buses_too(image: tiny.Image, machine: str, seed_as: str) -> None:
    with booted(image, "-machine", machine, seed=DHCP, seed_as=seed_as) as other:
        assert other.ask("guest-get-host-name")["host-name"] == "sparrow"


def test_a_guest_without_seed_boots_too(image: tiny.Image) -> None:
    with booted(image, seed=None) as plain:
        assert plain.ask("guest-get-host-name")["host-name"] == "tiny"
        plain.wait_for(r"10\.0\.2\.15")


def test_a_seeds_key_opens_ssh(image: tiny.Image, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    network = f"user,id=n,hostfwd=tcp:127.0.0.1:{port}-:22"
    seed = replace(DHCP, ssh_keys=((tmp_path / "key.pub").read_text().strip(),))
    with booted(image, "-netdev", network, seed=seed) as reachable:
        reachable.wait_for(r"10\.0\.2\.15")
        options = ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={tmp_path}/hosts"]
        answer = subprocess.run(
            ["ssh", "-i", str(key), "-p", str(port), *options, "root@127.0.0.1", "hostname; tty; pwd"],
            capture_output=True, text=True, timeout=BOOT_SECONDS, check=False,
        )  # fmt: skip
    assert answer.stdout.split("\n")[0] == "sparrow", answer.stderr


# --- consoles and power


def test_the_serial_console_is_a_shell(guest: Guest) -> None:
    guest.wait_for(r"sparrow:~# ")
    guest.type("echo a$((40 + 2))b")
    guest.wait_for("a42b")


def test_a_password_closes_the_consoles(image: tiny.Image) -> None:
    with booted(image, seed=replace(DHCP, password_hash=hash_password("špatné heslo"))) as locked:
        for password, answer in (("guess", "Login incorrect"), ("špatné heslo", "sparrow:~# ")):
            locked.wait_for(r"10\.0\.2\.15[^$]*sparrow login: " if password == "guess" else "login: ")
            locked.type("root")
            locked.wait_for("Password: ")
            locked.type(password)
            locked.wait_for(answer)


def test_the_power_button_powers_off(image: tiny.Image) -> None:
    with booted(image, seed=SEED) as running:
        running.ask("guest-ping")
        running.power_off()  # 0.2 s alone
        assert running.process.returncode == 0


def test_the_agent_powers_off(image: tiny.Image) -> None:
    with booted(image, seed=SEED) as running:
        running.ask("guest-ping")
        running.agent.sendall(b'{"execute":"guest-shutdown"}\n')
        assert running.process.wait(BOOT_SECONDS) == 0


# --- what stays


def test_the_data_disk_fills_a_larger_disk_and_stays(image: tiny.Image, tmp_path: Path) -> None:
    disk = new_disk(image, tmp_path, "1G")
    with booted(image, disk=disk, seed=SEED) as first:
        first.wait_for(r"run-42")
        first.shell("while ! [ -e /data/.size ]; do sleep 1; done")
        size_kib = int(first.shell("df /data | awk 'END { print $2 }'"))
        assert size_kib > 800_000
        first.shell("echo kept >/root/note")
        first.power_off()
    with booted(image, disk=disk, seed=SEED) as again:
        assert again.shell("cat /root/note; sleep 12; cat /data/count") == "kept\nran\n"


def test_a_clone_is_another_instance(image: tiny.Image, tmp_path: Path) -> None:
    disk = new_disk(image, tmp_path)
    for instance, name in (("i-1", "sparrow"), ("i-2", "swallow")):
        seed = replace(SEED, instance_id=instance, hostname=name)
        with booted(image, disk=disk, seed=seed) as one:
            one.wait_for("run-42")
            assert one.ask("guest-get-host-name")["host-name"] == name
            assert one.shell("ls /data/dropbear") == ""
            one.shell("touch /data/dropbear/key")
            one.power_off()
