"""What the quickstart made on this machine, so that --remove takes away that and nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

PREFIX = Path("/opt/vrabec")
_FILE = PREFIX / "made.json"


@dataclass
class Made:
    """Every change to the machine that cannot be told by looking at it. Written after each."""

    name: str = ""
    """The name or address in the links, if one was asked for."""
    user: bool = False
    pool: bool = False
    network: str = ""
    """ "defined", "started" (it was there, but off) or "" (it ran before us)."""
    network_was: str = ""
    """Its definition before we moved it to another subnet, "" if we did not."""
    network_autostart: bool = False
    daemons: list[str] = field(default_factory=list)
    """libvirt's daemons that we run by hand."""

    @classmethod
    def read(cls) -> Self:
        """What earlier runs noted."""
        try:
            return cls(**json.loads(_FILE.read_text()))
        except FileNotFoundError:
            return cls()

    def write(self) -> None:
        """Note it, whole or not at all."""
        draft = _FILE.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self), indent=1))
        draft.replace(_FILE)
