from collections.abc import Awaitable, Callable

import pytest
from build_chassis import client
from starlette.applications import Starlette

from chassis import health, http, metrics

Check = Callable[[], Awaitable[bool]]


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


@pytest.fixture(params=["of a worker", "of an API"])
def app_with(request: pytest.FixtureRequest) -> Callable[..., Starlette]:
    """Makes an app with these checks."""

    def make(**checks: Check) -> Starlette:
        alone = request.param == "of a worker"
        return health.create_app(checks) if alone else http.create_app("stub", version="1.2.3", health=checks)

    return make


async def test_it_is_ready_when_every_check_says_so(app_with) -> None:
    async with client(app_with(database=yes)) as browser:
        assert (await browser.get("/health/ready")).json() == {"ready": True, "failing": []}


async def test_it_is_not_ready_and_says_which_check_fails(app_with) -> None:
    async with client(app_with(database=yes, consumer=no)) as browser:
        answer = await browser.get("/health/ready")

    assert (answer.status_code, answer.json()) == (503, {"ready": False, "failing": ["consumer"]})


async def test_while_it_drains_it_is_alive_and_not_ready(app_with) -> None:
    app = app_with(database=yes)
    app.state.draining = True

    async with client(app) as browser:
        assert (await browser.get("/health/live")).status_code == 200
        assert (await browser.get("/health/ready")).json()["failing"] == ["draining"]


async def test_it_shows_its_metrics(app_with) -> None:
    metrics.relayed.inc()

    async with client(app_with()) as browser:
        page = (await browser.get("/metrics")).text

    assert "outbox_relayed_total" in page
