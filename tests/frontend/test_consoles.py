"""Consoles: tickets, who is let in, what is carried, and when an open console closes."""

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import Client

from tests.cast import Person, Site, site
from tests.frontend.desk import SAID, desk
from tests.frontend.playing import play
from vrabec.frontends.live.app import Live
from vrabec.lib import tunnel
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, Forbidden, Invalid, NotFound, VrabecError, WrongState
from vrabec.models.audit import Audit
from vrabec.models.changes import changed
from vrabec.models.consoles import ConsoleTicket
from vrabec.models.grants import Grant
from vrabec.models.hosts import HostState
from vrabec.models.vms import Seen, Vm
from vrabec.services.consoles import make_ticket, use_ticket

__all__ = ["site"]
LIMIT_SECONDS = 20.0


@pytest.fixture
def running(site: Site) -> Site:
    """The site with its machine running."""
    site.vm.seen = Seen.RUNNING
    site.vm.save()
    return site


class Browser:
    """One WebSocket: what came, how it ended, and what to send."""

    def __init__(self, live: Live, person: Person, ticket: str, **other: Any) -> None:
        self.status = 0
        self.code = 0
        self.reason = ""
        self.subprotocol = ""
        self.shown = b""
        self.more = asyncio.Event()
        self.ended = asyncio.Event()
        self.typed: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.typed.put_nowait({"type": "websocket.connect"})
        headers = {"host": "localhost", "authorization": f"Bearer {person.secret}"} | other.get("headers", {})
        self._scope = {
            "type": "websocket",
            "path": other.get("path", ""),
            "client": ("127.0.0.1", 1),
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
            "subprotocols": ["vrabec.console", f"ticket.{ticket}"],
        }
        self._task = asyncio.create_task(self._run(live))

    async def _run(self, live: Live) -> None:
        try:
            await live(self._scope, self.typed.get, self._send)
        finally:
            self.ended.set()
            self.more.set()

    async def _send(self, message: dict[str, Any]) -> None:
        self.subprotocol = message.get("subprotocol", self.subprotocol)
        self.status = message.get("status", self.status)
        self.code, self.reason = message.get("code", self.code), message.get("reason", self.reason)
        self.shown += message.get("bytes", b"")
        self.more.set()

    def type(self, data: bytes) -> None:
        self.typed.put_nowait({"type": "websocket.receive", "bytes": data})

    async def see(self, data: bytes) -> None:
        """Wait until `data` is the end of what came."""
        while not self.shown.endswith(data):
            assert not self.ended.is_set(), (self.status, self.code, self.reason)
            self.more.clear()
            await asyncio.wait_for(self.more.wait(), LIMIT_SECONDS)

    async def end(self) -> None:
        await asyncio.wait_for(self.ended.wait(), LIMIT_SECONDS)

    async def leave(self) -> None:
        self.typed.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await self.end()


def ticket(person: Person, site: Site, kind: str = "vnc", *, take: bool = False) -> str:
    return make_ticket(person.actor, vm=site.vm, kind=kind, take=take).secret


def path_to(site: Site, kind: str = "vnc") -> str:
    return f"/live/consoles/{site.vm.pk}/{kind}"


# --- tickets


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (Seen.OFF, "off: start it"),
        (Seen.CRASHED, "crashed"),
        (Seen.PENDING, "yet"),
        (Seen.UNKNOWN, "unknown"),
    ],
)
def test_only_a_machine_that_runs_has_a_console(site: Site, seen: Seen, sentence: str) -> None:
    site.vm.seen = seen
    with pytest.raises(WrongState, match=sentence):
        ticket(site.owner, site)


def test_a_silent_host_has_no_consoles(running: Site) -> None:
    running.vm.host.state = HostState.UNREACHABLE
    with pytest.raises(WrongState, match="does not answer"):
        ticket(running.owner, running)


def test_a_console_that_does_not_exist_is_refused(running: Site) -> None:
    with pytest.raises(Invalid):
        ticket(running.owner, running, "telnet")


def test_a_ticket_is_stored_as_its_hash_alone(running: Site) -> None:
    secret = ticket(running.owner, running)
    [row] = ConsoleTicket.objects.values()
    assert secret not in str(row)


def test_a_ticket_works_once_and_is_on_record(running: Site) -> None:
    given = {"secret": ticket(running.owner, running), "vm_id": running.vm.pk, "kind": "vnc"}
    wanted = use_ticket(running.owner.actor, **given)
    assert (wanted.uri, wanted.uuid, wanted.who) == ("test:///default", str(running.vm.uuid), "olga")
    with pytest.raises(Forbidden, match="was used"):
        use_ticket(running.owner.actor, **given)
    lines = Audit.objects.filter(action="vm.console", actor="olga").values_list("subject", "detail")
    assert list(lines) == [("web", {"console": "vnc", "taken": False})]


