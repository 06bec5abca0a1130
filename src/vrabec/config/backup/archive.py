"""The backup's file: a tar.gz whose last member, manifest.json, has every other member's size and SHA-256."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

import orjson

from vrabec import __version__
from vrabec.lib.errors import Conflict, Invalid

FORMAT = 1
MANIFEST = "manifest.json"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Member:
    """One file inside."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself. `migrations` are (app, name); `rows` counts them by table."""

    version: str
    made_at: str
    database: str
    migrations: list[tuple[str, str]]
    rows: dict[str, int]
    members: dict[str, Member] = field(default_factory=dict)
    format: int = FORMAT


@contextmanager
def new_file(path: Path, *, force: bool = False) -> Iterator[IO[bytes]]:
    """A file that only we can read, there whole at the end or not at all. Raises Conflict where one is."""
    if path.exists() and not force:
        raise Conflict("%(path)s is there already: choose another name, or --force.", path=str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class Writer:
    """Writes members one after the other to a stream, and the manifest at the end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._gzip = gzip.GzipFile(filename="", fileobj=_Sink(stream), mode="wb", compresslevel=6)
        self._tar = tarfile.open(fileobj=self._gzip, mode="w|")  # noqa: SIM115 - closed in `end`
        self._members: dict[str, Member] = {}

    def add_file(self, name: str, path: Path) -> None:
        """Add a file as it is now."""
        with path.open("rb") as file:
            self.add(name, file, os.fstat(file.fileno()).st_size)

    def add(self, name: str, file: IO[bytes], size: int) -> None:
        """Add `size` bytes of `file`. Raises OSError when it is shorter."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        hashing = _Hashing(file)
        self._tar.addfile(info, hashing)  # type: ignore[arg-type]
        self._members[name] = Member(size, hashing.sha256.hexdigest())

    def end(self, manifest: Manifest) -> None:
        """Add the manifest; nothing may follow."""
        said = orjson.dumps(asdict(manifest) | {"members": self._members}, option=orjson.OPT_INDENT_2)
        self.add(MANIFEST, io.BytesIO(said), len(said))
        self._tar.close()
        self._gzip.close()


class _Sink:
    """Passes bytes on until that fails: what tarfile and gzip write when they are dropped goes nowhere."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._failed = False

    def write(self, data: bytes) -> int:
        """As the stream's; the first error is raised, and is the last."""
        if self._failed:
            return len(data)
        try:
            return self._stream.write(data)
        except OSError:
            self._failed = True
            raise

    def flush(self) -> None:
        """As the stream's."""
        if not self._failed:
            self._stream.flush()


class _Hashing:
    """Reads, and hashes what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """As the file's."""
        data = self._file.read(size)
        self.sha256.update(data)
        return data


def verify(stream: IO[bytes], name: str) -> Manifest:
    """Read the whole file and compare it with its manifest. Raises Invalid, which names what is damaged."""
    found: dict[str, Member] = {}
    try:
        said = _read_all(stream, name, found)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        last = list(found)[-1] if found else "its beginning"
        raise _damaged(name, f"it cannot be read further than {last} ({error})") from error
    manifest = _read_manifest(said, name)
    del found[MANIFEST]
    for member in sorted(found.keys() | manifest.members.keys()):
        if found.get(member) != manifest.members.get(member):
            raise _damaged(name, f"{member} is not as it was written")
    return manifest


def _read_all(stream: IO[bytes], name: str, found: dict[str, Member]) -> bytes:
    """Note every member in `found`; gives the manifest, if it came last."""
    said = b""
    for member, file in members(stream, name):
        hashing = _Hashing(file)
        size = 0
        while data := hashing.read(_CHUNK):
            size += len(data)
            said = data if member == MANIFEST else b""
        found[member] = Member(size, hashing.sha256.hexdigest())
    return said


def members(stream: IO[bytes], name: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Every member with a stream of its bytes, in order. Raises Invalid for one that Vrabec never writes."""
    stream.seek(0)
    with tarfile.open(fileobj=stream, mode="r|gz") as tar:
        for info in tar:
            file = tar.extractfile(info)
            if file is None or not _is_plain(info.name):
                raise _damaged(name, f"{info.name} is nothing that Vrabec writes")
            yield info.name, file


def _is_plain(member: str) -> bool:
    parts = PurePosixPath(member).parts
    return bool(parts) and not member.startswith("/") and ".." not in parts


def _read_manifest(said: bytes, name: str) -> Manifest:
    if not said:
        raise _damaged(name, f"it ends before {MANIFEST}, so it is not whole or no backup of Vrabec")
    try:
        read: dict[str, Any] = orjson.loads(said)
        if read["format"] > FORMAT:
            raise newer(name, str(read["version"]))
        inside = {member: Member(**values) for member, values in dict(read.pop("members")).items()}
        migrations = [(app, migration) for app, migration in read.pop("migrations")]
        return Manifest(**read, migrations=migrations, members=inside)
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(name, f"{MANIFEST} is not as it was written") from error


def newer(name: str, version: str) -> Invalid:
    """A later Vrabec made it."""
    return Invalid(
        "%(name)s was made by Vrabec %(version)s, this is %(ours)s: upgrade first. Nothing was changed.",
        name=name,
        version=version,
        ours=__version__,
    )


def _damaged(name: str, what: str) -> Invalid:
    return Invalid("%(name)s is damaged: %(what)s. Nothing was changed.", name=name, what=what)
