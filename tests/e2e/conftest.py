"""One controller and one host for all tests of a worker; every test leaves them as it found them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cast import site
from tests.e2e.controller import ADMINISTRATOR, PASSWORD, Controller
from tests.e2e.machines import Machines
from tests.e2e.onhost import OnHost
from tests.lab.host import missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.e2e.chromium import Person

__all__ = ["site"]
HERE = Path(__file__).parent
REFUSED = "refused by the policy"
"""What the controller logs when a browser reports a breach of the content security policy."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("e2e")


@pytest.fixture(scope="session")
def controller() -> Iterator[Controller]:
    """A whole Vrabec; tests that break it mend it."""
    if reason := missing():
        pytest.skip(reason)
    with Controller() as running:
        yield running


@pytest.fixture
def on_host(controller: Controller) -> OnHost:
    """The host as it is."""
    return OnHost(controller.host)


@pytest.fixture
def machines(controller: Controller, on_host: OnHost) -> Iterator[Machines]:
    """Makes machines and waits for them; in the end it deletes all, and the host must be empty again."""
    with controller.client() as connected:
        made = Machines(connected)
        yield made
        made.delete_all()
    assert on_host.remains() == []


# --- browsers. Playwright is imported late: where it is not installed the other tests still run.


@pytest.fixture(scope="module")
def browser(controller: Controller) -> "Iterator[Browser]":
    """Chromium, for one module at a time: while it runs Django takes this thread for asynchronous."""
    from tests.e2e.chromium import launched

    with launched(controller.certificate) as running:
        yield running


@pytest.fixture(scope="module")
def session(browser: "Browser", controller: Controller) -> Any:
    """The cookies of the administrator, who signed in by the form."""
    from tests.e2e.chromium import Person

    person = Person(browser, controller.url)
    person.sign_in(ADMINISTRATOR, PASSWORD)
    cookies = person.context.storage_state()
    person.context.close()
    return cookies


@pytest.fixture
def stranger(browser: "Browser", controller: Controller) -> "Iterator[Person]":
    """Somebody who is not signed in; at the end neither console nor policy may have complained."""
    from tests.e2e.chromium import Person

    yield from _watched(controller, Person(browser, controller.url))


@pytest.fixture
def ada(browser: "Browser", controller: Controller, session: Any) -> "Iterator[Person]":
    """The administrator, signed in; at the end neither console nor policy may have complained."""
    from tests.e2e.chromium import Person

    yield from _watched(controller, Person(browser, controller.url, storage_state=session))


def _watched(controller: Controller, person: "Person") -> "Iterator[Person]":
    reports = controller.log().count(REFUSED)
    yield person
    complaints = list(person.complaints)  # of the page, not of requests that end because the browser does
    person.context.close()
    assert complaints == []
    assert controller.log().count(REFUSED) == reports
