"""Made-up clusters as Ganeti's files: hosts of several sizes, hot, empty, offline; machines in farms."""

import random
from dataclasses import dataclass
from pathlib import Path

_GROUP = "g1|uuid-g1|preferred||"
_LEAST = "128,1,1024,1,1,1"
_MOST = "1048576,128,10485760,16,8,12"
_SIZES = ((1024, 1), (2048, 1), (4096, 2), (8192, 4), (16384, 8))
_HOST_SIZES = ((131072, 32), (196608, 48), (262144, 64))


@dataclass(frozen=True)
class Case:
    """What to make up: the same values give the same files."""

    hosts: int
    vms: int
    seed: int = 0
    hot: float = 0.1
    empty: float = 0.05
    offline: int = 1
    farms: float = 0.2
    fill: float = 0.6
    cpu_ratio: float = 4.0


def write(case: Case, folder: Path, name: str) -> tuple[Path, Path]:
    """NAME.data and NAME.util in `folder`."""
    chance = random.Random(case.seed)  # noqa: S311
    data, load = folder / f"{name}.data", folder / f"{name}.util"
    sizes = [chance.choice(_HOST_SIZES) for _ in range(case.hosts)]
    wishes = [_weight(case, number) for number in range(case.hosts)]
    vms = [chance.choices(_SIZES, (4, 6, 6, 3, 1))[0] for _ in range(case.vms)]
    homes = _homes(case, chance, sizes, wishes, vms)
    scale = case.fill * sum(memory for memory, _ in sizes) / sum(memory for memory, _ in vms)
    vms = [(max(128, int(memory * scale / 128) * 128), cpus) for memory, cpus in vms]
    homes = _homes(case, chance, sizes, wishes, vms)
    data.write_text(_data(case, chance, sizes, vms, homes))
    load.write_text(
        "".join(f"{_vm(number)} {_loads(chance, cpus)}\n" for number, (_, cpus) in enumerate(vms))
    )
    return data, load


def _weight(case: Case, number: int) -> float:
    """How much machines like this host: hot ones come first, empty ones last."""
    if number < case.hot * case.hosts:
        return 3.0
    return 0.05 if number >= case.hosts * (1 - case.empty) else 1.0


def _homes(
    case: Case,
    chance: random.Random,
    sizes: list[tuple[int, int]],
    wishes: list[float],
    vms: list[tuple[int, int]],
) -> list[int]:
    room = [memory - 2048 for memory, _ in sizes]
    cpus = [number * case.cpu_ratio - 1 for _, number in sizes]
    homes = []
    for memory, vcpus in vms:
        fits = [
            host
            for host in chance.choices(range(len(sizes)), wishes, k=20)
            if room[host] >= memory and cpus[host] >= vcpus
        ]
        home = fits[0] if fits else max(range(len(sizes)), key=room.__getitem__)
        room[home] -= memory
        cpus[home] -= vcpus
        homes.append(home)
    return homes


def _data(
    case: Case,
    chance: random.Random,
    sizes: list[tuple[int, int]],
    vms: list[tuple[int, int]],
    homes: list[int],
) -> str:
    used = [0] * len(sizes)
    for (memory, _), home in zip(vms, homes, strict=True):
        used[home] += memory
    nodes = [
        _node(number, size, used[number], number >= case.hosts - case.offline)
        for number, size in enumerate(sizes)
    ]
    instances = [_instance(case, chance, *each) for each in zip(range(len(vms)), vms, homes, strict=True)]
    policy = f"4096,2,40960,1,1,1|{_LEAST};{_MOST}|ext|{case.cpu_ratio}|32.0"
    sections = (
        _GROUP,
        "\n".join(nodes),
        "\n".join(instances),
        "htools:iextags:farm",
        f"|{policy}\ng1|{policy}",
    )
    return "\n\n".join(sections) + "\n"


def _node(number: int, size: tuple[int, int], used: int, offline: bool) -> str:
    memory, cpus = size
    free, role = memory - 1024 - used, "Y" if offline else "N"
    return f"{_host(number)}|{memory}|1024|{free}|4000000|3600000|{cpus}|{role}|uuid-g1|1||N|0|1|1.0"


def _instance(case: Case, chance: random.Random, number: int, size: tuple[int, int], home: int) -> str:
    memory, cpus = size
    farm = f"farm:{chance.randrange(max(1, case.vms // 20))}" if chance.random() < case.farms else ""
    return f"{_vm(number)}|{memory}|40960|{cpus}|running|Y|{_host(home)}||ext|{farm}|1|-"


def _loads(chance: random.Random, cpus: int) -> str:
    busy = chance.paretovariate(2) * 0.05
    loads = (min(1.0, busy) * cpus, chance.random(), chance.random() ** 3, chance.random() ** 3)
    return " ".join(f"{load:.4f}" for load in loads)


def _host(number: int) -> str:
    return f"h{number}"


def _vm(number: int) -> str:
    return f"vm{number}"
