"""A controller that stops while a template is on its way to a real host."""

import os
from pathlib import Path
from threading import Event

import pytest

from tests.lab.host import LabHost
from vrabec.hypervisor import connection, storage
from vrabec.jobs.run import Run
from vrabec.jobs.store import LostJob
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job, JobState
from vrabec.models.templates import Template
from vrabec.models.vms import Vm
from vrabec.workflows.templates import POOL, template_on_host

pytestmark = pytest.mark.lab
SIZE = 8 << 20


@pytest.mark.django_db
def test_what_was_half_sent_is_taken_back_and_sent_again_later(
    other_lab_host: LabHost, tmp_path: Path
) -> None:
    template = Template(name="big", path=str(tmp_path / "template"), sha256="b16")
    Path(template.path).write_bytes(os.urandom(SIZE))
    template.save()
    host_id = Host.objects.create(name="kvm1", uri=other_lab_host.uri).pk
    stopping = Event()
    run = Run(Job.objects.create(kind="vm.create", state=JobState.RUNNING, plan=["a"], begun=1), stopping)
    with connection.open_host(other_lab_host.uri) as host:
        storage.ensure_pool(host, POOL, str(other_lab_host.images / "stops"))
        stopping.set()
        with pytest.raises(LostJob):
            template_on_host(run, host, Vm(template=template), host_id)
        assert storage.volume_names(host, POOL) == ()
        stopping.clear()
        sent = template_on_host(run, host, Vm(template=template), host_id)
        assert Path(sent).stat().st_size == SIZE
