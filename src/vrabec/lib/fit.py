"""What a machine needs of a host, what a host offers, and what is missing, in words.

Read by the hypervisor package, stored with rows as plain JSON, compared where no host can be asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

Why = tuple[str, dict[str, Any]]
"""A message id and its parameters."""
_OLD_QEMU = 4
"""From 4.0 on QEMU drops its caches at the switch-over, and any cache mode may move (libvirt 5.4)."""
_SAFE_CACHES = ("none", "directsync")


class _Stored:
    """To and from JSON; what an older version has not stored is as if it were not known."""

    def stored(self) -> dict[str, Any]:
        """As JSON gives it back."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in vars(self).items()}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """From what `vars` gave, lists for tuples."""
        names = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        known = {name: value for name, value in stored.items() if name in names}
        return cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in known.items()})


@dataclass(frozen=True)
class Needs(_Stored):
    """A machine's. `features` are what its CPU must have beside its `model`'s; that is "" where any will do.

    `drops_features`: its CPU lacks some of its model's, so that the model's name alone says little.
    `devices` are the host's own that it holds, `media` the images in its drives, `caches` its disks' modes.
    `disks` are where its disks lie: a path, or POOL/VOLUME where libvirt is told so.
    """

    domain_type: str = ""
    arch: str = ""
    machine: str = ""
    model: str = ""
    features: tuple[str, ...] = ()
    drops_features: bool = False
    networks: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()
    disks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Offers(_Stored):
    """A host's: empty where it did not say, which is then no reason against it.

    `cpu` is its own CPU as a guest may have it, in libvirt's XML.
    """

    arch: str = ""
    domain_types: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    qemu: int = 0
    cpu: str = ""


@dataclass(frozen=True)
class Baseline(_Stored):
    """A CPU that several hosts can give a guest: libvirt's `xml`, its model and all its flags."""

    xml: str = ""
    model: str = ""
    features: tuple[str, ...] = ()


def missing(needs: Needs, offers: Offers) -> tuple[Why, ...]:
    """All that keeps the machine from running on the host, as far as both are known."""
    return (*_of_the_machine(needs), *_of_the_host(needs, offers))


def _of_the_machine(needs: Needs) -> Iterator[Why]:
    for device in needs.devices:
        yield "It holds a device of its host (%(device)s): take that away first.", {"device": device}
    for path in needs.media:
        yield "%(path)s is in its drive: eject it first.", {"path": path}


def _of_the_host(needs: Needs, offers: Offers) -> Iterator[Why]:
    if _lacks(needs.arch, (offers.arch,) if offers.arch else ()):
        yield "Its CPUs are %(has)s, not %(arch)s.", {"has": offers.arch, "arch": needs.arch}
        return
    if _lacks(needs.domain_type, offers.domain_types):
        yield "%(type)s does not work there.", {"type": needs.domain_type.upper()}
    if _lacks(needs.machine, offers.machines):
        yield "Its QEMU does not know the machine type %(machine)s.", {"machine": needs.machine}
    for network in needs.networks:
        if network not in offers.networks:
            yield "It has no network %(network)s.", {"network": network}
    yield from _of_the_cpu(needs, offers)
    if 0 < offers.qemu < _OLD_QEMU and set(needs.caches) - set(_SAFE_CACHES):
        cache = min(set(needs.caches) - set(_SAFE_CACHES))
        yield "Its QEMU is too old to take a disk with the cache mode %(cache)s.", {"cache": cache}


def _of_the_cpu(needs: Needs, offers: Offers) -> Iterator[Why]:
    if not needs.drops_features and _lacks(needs.model, offers.models):
        yield "Its CPU cannot be a %(model)s.", {"model": needs.model}
    absent = [name for name in needs.features if _lacks(name, offers.features)]
    if absent:
        yield "Its CPU lacks %(flags)s.", {"flags": ", ".join(absent)}


def _lacks(wanted: str, offered: tuple[str, ...]) -> bool:
    return bool(wanted) and bool(offered) and wanted not in offered
