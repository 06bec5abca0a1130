"""`scripts/bench placement`: how fast the scheduler places, empties and balances, and hbal beside it."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import hbal, htools
from tests.bench.figures import median, now_ms
from vrabec.scheduler import n_plus_1
from vrabec.scheduler.allocate import Room, allocate, prepare
from vrabec.scheduler.balance import Proposal, balance
from vrabec.scheduler.evacuate import evacuate
from vrabec.scheduler.fleet import Fleet
from vrabec.scheduler.use import Use

_PLACEMENTS = 1000
_EVACUATIONS = 11


@dataclass(frozen=True)
class Files:
    """A cluster, its loads, and where the moves are written."""

    case: Path
    load: Path | None
    moves: Path | None


def measure(files: Files, peer_seconds: float) -> dict[str, Any]:
    """The line of one case."""
    fleet = htools.read_fleet(files.case, files.load)
    began = now_ms()
    proposal = balance(fleet)
    took = now_ms() - began
    if files.moves:
        files.moves.write_text(_lines(fleet, proposal))
    return {
        "case": files.case.name,
        "hosts": len(fleet.hosts),
        "vms": len(fleet.vms),
        "allocate": _allocate(fleet),
        "evacuate_ms": _evacuate(fleet),
        "balance_s": round(took / 1000, 3),
        "moves": len(proposal.moves),
        "copied_gib": round(sum(move.price_mib for move in proposal.moves) / 1024, 1),
        "score_before": round(proposal.before, 8),
        "score_after": round(proposal.after, 8),
        "uncovered": [_uncovered(fleet), _uncovered(_after(fleet, proposal))],
        "hbal": _hbal(files, proposal, peer_seconds),
    }


def _allocate(fleet: Fleet) -> dict[str, Any]:
    """Placements of machines like those that are there, one after the other, with the arrays built."""
    chance = random.Random(0)  # noqa: S311
    wants = [fleet.vms.want(chance.randrange(len(fleet.vms))) for _ in range(_PLACEMENTS)]
    began = now_ms()
    room = prepare(Use(fleet))
    built = now_ms() - began
    times = [_ms(lambda want=want: _placed(room, want)) for want in wants]
    p50, p99 = np.percentile(times, [50, 99])
    return {"p50_ms": round(p50, 3), "p99_ms": round(p99, 3), "build_ms": round(built, 2)}


def _placed(room: Room, want: Any) -> None:
    allocate(room, want)


def _evacuate(fleet: Fleet) -> dict[str, Any]:
    """Plans for the hosts with the most machines."""
    fullest = np.argsort(-np.bincount(fleet.vms.host, minlength=len(fleet.hosts)))[:_EVACUATIONS]
    times = [_ms(lambda host=host: evacuate(fleet, int(host))) for host in fullest]
    return {"median": median(times), "most": round(max(times), 2)}


def _ms(work: Callable[[], object]) -> float:
    began = now_ms()
    work()
    return now_ms() - began


def _after(fleet: Fleet, proposal: Proposal) -> Fleet:
    where = fleet.vms.host.copy()
    for move in proposal.moves:
        where[move.vm] = move.target
    return fleet.placed(where)


def _uncovered(fleet: Fleet) -> int:
    return int(n_plus_1.uncovered(Use(fleet)).sum())


def _lines(fleet: Fleet, proposal: Proposal) -> str:
    names, hosts = fleet.vms.names, fleet.hosts.names
    return "".join(f"{names[move.vm]} {hosts[move.target]}\n" for move in proposal.moves)


def _hbal(files: Files, proposal: Proposal, seconds: float) -> dict[str, Any] | None:
    """Hbal's moves within so many seconds, and our score after as many; None where it is not installed."""
    if not hbal.PROGRAM.exists() or seconds <= 0:
        return None
    peer = hbal.run(files.case, files.load, seconds=seconds)
    gains = sum(move.gain for move in proposal.moves[: len(peer.moves)])
    return {
        "moves": len(peer.moves),
        "score_before": peer.before,
        "score_after": peer.after,
        "ours_then": round(proposal.before - gains, 8),
        "seconds": round(peer.seconds, 2),
        "ended": peer.ended,
    }
