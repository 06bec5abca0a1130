"""The event stream: who is let in, what each viewer hears, and when it ends."""

import asyncio
from typing import Any

import orjson
import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from tests.cast import Person, Site, make_person, site
from tests.frontend.playing import play
from vrabec.frontends.live import hub as live_hub
from vrabec.frontends.live.app import Live
from vrabec.models.grants import Grant
from vrabec.models.roles import VIEWER
from vrabec.models.vms import Seen
from vrabec.services import facts, vms, whereabouts
from vrabec.services.sessions import sign_out_user

__all__ = ["site"]
LIMIT_SECONDS = 20.0


class Browser:
    """One connection to the stream: what came, and how to go away."""

    def __init__(self, live: Live, headers: dict[str, str]) -> None:
        self.status = 0
        self.events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.ended = asyncio.Event()
        self._left = asyncio.Event()
        self._scope = {
            "type": "http",
            "method": "GET",
            "path": "/live/events",
            "client": ("127.0.0.1", 1),
            "headers": [(k.encode(), v.encode()) for k, v in ({"host": "localhost"} | headers).items()],
        }
        self._task = asyncio.create_task(self._run(live))

    async def _run(self, live: Live) -> None:
        try:
            await live(self._scope, self._receive, self._send)
        finally:
            self.ended.set()

    async def _receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        self.status = message.get("status", self.status)
        body = message.get("body", b"").decode()
        if body.startswith("event: "):
            name, _, data = body.partition("\ndata: ")
            self.events.put_nowait((name.removeprefix("event: "), orjson.loads(data)))

    async def hear(self, name: str) -> Any:
        """The data of the next event of this name."""
        while True:
            said, data = await asyncio.wait_for(self.events.get(), LIMIT_SECONDS)
            if said == name:
                return data

    async def leave(self) -> None:
        self._left.set()
        await asyncio.wait_for(self.ended.wait(), LIMIT_SECONDS)


def bearer(person: Person) -> dict[str, str]:
    return {"authorization": f"Bearer {person.secret}"}


@pytest.mark.django_db(transaction=True)
def test_a_change_reaches_who_may_see_it_and_nobody_else(site: Site) -> None:
    async def check(live: Live) -> None:
        owner, stranger = Browser(live, bearer(site.owner)), Browser(live, bearer(site.stranger))
        assert (await owner.hear("hello"))["version"]
        await stranger.hear("hello")
        await sync_to_async(facts.write_vm)(site.vm.pk, Seen.RUNNING)
        [cell] = (await owner.hear("cells"))["vm"]
        assert (cell["id"], cell["state"], cell["label"]) == (site.vm.pk, "running", "Running")
        assert stranger.events.empty()
        await owner.leave()
        await stranger.leave()
        assert not live.hub.streams

    play(check)


@pytest.mark.django_db(transaction=True)
def test_new_and_deleted_machines_are_announced_as_such(site: Site) -> None:
    actor = site.owner.actor

    async def check(live: Live) -> None:
        owner = Browser(live, bearer(site.owner))
        await owner.hear("hello")
        job = await sync_to_async(vms.create_vm)(actor, wish=site.wish())
        assert (await owner.hear("new"))["vm"] == [job.vm_id]
        await sync_to_async(whereabouts.left)(site.vm.pk)
        assert (await owner.hear("gone"))["vm"] == [site.vm.pk]
        await owner.leave()

    play(check)


@pytest.mark.django_db(transaction=True)
def test_a_job_is_told_to_its_project(site: Site) -> None:
    actor = site.owner.actor

    async def check(live: Live) -> None:
        mate, stranger = Browser(live, bearer(site.viewer)), Browser(live, bearer(site.stranger))
        await mate.hear("hello")
        await stranger.hear("hello")
        await sync_to_async(vms.start_vm)(actor, vm=site.vm)
        said = await mate.hear("cells")
        assert [job["title"] for job in said["job"]] == ["Start web"]
        assert stranger.events.empty()
        await mate.leave()
        await stranger.leave()

    play(check)


