"""What lies on a host, asked of the host itself: its libvirt, its pool's folder, its processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from xml.sax.saxutils import escape

import libvirt

from tests.lab import LabHost
from tests.lab.guests import diskless

POOL = "vrabec"
_WORDS = {
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_SHUTOFF: "off",
}


class OnHost:
    """One host's machines and volumes, by a connection that Vrabec knows nothing of."""

    def __init__(self, host: LabHost) -> None:
        self.host = host
        self.folder = host.images / POOL

    @contextmanager
    def libvirt(self) -> Iterator[libvirt.virConnect]:
        """A connection of our own."""
        connection = libvirt.open(self.host.uri)
        try:
            yield connection
        finally:
            connection.close()

    def domains(self) -> dict[str, str]:
        """Every machine by name: running, paused, off. By one call: between two a machine may go."""
        with self.libvirt() as connection:
            found = connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)
            return {domain.name(): _WORDS.get(stats["state.state"], "other") for domain, stats in found}

    @contextmanager
    def foreign(self, name: str, *, network: str = "default") -> Iterator[str]:
        """A machine that somebody else defines and, in the end, undefines; gives its UUID."""
        with self.libvirt() as connection:
            domain = connection.defineXML(diskless(escape(name), network=network))
            try:
                yield domain.UUIDString()
            finally:
                if domain.isActive():
                    domain.destroy()
                domain.undefine()

    def files(self) -> set[str]:
        """The files in our pool's folder that are no template."""
        return {path.name for path in self.folder.glob("*") if not path.name.startswith("template-")}

    def delete_files(self) -> None:
        """Delete the volumes that are no template."""
        with self.libvirt() as connection:
            pool = connection.storagePoolLookupByName(POOL)
            for name in self.files():
                pool.storageVolLookupByName(name).delete()

    def templates(self) -> set[str]:
        """The templates in our pool's folder."""
        return {path.name for path in self.folder.glob("template-*")}

    def drop_templates(self) -> None:
        """Remove the templates' files behind libvirt's back."""
        for name in self.templates():
            (self.folder / name).unlink()

    def remains(self) -> list[str]:
        """All that machines leave on a host: domains, disks, seeds, volumes in libvirt's list, processes."""
        with self.libvirt() as connection:
            pool = connection.storagePoolLookupByName(POOL)
            pool.refresh()
            listed = {name for name in pool.listVolumes() if not name.startswith("template-")}
        processes = {f"process {pid}" for pid in self.host.guest_pids()}
        return sorted({f"domain {name}" for name in self.domains()} | self.files() | listed | processes)
