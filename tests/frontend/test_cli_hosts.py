"""vrabec host add over ssh: what is asked, what is given, and what is trusted then."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cast import Site
from tests.frontend.command import Terminal, Vrabec, command, home, signed_in, terminal, vrabec
from tests.frontend.controller import controller, engine
from tests.frontend.test_hosts import KEY, SHOWN, URI, keys, looked
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job, JobState

__all__ = ["command", "controller", "engine", "home", "keys", "signed_in", "terminal", "vrabec"]
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


@pytest.mark.parametrize(("answer", "ending"), [("y", (0, [KEY])), ("n", (130, []))])
def test_on_a_terminal_the_key_is_shown_and_asked_about(
    vrabec: Vrabec, terminal: Callable[..., Terminal], answer: str, ending: tuple[int, list[str]]
) -> None:
    screen = terminal("host", "add", "kvm2", "--uri", URI)
    screen.until("queued")
    Job.objects.update(state=JobState.DONE, args=looked().args)
    screen.until("Is it the host's?")
    assert SHOWN in screen.seen
    assert "kvm2: 41 machines, libvirt 9.0.0, 8 CPUs, 32 GiB." in screen.seen
    screen.type(answer)
    status = screen.end()
    assert (status, list(Host.objects.filter(name="kvm2").values_list("host_key", flat=True))) == ending


def test_the_command_confirms_a_new_key(site: Site, done_at_once: None, vrabec: Vrabec) -> None:
    Host.objects.create(name="kvm2", uri=URI, host_key="ssh-ed25519 AAAA")
    assert vrabec("host", "confirm", "kvm2", "--fingerprint", SHOWN).status == 0
    assert Host.objects.get(name="kvm2").host_key == KEY


def test_the_command_prints_the_public_key(site: Site, keys: str, vrabec: Vrabec) -> None:
    assert vrabec("host", "key").out.strip() == keys
