"""vrabec host add over ssh: what is asked, what is given, and what is trusted then."""

from typing import Any

import pytest

from tests.cast import Site
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller, engine
from tests.frontend.test_hosts import KEY, SHOWN, URI, keys, looked
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job, JobState

__all__ = ["command", "controller", "engine", "home", "keys", "signed_in", "vrabec"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's part: a look is over as soon as somebody waits for it."""
    from vrabec_client.client import Client as Controller

    def wait(self: Controller, job_id: int, **given: Any) -> Any:
        Job.objects.filter(pk=job_id).update(state=JobState.DONE, args=looked().args)
        return self.get_job(job_id)

    monkeypatch.setattr(Controller, "wait_for_job", wait)


def test_the_command_adds_a_host_whose_fingerprint_is_given(
    site: Site, done_at_once: None, vrabec: Vrabec
) -> None:
    done = vrabec("host", "add", "kvm2", "--uri", URI, "--fingerprint", SHOWN)
    assert done.status == 0
    assert Host.objects.get(name="kvm2").host_key == KEY


def test_the_command_refuses_another_fingerprint_than_the_hosts(
    site: Site, done_at_once: None, vrabec: Vrabec
) -> None:
    done = vrabec("host", "add", "kvm2", "--uri", URI, "--fingerprint", "SHA256:other")
    assert done.status != 0
    assert SHOWN in done.err
    assert not Host.objects.filter(name="kvm2").exists()


def test_the_command_trusts_nothing_where_nobody_can_be_asked(
    site: Site, done_at_once: None, vrabec: Vrabec
) -> None:
    done = vrabec("host", "add", "kvm2", "--uri", URI)
    assert done.status != 0
    assert "--fingerprint" in done.err
    assert not Host.objects.filter(name="kvm2").exists()


def test_the_command_confirms_a_new_key(site: Site, done_at_once: None, vrabec: Vrabec) -> None:
    Host.objects.create(name="kvm2", uri=URI, host_key="ssh-ed25519 AAAA")
    assert vrabec("host", "confirm", "kvm2", "--fingerprint", SHOWN).status == 0
    assert Host.objects.get(name="kvm2").host_key == KEY


def test_the_command_prints_the_public_key(site: Site, keys: str, vrabec: Vrabec) -> None:
    assert vrabec("host", "key").out.strip() == keys
