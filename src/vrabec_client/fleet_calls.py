"""Operations on hosts, clusters, templates and networks, named as in the REST interface."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack, cast
from urllib.parse import quote

from vrabec_client import fleet, schemas
from vrabec_client.calls import Calls, is_id
from vrabec_client.errors import Ambiguous, NotFound


class FleetCalls(Calls):
    """What a controller is asked of its hosts, clusters, templates and networks."""

    def list_hosts(self, *, state: str = "") -> list[fleet.Host]:
        """All hosts, or those in one state. Raises Invalid, Forbidden."""
        return cast("list[fleet.Host]", self._get("/hosts", {"state": state} if state else None))

    def get_host(self, host_id: int) -> fleet.Host:
        """One host. Raises NotFound, Forbidden."""
        return cast("fleet.Host", self._get(f"/hosts/{host_id:d}"))

    def get_ssh_key(self) -> fleet.SshKey:
        """Vrabec's own SSH key, for ~/.ssh/authorized_keys on a host. Raises NotFound, Forbidden."""
        return cast("fleet.SshKey", self._get("/hosts/key"))

    def look_at_host(self, uri: str) -> schemas.Job:
        """Look at a host before adding it; `get_look` tells what was seen. Raises Invalid, Forbidden."""
        return cast("schemas.Job", self._post("/hosts/looks", {"uri": uri}))

    def get_look(self, job_id: int) -> fleet.Look:
        """What the look of this job has seen so far. Raises NotFound, Forbidden."""
        return cast("fleet.Look", self._get(f"/hosts/looks/{job_id:d}"))

    def add_host(self, name: str, uri: str, *, fingerprint: str = "", cluster: str = "") -> schemas.Job:
        """Add a host by its libvirt URI; the job looks at it. By ssh give the fingerprint of a look back.

        Without a `cluster` it goes into the oldest one. Raises Invalid, Conflict, Forbidden.
        """
        body = {"name": name, "uri": uri, "fingerprint": fingerprint, "cluster": cluster}
        return cast("schemas.Job", self._post("/hosts", body))

    def change_host(self, host_id: int, *, cluster: str) -> fleet.Host:
        """Put a host into another cluster. Raises NotFound, Invalid, Forbidden."""
        return cast("fleet.Host", self._patch(f"/hosts/{host_id:d}", {"cluster": cluster}))

    def list_clusters(self) -> list[fleet.Cluster]:
        """All clusters. Raises Forbidden."""
        return cast("list[fleet.Cluster]", self._get("/clusters"))

    def create_cluster(self, name: str, **wish: Unpack[fleet.ClusterLimits]) -> fleet.Cluster:
        """Make a cluster. Raises Invalid, Conflict, Forbidden."""
        return cast("fleet.Cluster", self._post("/clusters", {"name": name, **wish}))

    def change_cluster(self, cluster_id: int, **wish: Unpack[fleet.ClusterWish]) -> fleet.Cluster:
        """Change a cluster's name and limits. Raises NotFound, Invalid, Conflict, Forbidden."""
        return cast("fleet.Cluster", self._patch(f"/clusters/{cluster_id:d}", wish))

    def remove_cluster(self, cluster_id: int) -> None:
        """Remove a cluster that has no hosts. Raises NotFound, Conflict, Forbidden."""
        self._delete(f"/clusters/{cluster_id:d}")

    def get_capacity(self, *, cluster: int | None = None) -> list[fleet.ClusterCapacity]:
        """How full every cluster is that has hosts, or the one of this id. Raises NotFound, Forbidden."""
        found = self._get("/capacity", {} if cluster is None else {"cluster": cluster})
        return cast("list[fleet.ClusterCapacity]", found)

    def get_balance(self, cluster_id: int, *, most: int = 20) -> fleet.Balance:
        """At most so many moves that make a cluster more even. Raises NotFound, Invalid, Forbidden."""
        return cast("fleet.Balance", self._get(f"/clusters/{cluster_id:d}/balance", {"most": most}))

    def make_moves(self, cluster_id: int, moves: list[fleet.WantedMove]) -> fleet.Moved:
        """Queue moves in this order. Raises NotFound, Invalid, Forbidden."""
        return cast("fleet.Moved", self._post(f"/clusters/{cluster_id:d}/balance", {"moves": moves}))

    def find_cluster(self, name: str) -> fleet.Cluster:
        """The cluster of this name or id. Raises NotFound, Forbidden."""
        for cluster in self.list_clusters():
            if name in (cluster["name"], str(cluster["id"])):
                return cluster
        raise NotFound(f"There is no cluster named {name}.", field="name")

    def confirm_host(self, host_id: int, fingerprint: str) -> fleet.Host:
        """Trust the key that a look has shown, in place of the one before.

        Raises NotFound, Invalid, Conflict, Forbidden.
        """
        body = {"fingerprint": fingerprint}
        return cast("fleet.Host", self._post(f"/hosts/{host_id:d}/confirm", body))

    def plan_maintenance(self, host_id: int) -> fleet.MaintenancePlan:
        """What emptying a host would come to; nothing is changed. Raises NotFound, Forbidden."""
        return cast("fleet.MaintenancePlan", self._get(f"/hosts/{host_id:d}/maintenance"))

    def maintain_host(self, host_id: int, *, rest: str = "leave") -> schemas.Job:
        """Put a host into maintenance; `rest` "shutdown" shuts down what cannot move.

        Raises NotFound, Invalid, Conflict, Forbidden.
        """
        return cast("schemas.Job", self._post(f"/hosts/{host_id:d}/maintenance", {"rest": rest}))

    def resume_host(self, host_id: int, *, bring_back: bool = True) -> schemas.Job:
        """End a host's maintenance. Raises NotFound, WrongState, Conflict, Forbidden."""
        return cast("schemas.Job", self._post(f"/hosts/{host_id:d}/resume", {"bring_back": bring_back}))

    def remove_host(self, host_id: int) -> None:
        """Forget a host; everything on it goes on running. Raises NotFound, Conflict, Forbidden."""
        self._delete(f"/hosts/{host_id:d}")

    def find_host(self, name: str) -> fleet.Host:
        """The host of this name or id. Raises NotFound, Forbidden."""
        if is_id(name):
            return self.get_host(int(name))
        for host in self.list_hosts():
            if host["name"] == name:
                return host
        raise NotFound(f"There is no host named {name}.", field="name")

    # storage

    def list_pools(self, *, host: str = "") -> list[fleet.Pool]:
        """Storage pools of all hosts, or of one. Raises Invalid for a host that is not there, Forbidden."""
        return cast("list[fleet.Pool]", self._get("/pools", {"host": host} if host else None))

    def find_pool(self, name: str, *, host: str = "") -> fleet.Pool:
        """The pool of this name or id. Raises NotFound, Invalid, Ambiguous, Forbidden."""
        named = [pool for pool in self.list_pools(host=host) if name in (pool["name"], str(pool["id"]))]
        if not named:
            raise NotFound(f"There is no storage pool named {name}.", field="name")
        if len(named) > 1:
            hosts = ", ".join(pool["host"] for pool in named)
            raise Ambiguous(f"Several hosts have a pool {name}: {hosts}. Name one by --host.", field="host")
        return named[0]

    def list_volumes(
        self, pool_id: int, *, search: str = "", page: int = 1, per_page: int = 50
    ) -> fleet.VolumePage:
        """One page of a pool's volumes, with `search` in their names. Raises NotFound, Forbidden."""
        query = {"page": page, "per_page": per_page, **({"q": search} if search else {})}
        return cast("fleet.VolumePage", self._get(f"/pools/{pool_id:d}/volumes", query))

    # templates and networks

    def list_templates(self) -> list[schemas.Template]:
        """All templates."""
        return cast("list[schemas.Template]", self._get("/templates"))

    def build_template(self, builder: str, *, suite: str = "") -> schemas.Job:
        """Build a template on the controller, or build it anew. Raises Invalid, Conflict, Forbidden."""
        return cast("schemas.Job", self._post("/templates", {"builder": builder, "suite": suite}))

    def share_template(self, name: str, projects: Iterable[str]) -> schemas.Template:
        """Say for which projects a template is: none are all. Raises NotFound, Invalid, Forbidden."""
        path = f"/templates/{quote(name, safe='')}/projects"
        return cast("schemas.Template", self._put(path, {"projects": list(projects)}))

    def list_networks(self) -> list[fleet.Network]:
        """Networks that machines can be put on."""
        return cast("list[fleet.Network]", self._get("/networks"))

    def share_network(self, name: str, projects: Iterable[str]) -> fleet.Network:
        """Say for which projects a network is: none are all. Raises NotFound, Invalid, Forbidden."""
        path = f"/networks/{quote(name, safe='')}/projects"
        return cast("fleet.Network", self._put(path, {"projects": list(projects)}))
