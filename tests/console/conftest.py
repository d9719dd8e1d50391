"""The real service with mongod and the simulator, and a real Chromium in front of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from selenium import webdriver

from tests.console.browser import Console, start_chromium
from tests.console.deal_page import add
from tests.e2e.demo_hubspot import hubspot as hubspot
from tests.e2e.demo_hubspot import hubspot_process as hubspot_process
from tests.e2e.programs import Gunicorn, HubSpot
from tests.waiting import until

#: Starts services on databases of their own; what is given goes into their environment.
StartService = Callable[..., Gunicorn]

#: Opens a tab of the console of a service.
OpenConsole = Callable[[Gunicorn], Console]

#: Makes a deal in HubSpot: its name, and activities as for add(); returns its id.
MakeDeal = Callable[..., str]

#: The files that wait longest. They come first, for a process that began one of them last would be left alone with it.
LONGEST = ("test_status.py", "test_syncs.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the longest files come first."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session")
def demo_deals() -> int:
    """The number of deals of the simulated HubSpot."""
    return 150


@pytest.fixture(scope="module")
def start_service(
    tmp_path_factory: pytest.TempPathFactory, hubspot_process: HubSpot, mongodb_uri: str
) -> Iterator[StartService]:
    """Starts services, which are stopped when the module's tests have ended."""
    started: list[Gunicorn] = []
    directory = tmp_path_factory.mktemp("services")

    def start(**environ: str) -> Gunicorn:
        database = {"MONGODB_DATABASE": f"test_{uuid.uuid4().hex}"}
        place = directory / f"service{len(started)}"
        started.append(Gunicorn(place, hubspot_process.url, mongodb_uri, **database | environ))
        return started[-1]

    yield start
    with ThreadPoolExecutor() as pool:
        list(pool.map(Gunicorn.stop, started))


@pytest.fixture(scope="module")
def service(start_service: StartService) -> Gunicorn:
    """A service that has all deals, for tests that leave it running."""
    service = start_service()
    filled(service)
    return service


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    """A browser for the whole session."""
    driver = start_chromium()
    yield driver
    driver.quit()


@pytest.fixture
def open_console(chromium: webdriver.Chrome) -> Iterator[OpenConsole]:
    """Opens consoles in fresh tabs; afterwards the browser must have complained of nothing that was not expected.

    A test that provokes complaints, such as failed requests, reads them by ``complaints()``.
    """
    opened: list[Console] = []

    def open_one(service: Gunicorn) -> Console:
        chromium.switch_to.new_window("tab")
        opened.append(Console(chromium, service.url))
        opened[-1].complaints()
        opened[-1].hosts()
        opened[-1].look()
        opened[-1].listen()
        return opened[-1]

    yield open_one
    complaints = [line for one in opened[:1] for line in one.complaints()]
    first, *others = chromium.window_handles
    for handle in others:
        chromium.switch_to.window(handle)
        chromium.close()
    chromium.switch_to.window(first)
    assert complaints == []


@pytest.fixture
def console(service: Gunicorn, open_console: OpenConsole) -> Console:
    """The console of that service."""
    return open_console(service)


@pytest.fixture
def make_deal(hubspot: HubSpot) -> MakeDeal:
    """Makes deals with activities."""

    def make(name: str, *activities: tuple[str, dict[str, str]]) -> str:
        (deal_id,) = hubspot.change({"do": "add_deal", "name": name})
        add(hubspot, str(deal_id), *activities)
        return str(deal_id)

    return make


def filled(service: Gunicorn) -> None:
    """Have a service read everything from HubSpot."""
    job = service.post("/api/hubspot/v2/sync", full="true").json()["job_id"]
    until(lambda: service.get(f"/api/hubspot/v2/sync/status/{job}").json()["status"] == "completed", 60)
