"""The pure parts of the demonstration image: its archive, its modules, its key, and how it reads a seed."""

from __future__ import annotations

import io
import lzma
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pycdlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vrabec.integrations.images.commands import Tools
from vrabec.integrations.images.packages import Package, parse
from vrabec.integrations.images.store import key
from vrabec.integrations.images.tiny import archive, guest, modules
from vrabec.lib.errors import Cancelled, HostError
from vrabec.lib.seed import Seed, build_seed

RECIPE = Path(guest.__file__).parent

# --- the archive


def unpacked(data: bytes) -> list[tuple[str, int, bytes]]:
    """Read "newc" back: name, mode and content of every entry up to the trailer."""
    found: list[tuple[str, int, bytes]] = []
    position = 0
    while True:
        fields = [int(data[position + 6 + 8 * i : position + 14 + 8 * i], 16) for i in range(13)]
        start = position + 110
        name = data[start : start + fields[11] - 1].decode()
        content = -(-(start + fields[11]) // 4) * 4
        if name == "TRAILER!!!":
            return found
        found.append((name, fields[1], data[content : content + fields[6]]))
        position = -(-(content + fields[6]) // 4) * 4


def test_an_archive_names_folders_before_what_is_in_them() -> None:
    names = [name for name, _, _ in unpacked(archive.pack([archive.file("a/b/c", b"x")]))]
    assert names == ["a", "a/b", "a/b/c"]


@settings(deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), st.binary(max_size=20), max_size=5))
def test_what_is_packed_comes_out(contents: dict[str, bytes]) -> None:
    data = archive.pack([archive.file(name, content) for name, content in contents.items()])
    assert {name: content for name, _, content in unpacked(data)} == contents


def test_programs_may_be_run_and_other_files_not() -> None:
    data = archive.pack([archive.file("script", b"#!/bin/sh\n"), archive.file("text", b"hello")])
    assert [stat.S_IMODE(mode) for _, mode, _ in unpacked(data)] == [0o755, 0o644]


# --- kernel modules


def module(folder: Path, name: str, depends: str, *aliases: str, packed: bool = False) -> None:
    info = [f"depends={depends}", *(f"alias={alias}" for alias in aliases), f"name={name}"]
    content = b"\x7fELF\0" + b"".join(line.encode() + b"\0" for line in info)
    path = folder / "kernel" / f"{name}.ko{'.xz' if packed else ''}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.compress(content) if packed else content)


def test_modules_come_with_what_they_need_and_nothing_else(tmp_path: Path) -> None:
    module(tmp_path, "virtio_blk", "virtio,virtio-ring", "virtio:d00000002v*")
    module(tmp_path, "virtio", "", packed=True)
    module(tmp_path, "virtio-ring", "virtio")
    module(tmp_path, "floppy", "")
    picked = modules.pick(tmp_path)
    assert {name for name in picked if name.endswith(".ko")} == {
        "virtio_blk.ko",
        "virtio.ko",
        "virtio_ring.ko",
    }
    assert picked["modules.alias"] == b"alias virtio:d00000002v* virtio_blk\n"
    assert b"virtio_blk.ko: virtio_ring.ko virtio.ko\n" in picked["modules.dep"]
    assert picked["virtio.ko"].startswith(b"\x7fELF")


# --- packages and key


def test_apts_answer_is_read() -> None:
    line = "'http://example.org/z.deb' zlib1g_1%3a1.2.13_amd64.deb 86684 MD5Sum:ec42"
    assert parse(line) == Package("zlib1g", "1:1.2.13")
    assert parse("Reading package lists...") is None


def test_another_version_is_another_image() -> None:
    assert key(RECIPE, (Package("a", "1"),)) != key(RECIPE, (Package("a", "2"),))


# --- tools


def test_a_missing_tool_is_named_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"no-such-tool.*mtools"):
        Tools(tmp_path, lambda: False, ("mtools",)).run("no-such-tool")


def test_a_tools_own_words_are_kept(tmp_path: Path) -> None:
    with pytest.raises(HostError) as caught:
        Tools(tmp_path, lambda: False, ("mtools",)).run("sh", "-c", "echo broken >&2; exit 3")
    assert caught.value.raw == "broken"


def test_a_cancelled_tool_ends_with_its_children(tmp_path: Path) -> None:
    answers = iter([False, True])
    with pytest.raises(Cancelled):
        Tools(tmp_path, lambda: next(answers), ()).run("sh", "-c", "echo $$ >pid; sleep 100 & wait")
    group = (tmp_path / "pid").read_text().strip()
    assert (
        subprocess.run(["pgrep", "-r", "R,S,D", "-g", group], capture_output=True, check=False).stdout == b""
    )