def test_a_ticket_that_has_ended_opens_nothing(running: Site) -> None:
    secret = ticket(running.owner, running)
    ConsoleTicket.objects.update(expires_at=now() - timedelta(seconds=1))
    with pytest.raises(Forbidden):
        use_ticket(running.owner.actor, secret=secret, vm_id=running.vm.pk, kind="vnc")
    ticket(running.owner, running)
    assert ConsoleTicket.objects.count() == 1  # the old one was swept


@pytest.mark.parametrize("wrong", ["user", "machine", "kind"])
def test_a_ticket_is_for_one_person_machine_and_kind(running: Site, wrong: str) -> None:
    secret = ticket(running.owner, running)
    person = running.administrator if wrong == "user" else running.owner
    other = running.make_vm("other", seen=Seen.RUNNING)
    vm, kind = other if wrong == "machine" else running.vm, "serial" if wrong == "kind" else "vnc"
    with pytest.raises(Forbidden, match="another console"):
        use_ticket(person.actor, secret=secret, vm_id=vm.pk, kind=kind)
    assert ConsoleTicket.objects.count() == 1  # it is still good for what it was made for


def test_a_right_that_was_withdrawn_since_makes_the_ticket_worthless(running: Site) -> None:
    secret = ticket(running.owner, running)
    Grant.objects.filter(user=running.owner.user).delete()
    with pytest.raises(NotFound):
        use_ticket(running.owner.actor, secret=secret, vm_id=running.vm.pk, kind="vnc")


def test_rest_gives_a_ticket_with_all_that_a_client_needs(running: Site) -> None:
    client = Client(headers={"authorization": f"Bearer {running.owner.secret}"})
    url = f"/api/v1/vms/{running.vm.pk}/console"
    answer = client.post(url, {"kind": "serial"}, content_type="application/json", secure=True).json()
    assert answer["path"] == f"/live/consoles/{running.vm.pk}/serial"
    assert answer["protocols"][0] == "vrabec.console"
    refused = client.post(url, {"kind": "telnet"}, content_type="application/json", secure=True)
    assert (refused.status_code, refused.json()["error"]["field"]) == (422, "kind")


# --- through the gate


@pytest.mark.django_db(transaction=True)
def test_bytes_go_both_ways_unchanged(running: Site) -> None:
    secret = ticket(running.owner, running)

    async def check(live: Live) -> None:
        with desk() as process:
            browser = Browser(live, running.owner, secret, path=path_to(running))
            await browser.see(SAID)
            assert browser.subprotocol == "vrabec.console"
            every = bytes(range(256)) * 4000
            browser.type(every)
            await browser.see(every)
            assert [wanted.kind for wanted in process.asked] == ["vnc"]
            await browser.leave()
            assert browser.code == 0

    play(check)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("who", "status"),
    [("nobody", 401), ("stranger", 404), ("viewer", 403), ("owner", 0), ("administrator", 0)],
)
def test_the_gate_answers_the_cast_as_the_table_says(running: Site, who: str, status: int) -> None:
    person = running.owner if who == "nobody" else getattr(running, who)
    # A teammate cannot even get a ticket; here they have found somebody's.
    secret = ticket(running.administrator if who != "owner" else running.owner, running)
    headers = {"authorization": ""} if who == "nobody" else {}

    async def check(live: Live) -> None:
        with desk() as process:
            browser = Browser(live, person, secret, path=path_to(running), headers=headers)
            if status:
                await browser.end()
                assert process.asked == []
            else:
                await browser.see(SAID)
                await browser.leave()
            assert browser.status == status

    play(check)


@pytest.mark.django_db(transaction=True)
def test_another_site_cannot_open_a_console_with_the_browsers_session(running: Site) -> None:
    client = Client()
    client.force_login(running.owner.user)
    secret = ticket(running.owner, running)
    headers = {"authorization": "", "cookie": f"vrabec_session={client.cookies['vrabec_session'].value}"}

    async def check(live: Live) -> None:
        with desk() as process:
            foreign = headers | {"origin": "https://elsewhere.example"}
            browser = Browser(live, running.owner, secret, path=path_to(running), headers=foreign)
            await browser.end()
            assert (browser.status, process.asked) == (403, [])
            own = headers | {"origin": "https://localhost"}
            browser = Browser(live, running.owner, secret, path=path_to(running), headers=own)
            await browser.see(SAID)
            await browser.leave()

    play(check)


@pytest.mark.django_db(transaction=True)
def test_a_ticket_without_a_session_opens_nothing(running: Site) -> None:
    secret = ticket(running.owner, running)

    async def check(live: Live) -> None:
        with desk():
            no_session = {"authorization": ""}
            browser = Browser(live, running.owner, secret, path=path_to(running), headers=no_session)
            await browser.end()
            assert browser.status == 401

    play(check)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/live/consoles/1", "/live/consoles/x/vnc", "/live/consoles/1/vnc/2", "/x"])
