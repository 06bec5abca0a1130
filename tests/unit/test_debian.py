"""The pure parts of Debian templates: their disk, where packages come from, and what a build needs."""

from __future__ import annotations

import re
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from vrabec.integrations.images import debian
from vrabec.integrations.images.commands import Tools
from vrabec.integrations.images.debian import disk, namespace, root, sources
from vrabec.integrations.images.raw import MIB, SECTOR
from vrabec.lib.errors import HostError, NoCapacity, Unavailable
from vrabec.services.templates import BUILDERS

HERE = Path(debian.__file__).parent
MIRROR = """\
https://elsewhere.example/tool/ stable main Elsewhere
https://other.example/tool/ stable main $(ORIGIN)
http://mirror.example/debian-security/ bookworm-security main Debian
http://mirror.example/debian/ bookworm main Debian
http://mirror.example/debian/ bookworm contrib Debian
http://mirror.example/debian/ bookworm-backports main Debian
http://second.example/debian/ bookworm main Debian
"""

# --- the disk


def table(tmp_path: Path) -> Path:
    """A disk with both tables and no content."""
    path = tmp_path / "disk"
    last = disk.VIRTUAL_MIB * MIB // SECTOR - 1
    with path.open("wb") as file:
        file.write(disk.boot_sector(bytes(SECTOR)) + disk.header(1, last, 2) + disk.entries())
        file.seek((last - 32) * SECTOR)
        file.write(disk.entries() + disk.header(last, 1, last - 32))
    return path


def test_util_linux_reads_the_partitions(tmp_path: Path) -> None:
    shown = ["partx", "--raw", "--noheadings", "--output", "NR,START,SECTORS,NAME,TYPE"]
    told = subprocess.run([*shown, table(tmp_path)], capture_output=True, text=True, check=True).stdout
    assert told.split() == [
        word
        for number, part in enumerate(disk.PARTITIONS, start=1)
        for word in (str(number), str(part.start_mib * 2048), str(part.size_mib * 2048), part.name, part.kind)
    ]


@pytest.mark.parametrize("sector", [1, disk.VIRTUAL_MIB * MIB // SECTOR - 1])
def test_both_tables_have_their_checksums(tmp_path: Path, sector: int) -> None:
    with table(tmp_path).open("rb") as file:
        file.seek(sector * SECTOR)
        header = file.read(92)
        file.seek(struct.unpack_from("<Q", header, 72)[0] * SECTOR)
        entries = file.read(128 * 128)
    [own], [of_entries] = struct.unpack_from("<I", header, 16), struct.unpack_from("<I", header, 88)
    assert own == zlib.crc32(header[:16] + bytes(4) + header[20:])
    assert of_entries == zlib.crc32(entries)
    assert struct.unpack_from("<Q", header, 24)[0] == sector


def test_the_boot_sector_loads_the_core_and_the_core_knows_where_it_goes_on() -> None:
    sector = disk.boot_sector(b"\xeb\x63" + bytes(510))
    assert struct.unpack_from("<Q", sector, 0x5C)[0] == disk.BIOS_START_MIB * 2048
    assert sector[450] == 0xEE  # the type of the one partition that keeps others off
    assert sector[510:] == b"\x55\xaa"
    image = disk.core(bytes(SECTOR * 3))
    assert struct.unpack_from("<Q", image, 500)[0] == disk.BIOS_START_MIB * 2048 + 1


def test_a_core_that_does_not_fit_is_refused() -> None:
    with pytest.raises(HostError, match="larger than its partition"):
        disk.core(bytes(2 * MIB))


@pytest.mark.parametrize("name", ["early.cfg", "guest/etc/fstab", "guest/boot/grub/grub.cfg"])
def test_everything_boots_from_the_same_file_system(name: str) -> None:
    assert re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", (HERE / name).read_text()) == [root.UUID]


# --- where packages come from


def test_the_controllers_mirrors_serve_another_suite_too() -> None:
    found = sources.derive("trixie", MIRROR)
    assert [line.split()[2:] for line in found.build.splitlines()] == [
        ["http://mirror.example/debian", "trixie", "main"],
        ["http://mirror.example/debian-security", "trixie-security", "main"],
    ]


def test_machines_are_updated_from_everywhere_even_if_the_controller_is_not() -> None:
    found = sources.derive("bookworm", "http://mirror.example/debian/ bookworm main $(ORIGIN)\n")
    assert "http://mirror.example/debian bookworm main" in found.guest
    assert "http://deb.debian.org/debian-security bookworm-security main" in found.guest


@pytest.mark.parametrize("uri", ["file:/srv/mirror/", "https://me:secret@mirror.example/debian/"])
def test_machines_are_not_told_of_a_folder_or_a_password(uri: str) -> None:
    found = sources.derive("trixie", f"{uri} stable main Debian\n")
    assert uri.rstrip("/") in found.build
    assert uri.rstrip("/") not in found.guest


@pytest.mark.parametrize("known", ["", "http://ubuntu.example/ubuntu/ noble main Ubuntu\n", "odd\n"])
def test_without_a_mirror_of_debian_debians_own_is_asked(known: str) -> None:
    assert "http://deb.debian.org/debian trixie main" in sources.derive("trixie", known).build


# --- what a build needs


def test_the_suites_offered_are_those_that_can_be_built() -> None:
    assert tuple(BUILDERS["debian"].suites) == debian.SUITES


def test_a_missing_program_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace, "PATH", "/nowhere")
    assert "apt-get install" in debian.lacking()
    assert "mmdebstrap" in debian.lacking()


def test_a_user_without_further_ids_is_told_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 65534)  # nobody
    monkeypatch.setattr("shutil.which", lambda *words, **more: "/usr/bin/there")
    ids = tmp_path / "subuid"
    monkeypatch.setattr(namespace, "_SUBIDS", (ids, ids))
    assert "usermod --add-subuids" in debian.lacking()
    ids.write_text("somebody:100000:65536\nnobody:165536:10\n")
    assert "usermod --add-subuids" in debian.lacking()
    ids.write_text("nobody:165536:65536\n")
    assert debian.lacking() == ""


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        ("echo 'cp: error writing: No space left on device' >&2; exit 1", NoCapacity, "3072 MiB free"),
        ("echo 'E: Failed to fetch http://x' >&2; exit 100", Unavailable, "network and apt sources"),
        ("echo 'E: other' >&2; exit 1", HostError, "exit code 1"),
    ],
)
def test_a_failed_installation_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, kind: type[Exception], words: str
) -> None:
    monkeypatch.setattr(root, "inside", lambda: ("sh", "-c", script))
    found = sources.derive("trixie", "")
    with pytest.raises(kind, match=words):
        root.make(Tools(tmp_path, lambda: False, ()), found, 1, lambda share: None)


def test_the_log_tells_how_far_an_installation_is(tmp_path: Path) -> None:
    shares: list[float] = []
    steps = root._Steps(2, shares.append)
    for line in ("Unpacking a (1) ...", "Get:1 b", "Unpacking b (1) ...", "Setting up a (1) ..."):
        steps.hear(line)
    assert shares == [0.25, 0.5, 0.75]


def test_a_tools_lines_are_heard_while_it_runs(tmp_path: Path) -> None:
    heard: list[str] = []
    tools = Tools(tmp_path, lambda: False, ())
    script = "echo one >&2; until [ -e go ]; do sleep 0.05; done"

    def hear(line: str) -> None:
        heard.append(line)
        (tmp_path / "go").touch()

    tools.run("sh", "-c", script, watch=hear)
    assert heard == ["one"]
