"""How templates are built on the controller and put on hosts."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from threading import Lock

from django.conf import settings

from vrabec.hypervisor import storage, transfer
from vrabec.hypervisor.connection import HostConnection
from vrabec.integrations.images import debian, tiny
from vrabec.integrations.images.store import Image, Progress
from vrabec.jobs.plans import Plan, Step, fixed, register
from vrabec.jobs.run import Run
from vrabec.lib.clock import now
from vrabec.lib.errors import HostError
from vrabec.models.changes import changed
from vrabec.models.hosts import POOL
from vrabec.models.templates import Template, TemplateCopy, TemplateState
from vrabec.models.vms import Vm

_uploading: defaultdict[tuple[int, str], Lock] = defaultdict(Lock)
"""One upload of a template to a host at a time; others wait and find it there."""


def register_templates() -> None:
    """Tell the engine the kinds of jobs on templates."""
    register("template.build", Plan("Build", fixed(*BUILD)), BUILD)


def template_volume(template: Template) -> str:
    """The name of its volume on every host."""
    return f"template-{template.name}-{template.sha256[:12]}.qcow2"


def template_on_host(run: Run, host: HostConnection, vm: Vm, host_id: int) -> str:
    """The path, on this host, of the machine's template's volume; uploads it where it is not whole."""
    template = vm.template
    if template is None:
        raise HostError("%(name)s has no template.", name=vm.name)
    with _uploading[host_id, template.sha256]:
        name = template_volume(template)
        found = storage.volume(host, POOL, name)
        key = {"host_id": host_id, "sha256": template.sha256}
        if found and TemplateCopy.objects.filter(**key).exists():
            return found.path
        TemplateCopy.objects.filter(**key).delete()
        _upload(run, host, template, name)
        TemplateCopy.objects.create(template=template, **key)
        made = storage.volume(host, POOL, name)
        if made is None:
            raise HostError("The template's volume vanished while it was made; retry.")
        return made.path


def _upload(run: Run, host: HostConnection, template: Template, name: str) -> None:
    path = Path(template.path)
    if not path.exists():
        raise HostError(
            "The template's file is not in the controller's store. Build it: %(command)s.",
            command=template.build_command,
            raw=f"no file {path}",
        )
    size = path.stat().st_size

    def report(sent: int) -> None:
        run.check()
        run.go_on()  # an end in order: libvirt 11.3 hangs for good when a client dies in the middle of one
        run.progress(100 * sent / size)

    with path.open("rb") as data:
        transfer.upload(host, POOL, name, data, size, progress=report)


def _open(run: Run) -> None:
    _set_state(run, TemplateState.BUILDING)


def _not_built(run: Run) -> None:
    _set_state(run, TemplateState.FAILED)


def _set_state(run: Run, state: TemplateState) -> None:
    """An earlier build stays ready while a new one runs or fails."""
    Template.objects.filter(pk=run.job.template_id or 0, path="").update(state=state)
    changed("template", run.job.template_id or 0)


def _build(run: Run) -> None:
    said = ""

    def progress(percent: int, what: str) -> None:
        nonlocal said
        if what != said:
            said = what
            run.log("%(what)s", what=what)
        run.progress(percent)

    template = Template.objects.get(pk=run.job.template_id or 0)
    image = _image(run, template.builder, progress)
    Template.objects.filter(pk=template.pk).update(
        state=TemplateState.READY,
        path=str(image.path),
        sha256=image.sha256,
        size_bytes=image.size_bytes,
        disk_mib=-(-image.virtual_size_bytes // 2**20),
        built_at=now(),
    )
    changed("template", template.pk)
    if template.path and template.path != str(image.path):
        Path(template.path).unlink(
            missing_ok=True
        )  # machines are made of the new one; hosts have their copies


def _image(run: Run, builder: str, progress: Progress) -> Image:
    folder = Path(settings.VRABEC_TEMPLATES_DIR)
    if builder == "debian":
        return debian.build(run.args["suite"], folder, progress, run.is_cancelled)
    return tiny.build(folder, progress, run.is_cancelled)


BUILD = {
    "template.open": Step("Prepare", _open, _not_built),
    "template.build": Step("Build the image", _build),
}