def test_a_websocket_elsewhere_is_not_found(running: Site, path: str) -> None:
    async def check(live: Live) -> None:
        browser = Browser(live, running.owner, "x", path=path)
        await browser.end()
        assert browser.status == 404

    play(check)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["grant", "token"])
def test_a_withdrawn_right_closes_the_open_console_at_once(running: Site, way: str) -> None:
    secret = ticket(running.owner, running)
    user = running.owner.user

    def withdraw() -> None:
        (Grant.objects.filter(user=user) if way == "grant" else user.tokens).all().delete()
        changed("grant", user.pk)

    async def check(live: Live) -> None:
        with desk():
            browser = Browser(live, running.owner, secret, path=path_to(running))
            await browser.see(SAID)
            await sync_to_async(withdraw)()
            await browser.end()
            assert browser.code == (4404 if way == "grant" else 4401)

    play(check)


@pytest.mark.django_db(transaction=True)
def test_the_right_is_asked_again_also_when_nobody_said_that_it_changed(
    running: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vrabec.frontends.live.hub.ASK_AGAIN_SECONDS", 0.05)
    secret = ticket(running.owner, running)
    role = Grant.objects.filter(user=running.owner.user)

    async def check(live: Live) -> None:
        with desk():
            browser = Browser(live, running.owner, secret, path=path_to(running))
            await browser.see(SAID)
            await sync_to_async(role.update)(role="viewer")
            await browser.end()
            assert (browser.code, browser.reason.partition(":")[0]) == (4403, "forbidden")

    play(check)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ("owner", "Somebody has the serial console open."),
        ("administrator", "Tom has the serial console open."),
    ],
)
def test_who_has_a_serial_console_is_for_administrators_to_know(running: Site, who: str, reason: str) -> None:
    person = getattr(running, who)
    secret = ticket(person, running, "serial")

    async def check(live: Live) -> None:
        with desk() as process:
            process.refusal = Conflict("Somebody has the serial console open.", who="Tom")
            browser = Browser(live, person, secret, path=path_to(running, "serial"))
            await browser.end()
            assert (browser.code, browser.reason) == (4409, f"conflict: {reason}")

    play(check)


@pytest.mark.django_db(transaction=True)
def test_a_console_process_that_is_away_or_dies_is_said_as_such(running: Site) -> None:
    secrets = [ticket(running.owner, running) for _ in range(2)]

    async def check(live: Live) -> None:
        tunnel.socket_in(settings.VRABEC_RUN_DIR).unlink(missing_ok=True)
        browser = Browser(live, running.owner, secrets[0], path=path_to(running))
        await browser.end()
        assert browser.code == 4503
        with desk() as process:
            browser = Browser(live, running.owner, secrets[1], path=path_to(running))
            await browser.see(SAID)
            process.end()
            await browser.end()
            assert browser.code == 4503

    play(check)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_seen", [True, False], ids=["seen", "not yet seen"])
def test_a_console_opened_while_its_machine_dies_says_that_it_is_off(running: Site, is_seen: bool) -> None:
    secret = ticket(running.owner, running)
    if is_seen:
        Vm.objects.filter(pk=running.vm.pk).update(seen=Seen.OFF)

    async def check(live: Live) -> None:
        with desk() as process:
            process.refusal = WrongState("The machine is off: start it.")
            browser = Browser(live, running.owner, secret, path=path_to(running))
            await browser.end()
            said = (browser.status, browser.code, browser.reason.partition(":")[0])
            assert said == ((409, 0, "") if is_seen else (0, 4409, "wrong_state"))
            assert len(process.asked) == (0 if is_seen else 1)

    play(check)


# --- the lines between the processes


def test_an_error_crosses_to_the_web_process_as_it_was() -> None:
    error = Conflict("%(who)s has it.", who="Žofie", raw="libvirt: busy")
    with pytest.raises(Conflict, match="Žofie has it") as found:
        tunnel.check_answer(tunnel.answer(error))
    assert found.value.raw == "libvirt: busy"


def test_an_answer_that_breaks_off_is_an_end_of_the_process() -> None:
    for part in (b"", tunnel.answer(NotFound("x"))[:-1]):
        with pytest.raises(VrabecError, match="ended just now"):
            tunnel.check_answer(part)


def test_a_long_error_fits_the_line() -> None:
    line = tunnel.answer(NotFound("x", raw="é" * 100_000))
    assert len(line) <= tunnel.MAX_LINE_BYTES
    with suppress(NotFound):
        tunnel.check_answer(line)
    assert json.loads(line)["code"] == "not_found"
