"""Two people at one thing at the same moment: one does it, the other is told, and nothing is done twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from tests.cast import Site, site
from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, VrabecError
from vrabec.models.audit import Audit
from vrabec.models.jobs import Job
from vrabec.models.vms import Vm
from vrabec.services import vms
from vrabec.services.hosts import add_host
from vrabec.services.jobs import retry_job
from vrabec.services.projects import create_project
from vrabec.services.templates import build_template
from vrabec.services.vm_clone import CloneWish, clone_vm
from vrabec.services.vm_edit import VmWords, describe_vm, rename_vm

__all__ = ["site"]
pytestmark = pytest.mark.django_db(transaction=True)
Act = Callable[[Actor, Vm], Any]


def at_once(site: Site, *acts: Act) -> tuple[list[Any], list[VrabecError]]:
    """What was done and what was refused, of acts by the owner and the administrator at the same moment."""
    barrier = Barrier(len(acts))

    def do(act: Act, actor: Actor) -> Any:
        try:
            vm = vms.get_vm(actor, vm_id=site.vm.pk)
            barrier.wait()
            return act(actor, vm)
        except VrabecError as error:
            return error
        finally:
            connection.close()

    people = (site.owner.actor, site.administrator.actor)
    with ThreadPoolExecutor(len(acts)) as pool:
        answers = list(pool.map(do, acts, people))
    return (
        [answer for answer in answers if not isinstance(answer, VrabecError)],
        [answer for answer in answers if isinstance(answer, VrabecError)],
    )


def start(actor: Actor, vm: Vm) -> Job:
    return vms.start_vm(actor, vm=vm)


def delete(actor: Actor, vm: Vm) -> Job:
    return vms.delete_vm(actor, vm=vm)


def rename(actor: Actor, vm: Vm) -> Job:
    return rename_vm(actor, vm=vm, name="other")


@pytest.mark.parametrize(
    "acts",
    [(start, start), (start, delete), (rename, delete)],
    ids=["start twice", "start, delete", "rename, delete"],
)
def test_of_two_verbs_on_one_machine_one_is_done_and_the_other_names_it(
    acts: tuple[Act, Act], site: Site
) -> None:
    [job], [refusal] = at_once(site, *acts)
    assert isinstance(refusal, Conflict)
    assert refusal.params["job_id"] == job.pk
    assert [row.pk for row in Job.objects.all()] == [job.pk]
    assert Audit.objects.filter(job_id__isnull=False).count() == 1, (
        "what was refused is not on record as done"
    )


def copy(actor: Actor, vm: Vm) -> Job:
    return clone_vm(actor, vm=vm, wish=CloneWish("copy", "alpha"))


def project(actor: Actor, vm: Vm) -> object:
    return create_project(Actor(actor.user_id, actor.name, is_administrator=True), name="gamma")


def host(actor: Actor, vm: Vm) -> Job:
    return add_host(
        Actor(actor.user_id, actor.name, is_administrator=True), name="kvm2", uri="test:///default"
    )


def template(actor: Actor, vm: Vm) -> Job:
    return build_template(
        Actor(actor.user_id, actor.name, is_administrator=True), builder="debian", suite="trixie"
    )


@pytest.mark.parametrize("act", [copy, project, host, template])
def test_of_two_things_of_one_name_one_is_made(act: Act, site: Site) -> None:
    done, [refusal] = at_once(site, act, act)
    assert len(done) == 1
    assert isinstance(refusal, Conflict)


def test_two_who_describe_a_machine_lose_neither_tag(site: Site) -> None:
    def tag(word: str) -> Act:
        return lambda actor, vm: describe_vm(actor, vm=vm, words=VmWords(tag=(word,)))

    assert at_once(site, tag("red"), tag("blue"))[1] == []
    assert Vm.objects.get(pk=site.vm.pk).tags == ["blue", "red"]


def test_of_two_who_retry_a_failed_job_one_does(site: Site) -> None:
    failed = vms.start_vm(site.owner.actor, vm=site.vm)
    Job.objects.filter(pk=failed.pk).update(state="failed")

    def retry(actor: Actor, vm: Vm) -> Job:
        return retry_job(actor, job=Job.objects.get(pk=failed.pk))

    done, [refusal] = at_once(site, retry, retry)
    assert len(done) == 1
    assert isinstance(refusal, Conflict)
    assert Job.objects.filter(state="queued").count() == 1
