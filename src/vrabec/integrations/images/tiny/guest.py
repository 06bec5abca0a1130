"""What is inside the guest: its programs and libraries, a few kernel modules, and the files of guest/."""

from __future__ import annotations

from pathlib import Path

from vrabec.integrations.images.commands import Tools
from vrabec.integrations.images.tiny import archive, modules
from vrabec.lib.errors import HostError

FILES = Path(__file__).parent / "guest"

_PROGRAMS = {
    "usr/sbin/qemu-ga": "usr/sbin/qemu-ga",
    "usr/sbin/dropbear": "usr/sbin/dropbear",
    "usr/bin/dropbearkey": "usr/bin/dropbearkey",
    "sbin/resize2fs": "sbin/resize2fs",
}
_LINKS = {
    "init": "bin/busybox",
    "linuxrc": "bin/busybox",
    "root": "data/root",
    "etc/dropbear": "../data/dropbear",
    "etc/mtab": "../proc/self/mounts",
    "var/run": "../run",
    "usr/lib": "../lib",
}
_FOLDERS = ("proc", "sys", "dev", "run", "tmp", "mnt", "data", "var/log", "usr/share")


def initramfs(tools: Tools, root: Path) -> Path:
    """The guest's root as a compressed cpio archive, out of Debian's packages unpacked in `root`."""
    plain, packed = tools.folder / "initrd.cpio", tools.folder / "initrd.lz4"
    plain.write_bytes(archive.pack(_entries(tools, root)))
    # emulated, lz4 boots faster than zstd; -l is the frame format that the kernel reads
    tools.run("lz4", "-q", "-l", "-9", plain, packed)
    return packed


def _entries(tools: Tools, root: Path) -> list[archive.Entry]:
    entries = [archive.folder(path) for path in _FOLDERS]
    entries += [archive.link(path, target) for path, target in _LINKS.items()]
    # before devtmpfs is mounted the kernel wants a console for init
    entries += [archive.device("dev/console", 5, 1), archive.device("dev/null", 1, 3)]
    return entries + _programs(tools, root) + _kernel_modules(root) + _own_files()


def _own_files() -> list[archive.Entry]:
    paths = sorted(path for path in FILES.rglob("*") if path.is_file())
    return [archive.file(str(path.relative_to(FILES)), path.read_bytes()) for path in paths]


def _kernel_modules(root: Path) -> list[archive.Entry]:
    [folder] = _found(root, "lib/modules/*", "usr/lib/modules/*")
    return [archive.file(f"lib/modules/{folder.name}/{name}", content)
            for name, content in modules.pick(folder).items()]  # fmt: skip


def kernel(root: Path) -> Path:
    """The kernel's file."""
    [path] = _found(root, "boot/vmlinuz-*")
    return path


def _found(root: Path, *patterns: str) -> list[Path]:
    paths = sorted(path for pattern in patterns for path in root.glob(pattern))
    if len(paths) != 1:
        raise HostError("Debian's packages hold %(count)s times %(what)s", count=len(paths), what=patterns[0])
    return paths


def _programs(tools: Tools, root: Path) -> list[archive.Entry]:
    [busybox] = _found(root, "bin/busybox", "usr/bin/busybox")
    # Debian's busybox is one static program under many names; our own scripts take some of them
    names = tools.run(busybox, "--list-full").split()
    entries = [archive.link(f"{name}", "/bin/busybox") for name in names if not (FILES / name).exists()]
    entries.append(archive.file("bin/busybox", busybox.read_bytes()))
    libraries: dict[str, Path] = {}
    for target, pattern in _PROGRAMS.items():
        [program] = _found(root, pattern, *_merged(pattern))
        entries.append(archive.file(target, program.read_bytes()))
        libraries |= _libraries(tools, root, program)
    return entries + [archive.file(name, path.read_bytes()) for name, path in libraries.items()]


def _merged(pattern: str) -> tuple[str, ...]:
    """From Debian 13 on, what was in /sbin lies in /usr/sbin."""
    return () if pattern.startswith("usr/") else (f"usr/{pattern}",)


def _libraries(tools: Tools, root: Path, program: Path) -> dict[str, Path]:
    """Where the guest's own loader finds the libraries of a program: by path in the guest."""
    [loader] = _found(root, "lib64/ld-linux-x86-64.so.2", "usr/lib64/ld-linux-x86-64.so.2")
    folders = ":".join(str(root / lib / "x86_64-linux-gnu") for lib in ("lib", "usr/lib"))
    output = tools.run(loader, "--inhibit-cache", "--library-path", folders, "--list", program)
    found = {"lib64/ld-linux-x86-64.so.2": loader}
    for line in output.splitlines():
        name, arrow, place = line.strip().partition(" => ")
        path = Path(place.split(" (")[0])
        if arrow and not path.is_relative_to(root):  # "not found", or found on the controller itself
            raise HostError("%(program)s of the guest lacks %(library)s", program=program.name, library=name)
        if arrow:
            found[f"lib/x86_64-linux-gnu/{name}"] = path
    return found
