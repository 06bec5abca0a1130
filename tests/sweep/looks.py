"""The scenario of a look at a host over ssh: it sees what is there, and changes nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sweep.machines import empty, jobs_but
from tests.sweep.scenario import Scenario


@dataclass
class Looks(Scenario):
    """At a host with one machine, which is off."""

    uri: str
    """By ssh."""
    local: str
    """The same host, as the test looks at it."""
    fingerprint: str
    """Of its key, as its administrator reads it there."""
    keys: str
    """The folder of our own key."""
    modules = tuple(f"vrabec.hypervisor.{name}" for name in ("connection", "facts", "hostkey"))
    victims = ("engine",)
    only = r"^host\.look"
    most = 1

    def register(self) -> None:
        """With the key that the host knows."""
        from django.conf import settings

        settings.VRABEC_SSH_DIR = Path(self.keys)
        super().register()

    def prepare(self) -> Any:
        """The machine, and no key that was pinned before; gives what the host has."""
        from tests.lab.guests import diskless
        from vrabec.hypervisor import connection, lifecycle

        for path in Path(self.keys).iterdir():
            if not path.name.startswith("id_"):
                path.unlink()
        self.host = getattr(self, "host", None) or connection.open_host(self.local)
        empty(self.host)
        lifecycle.define(self.host, diskless("seen"))
        return self.there()

    def there(self) -> list[str]:
        """Machines, pools, volumes and networks of the host."""
        from vrabec.hypervisor import storage

        with self.host.calling() as raw:
            machines = [one.XMLDesc() for one in raw.listAllDomains()]
            pools, networks = raw.listAllStoragePools(), raw.listAllNetworks()
            names = [f"{type(one).__name__} {one.name()}" for one in (*pools, *networks)]
        return sorted([*machines, *names, *storage.volume_names(self.host, "vrabec")])

    def request(self, context: Any) -> None:
        """Ask for the look."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.services.host_looks import look_at_host

        look_at_host(SYSTEM, uri=self.uri)

    def check(self, context: Any) -> list[str]:
        """The look ended, saw the key and the machine, and the host is as it was."""
        from vrabec.models.jobs import Job

        seen = Job.objects.get().args
        said = (seen.get("fingerprint"), seen.get("found", {}).get("machines"))
        wrong = [] if said == (self.fingerprint, 1) else [f"wrong: it saw {said}"]
        there = self.there()
        return jobs_but("done") + wrong + ([] if there == context else [f"left over: {there}"])

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "host"}
