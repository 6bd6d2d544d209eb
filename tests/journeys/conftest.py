"""The whole system on a stack of its own, and people at a real Chromium before it."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Browser

from devstack.demo.upstream import Api, Upstream
from devstack.stack import Stack

sys.path.insert(0, str(Path(__file__).parent))

from looks import DESK, Look
from own_stack import own_stack
from people import leave_everything
from person import Person, SitDown


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with own_stack(print) as stack:
        yield stack


@pytest.fixture
async def sit_down(stack: Stack, chromium: Browser) -> AsyncIterator[SitDown]:
    """Brings somebody before a fresh profile. Whatever our own pages complain about there fails the journey."""
    seated: list[Person] = []

    async def sit_down(look: Look) -> Person:
        seated.append(await Person.before(chromium, look, stack.addresses["web-svc"]))
        return seated[-1]

    yield sit_down
    assert [complaint for person in seated for complaint in person.complaints] == []


@pytest.fixture
async def person(request: pytest.FixtureRequest, sit_down: SitDown) -> Person:
    """The only one of a journey, at a desk unless the test is parametrised with another look."""
    return await sit_down(getattr(request, "param", DESK))


@pytest.fixture
async def upstream(stack: Stack) -> AsyncIterator[Upstream]:
    """The program that hands items over."""
    async with httpx2.AsyncClient(timeout=30) as http:
        yield Upstream(Api(http, stack.addresses, "biz_demo", "usr_anna", "admin"))


@pytest.fixture(autouse=True)
async def nothing_is_connected(upstream: Upstream) -> None:
    """No journey depends on what another left behind."""
    await leave_everything(upstream)
