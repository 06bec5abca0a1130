"""Clusters: hosts that can stand in for each other, and how full they may become."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Invalid, NotFound
from vrabec.lib.names import check_label
from vrabec.models.clusters import Cluster, Cover, CpuChoice
from vrabec.models.grants import granted
from vrabec.services.permissions import is_for_projects, may, require, require_somewhere
from vrabec.services.record import record

T = TypeVar("T")
LEAST_RATIO, MOST_MEMORY_RATIO, MOST_CPU_RATIO = 0.1, 4.0, 100.0
MOST_HOURS, MOST_MOVES = 24 * 31, 100


@dataclass(frozen=True)
class ClusterWish:
    """What a cluster is to be; None leaves it as it is, or as clusters begin."""

    name: str | None = None
    memory_ratio: float | None = None
    cpu_ratio: float | None = None
    cover: str | None = None
    cpu: str | None = None
    balance_hours: int | None = None
    balance_moves: int | None = None


def list_clusters(actor: Actor) -> QuerySet[Cluster]:
    """The clusters that `actor` sees by name, each with `host_count`: one query."""
    require_somewhere(actor, "cluster.list")
    rows = Cluster.objects.all()
    if not may(actor, "cluster.list"):
        rows = rows.filter(pk__in=granted(actor, "cluster.list", "cluster"))
    if is_for_projects(actor):
        rows = rows.none()
    return rows.annotate(host_count=Count("hosts", filter=Q(hosts__removed_at=None))).order_by("name")


def get_cluster(actor: Actor, *, cluster_id: int) -> Cluster:
    """The cluster of this id. Raises NotFound, Forbidden."""
    found = list_clusters(actor).filter(pk=cluster_id).first()
    if found is None:
        raise NotFound("There is no cluster with this id.")
    return found


def create_cluster(actor: Actor, *, wish: ClusterWish) -> Cluster:
    """Make a cluster without hosts. Raises Invalid naming every broken limit, Conflict, Forbidden."""
    require(actor, "cluster.create")
    wish = ClusterWish(**(asdict(wish) | {"name": wish.name or ""}))
    _check(wish)
    given = _given(wish)
    with transaction.atomic():
        made = _named(wish, lambda: Cluster.objects.create(**given))
        record(actor, "cluster.create", of=made, **given)
    return get_cluster(actor, cluster_id=made.pk)


def change_cluster(actor: Actor, *, cluster: Cluster, wish: ClusterWish) -> Cluster:
    """Change a cluster's name and limits; machines that are beyond them go on running.

    Raises Invalid naming every broken limit, Conflict, Forbidden.
    """
    require(actor, "cluster.change", cluster)
    _check(wish)
    given = _given(wish)
    with transaction.atomic():
        before = Cluster.objects.filter(pk=cluster.pk).values(*given).first() if given else {}
        _named(wish, lambda: Cluster.objects.filter(pk=cluster.pk).update(**given))
        record(actor, "cluster.change", of=cluster, before=before, after=given)
    return get_cluster(actor, cluster_id=cluster.pk)


def remove_cluster(actor: Actor, *, cluster: Cluster) -> None:
    """Remove a cluster that has no hosts. Raises Conflict, Forbidden."""
    require(actor, "cluster.remove", cluster)
    with transaction.atomic():
        # Nobody puts a host into it meanwhile: services/hosts.py takes the same lock.
        list(Cluster.objects.select_for_update().filter(pk=cluster.pk))
        count = cluster.hosts.filter(removed_at=None).count()
        if count:
            raise Conflict(
                "%(name)s has %(count)s hosts; put them into another cluster first.",
                name=cluster.name,
                count=count,
            )
        record(actor, "cluster.remove", of=cluster)
        cluster.delete()


def _given(wish: ClusterWish) -> dict[str, Any]:
    return {field: value for field, value in asdict(wish).items() if value is not None}


def _named(wish: ClusterWish, write: Callable[[], T]) -> T:
    try:
        with transaction.atomic():
            return write()
    except IntegrityError as error:
        raise Conflict("A cluster named %(name)s exists already.", name=wish.name, field="name") from error


def _check(wish: ClusterWish) -> None:
    errors = tuple(_errors(wish))
    if errors:
        first = errors[0]
        raise Invalid(first.template, field=first.field, errors=errors, **first.params)


def _errors(wish: ClusterWish) -> Iterator[Invalid]:
    if wish.name is not None:
        try:
            check_label(wish.name)
        except Invalid as error:
            yield error
    yield from _range("memory_ratio", wish.memory_ratio, LEAST_RATIO, MOST_MEMORY_RATIO)
    yield from _range("cpu_ratio", wish.cpu_ratio, LEAST_RATIO, MOST_CPU_RATIO)
    yield from _range("balance_hours", wish.balance_hours, 0, MOST_HOURS)
    yield from _range("balance_moves", wish.balance_moves, 1, MOST_MOVES)
    if wish.cover is not None and wish.cover not in Cover.values:
        yield Invalid("Choose one of: %(known)s.", field="cover", known=", ".join(Cover.values))
    if wish.cpu is not None and wish.cpu not in CpuChoice.values:
        yield Invalid("Choose one of: %(known)s.", field="cpu", known=", ".join(CpuChoice.values))


def _range(field: str, value: float | None, least: float, most: float) -> Iterator[Invalid]:
    if value is not None and not least <= value <= most:
        yield Invalid("Choose from %(least)s to %(most)s.", field=field, least=least, most=most)
