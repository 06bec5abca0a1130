"""The peer: Debian's ganeti-htools, run on the same files."""

import gzip
import os
import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path("/usr/lib/ganeti/3.0/usr/bin/htools")

_BEFORE = re.compile(r"^Initial score: ([\d.]+)", re.MULTILINE)
_MOVE = re.compile(r"^\s*\d+\. (\S+)\s+\S+\s+=> (\S+)\s+([\d.]+) a=", re.MULTILINE)


@dataclass(frozen=True)
class Hbal:
    """The score it began with, each move with the score after it, how long it took, whether it ended."""

    before: float
    moves: tuple[tuple[str, str, float], ...]
    seconds: float
    ended: bool

    @property
    def after(self) -> float:
        """The score after its last move."""
        return self.moves[-1][2] if self.moves else self.before


def run(data: Path, load: Path | None, *, seconds: float = 600) -> Hbal:
    """Let hbal balance the cluster of these files, for so long at most."""
    with tempfile.TemporaryFile("w+") as output, _plain(data) as cluster, _plain(load) as loads:
        command = [str(PROGRAM), "-t", str(cluster), *(["-U", str(loads)] if loads else []), "-v"]
        began = time.monotonic()
        ended = _within(command, output, seconds)
        took = time.monotonic() - began
        output.seek(0)
        text = output.read()
    moves = tuple((vm, host, float(after)) for vm, host, after in _MOVE.findall(text))
    found = _BEFORE.search(text)
    if found is None:
        raise ValueError(f"hbal said no score:\n{text[-2000:]}")
    return Hbal(float(found[1]), moves, took, ended)


def _within(command: list[str], output: "tempfile._TemporaryFileWrapper[str]", seconds: float) -> bool:
    """By script(1): hbal says each move as soon as it has it to a terminal alone, else all at its end."""
    said = ["script", "--quiet", "--return", "--command", shlex.join(command), "/dev/null"]
    env = os.environ | {"HTOOLS": "hbal"}
    try:
        subprocess.run(said, env=env, stdin=subprocess.DEVNULL, stdout=output, check=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


@contextmanager
def _plain(path: Path | None) -> Iterator[Path | None]:
    """The same file uncompressed: hbal reads no other."""
    if path is None or path.suffix != ".gz":
        yield path
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(gzip.decompress(path.read_bytes()))
        file.flush()
        yield Path(file.name)
