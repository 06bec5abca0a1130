"""Templates: what may be built, and what is said."""

from pathlib import Path
from threading import Event

import pytest

from tests.cast import Site, site
from vrabec.integrations.images.store import Image
from vrabec.jobs.run import Run
from vrabec.lib.errors import Conflict, Forbidden, Invalid
from vrabec.models.templates import Template
from vrabec.services import templates
from vrabec.workflows.templates import BUILD

__all__ = ["site"]


def test_a_suite_of_debian_is_a_template_of_its_own(site: Site) -> None:
    for suite in ("bookworm", "trixie"):
        job = templates.build_template(site.administrator.actor, builder="debian", suite=suite)
        assert job.args == {"suite": suite}
    titles = Template.objects.filter(builder="debian", has_uefi=True).values_list("name", "title")
    assert dict(titles) == {"debian-bookworm": "Debian 12", "debian-trixie": "Debian 13"}


@pytest.mark.parametrize(
    ("builder", "suite", "words"),
    [
        ("debian", "", "Choose a suite of debian: bookworm, trixie"),
        ("debian", "../../etc", "Choose a suite of debian"),
        ("tiny", "bookworm", "Choose a suite of tiny: it has none"),
        ("", "", "there is: tiny, debian"),
        ("debian-bookworm", "", "There is no builder debian-bookworm"),
    ],
)
def test_what_cannot_be_built_is_refused_and_leaves_nothing(
    site: Site, builder: str, suite: str, words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        templates.build_template(site.administrator.actor, builder=builder, suite=suite)
    assert [template.name for template in Template.objects.all()] == ["tiny"]


def test_one_build_of_a_suite_at_a_time(site: Site) -> None:
    templates.build_template(site.administrator.actor, builder="debian", suite="trixie")
    with pytest.raises(Conflict, match="Another job works on debian-trixie"):
        templates.build_template(site.administrator.actor, builder="debian", suite="trixie")


def test_only_administrators_build(site: Site) -> None:
    with pytest.raises(Forbidden):
        templates.build_template(site.owner.actor, builder="debian", suite="trixie")


@pytest.mark.parametrize(
    ("name", "builder", "command"),
    [
        ("tiny", "tiny", "vrabec template build tiny"),
        ("debian-trixie", "debian", "vrabec template build debian --suite trixie"),
    ],
)
def test_a_lost_template_is_built_anew_by_a_command(name: str, builder: str, command: str) -> None:
    assert Template(name=name, builder=builder).build_command == command


def test_a_new_build_takes_the_place_of_the_old_ones_file(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "old.qcow2", tmp_path / "new.qcow2"
    old.touch()
    new.touch()
    Template.objects.filter(name="tiny").update(path=str(old))
    made = Image(new, "a" * 64, 1, 2**21)
    monkeypatch.setattr("vrabec.integrations.images.tiny.build", lambda *words: made)
    run = Run(templates.build_template(site.administrator.actor, builder="tiny"), Event())
    for _ in range(2):  # as a step may be
        BUILD["template.build"].do(run)
    template = Template.objects.get(name="tiny")
    assert (template.path, template.sha256, template.disk_mib) == (str(new), "a" * 64, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["new.qcow2"]