@pytest.mark.django_db(transaction=True)
def test_a_withdrawn_right_ends_the_stream(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_hub, "ASK_AGAIN_SECONDS", 0.05)

    async def check(live: Live) -> None:
        owner = Browser(live, bearer(site.owner))
        await owner.hear("hello")
        await sync_to_async(site.owner.user.tokens.all().delete)()
        await owner.hear("ended")
        await asyncio.wait_for(owner.ended.wait(), LIMIT_SECONDS)

    play(check)


@pytest.mark.django_db(transaction=True)
def test_an_ended_session_ends_its_stream_at_once(site: Site) -> None:
    client = Client()
    client.force_login(site.owner.user)
    admin = site.administrator.actor
    cookie = {"cookie": f"vrabec_session={client.cookies['vrabec_session'].value}"}

    async def check(live: Live) -> None:
        owner = Browser(live, cookie)
        await owner.hear("hello")
        await sync_to_async(sign_out_user)(admin, user=site.owner.user)
        await owner.hear("ended")
        await asyncio.wait_for(owner.ended.wait(), LIMIT_SECONDS)
        late = Browser(live, cookie)
        await asyncio.wait_for(late.ended.wait(), LIMIT_SECONDS)
        assert late.status == 401

    play(check)


@pytest.mark.django_db(transaction=True)
def test_a_new_grant_opens_the_stream_to_its_project(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_hub, "ASK_AGAIN_SECONDS", 0.05)
    newcomer = make_person("nina")

    async def check(live: Live) -> None:
        browser = Browser(live, bearer(newcomer))
        await browser.hear("hello")
        await sync_to_async(Grant.objects.create)(user=newcomer.user, project=site.project, role=VIEWER)
        [stream] = live.hub.streams
        while not stream.viewer.sees(site.vm):  # pytest's own limit ends this
            await asyncio.sleep(0.02)
        await sync_to_async(facts.write_vm)(site.vm.pk, Seen.RUNNING)
        assert (await browser.hear("cells"))["vm"][0]["id"] == site.vm.pk
        await browser.leave()

    play(check)


REFUSED = [
    ({}, 401),
    ({"authorization": "Bearer vrabec_wrong"}, 401),
    ({"cookie": "vrabec_session=wrong"}, 401),
    ({"cookie": 'vrabec_session="\\'}, 401),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("headers", "status"), REFUSED)
def test_who_has_not_signed_in_is_refused(site: Site, headers: dict[str, str], status: int) -> None:
    async def check(live: Live) -> None:
        browser = Browser(live, headers)
        await asyncio.wait_for(browser.ended.wait(), LIMIT_SECONDS)
        assert browser.status == status

    play(check)


@pytest.mark.django_db(transaction=True)
def test_another_site_cannot_listen_with_the_browsers_session(site: Site) -> None:
    client = Client()
    client.force_login(site.owner.user)
    cookie = {"cookie": f"vrabec_session={client.cookies['vrabec_session'].value}"}

    async def check(live: Live) -> None:
        own = Browser(live, cookie | {"origin": "https://localhost"})
        await own.hear("hello")
        await own.leave()
        other = Browser(live, cookie | {"origin": "https://elsewhere.example"})
        await asyncio.wait_for(other.ended.wait(), LIMIT_SECONDS)
        assert (own.status, other.status) == (200, 403)

    play(check)


@pytest.mark.django_db(transaction=True)
def test_a_path_that_is_not_there_is_not_found(site: Site) -> None:
    async def check(live: Live) -> None:
        browser = Browser(live, bearer(site.owner))
        browser._scope["path"] = "/live/other"
        await asyncio.wait_for(browser.ended.wait(), LIMIT_SECONDS)
        assert browser.status == 404

    play(check)


def test_a_viewer_who_does_not_read_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_hub, "QUEUE_MESSAGES", 2)

    async def check() -> None:
        stream = live_hub.Stream(None)  # type: ignore[arg-type]
        for number in range(3):
            stream.put(str(number).encode())
        assert [message async for message in stream.messages()] == [b"1"]

    asyncio.run(check())