# --- the guest's reader of seeds, which runs under any awk


def told(files: dict[str, str]) -> dict[str, str]:
    """What the guest reads out of a seed's files: its plain files by name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "net").mkdir()
        for file, text in files.items():
            words = [
                "-v",
                f"file={file}",
                "-v",
                f"dir={folder}/",
                "-f",
                str(guest.FILES / "lib/tiny/seed.awk"),
            ]
            subprocess.run(
                ["awk", *words], input=text.encode(), env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, check=True
            )
        paths = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes().decode() for path in paths}


def seed_files(seed: Seed) -> dict[str, str]:
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(build_seed(seed)))
    found = {}
    for name in ("meta-data", "user-data") + (("network-config",) if seed.mac else ()):
        data = io.BytesIO()
        iso.get_file_from_iso_fp(data, rr_path=f"/{name}")
        found[name] = data.getvalue().decode()
    return found


# the guest keeps no NUL and no lone surrogate, and one line where a name or a key is asked for
visible = st.text(
    st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), min_size=1, max_size=12
)


@settings(max_examples=20, deadline=None)
@given(name=visible, key=visible, command=visible)
def test_the_guest_reads_what_the_seed_says(name: str, key: str, command: str) -> None:
    found = told(
        seed_files(Seed(name, "i", ssh_keys=(key,), password_hash="$6$a$b", run=(command, "second")))
    )
    assert found["hostname"] == found["local-hostname"] == f"{name}\n"
    assert found["keys"] == f"* {key}\n"
    assert found["run"] == f"\n(\n{command}\n)\n\n(\nsecond\n)\n"
    assert found["passwords"] == "*:$6$a$b\n"
    assert found["instance-id"] == "i\n"


def test_the_guest_reads_the_address_of_its_card() -> None:
    seed = Seed(
        "a", "b", address="10.0.0.5/24", gateway="10.0.0.1", nameservers=("1.1.1.1",), mac="52:54:00:AA:00:01"
    )
    expected = "address 10.0.0.5/24\ngateway 10.0.0.1\nnameserver 1.1.1.1\n"
    assert told(seed_files(seed))["net/52:54:00:aa:00:01"] == expected


def test_a_line_break_in_a_name_makes_no_second_line() -> None:
    assert told(seed_files(Seed("a\nroot:x", "i")))["hostname"] == "a root:x\n"


HAND_WRITTEN = """\
#cloud-config
# by hand
fqdn: ignored.example.org
hostname: 'it''s'   # quoted
ssh_pwauth: true
user: alice
users:
  - default
  - name: bob
    passwd: $6$x$y
    ssh_authorized_keys: [ "ssh-rsa A, B", ssh-rsa C ]
ssh_authorized_keys:
  - ssh-ed25519 AAAA
    me@home
chpasswd:
  list: |
    root:one
    bob:two
  expire: false
write_files:
- path: /x
  content: |
    hostname: no
runcmd:
  - echo "a: b" # kept by the shell
  - [ ls, "it's" ]
  - |
    if true; then
      echo yes
    fi
"""


def test_the_guest_reads_what_people_write() -> None:
    found: dict[str, Any] = told({"user-data": HAND_WRITTEN})
    assert found["hostname"] == "it's\n"
    assert found["ssh_pwauth"] == "true\n"
    assert (found["user"], found["people"]) == ("alice\n", "bob\n")
    assert found["passwords"].splitlines() == ["bob:$6$x$y", "root:one", "bob:two"]
    assert found["keys"].splitlines() == ["bob ssh-rsa A, B", "bob ssh-rsa C", "* ssh-ed25519 AAAA me@home"]


def test_the_guest_runs_what_people_write(tmp_path: Path) -> None:
    found = told({"user-data": HAND_WRITTEN.replace("ls, ", "echo, ")})
    ran = subprocess.run(["sh"], input=found["run"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert ran.stdout == "a: b\nit's\nyes\n"


@pytest.mark.parametrize(
    "path", sorted(p for p in guest.FILES.rglob("*") if p.is_file() and p.suffix != ".awk")
)
def test_the_guests_scripts_are_shell(path: Path) -> None:
    text = path.read_text()
    if text.startswith("#!/bin/sh") and shutil.which("dash"):
        subprocess.run(["dash", "-n", str(path)], check=True)
    assert "/root/" not in text.replace("/data/root/", "")
