"""The whole system on a stack of its own, and a person at a real Chromium before it."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Page, async_playwright, expect

from devstack.demo.upstream import Api, Upstream
from devstack.home import Home
from devstack.stack import Stack

sys.path.insert(0, str(Path(__file__).parent))
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MILLISECONDS = 60_000  # two busy cores; the journeys are not about speed


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(Home(tmp_path_factory.mktemp("stack")))
    try:
        stack.up(print)
        yield stack
    finally:
        stack.reset(print)


@pytest.fixture(scope="session", autouse=True)
def chromium_is_installed() -> None:
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing: install it with `apt-get install chromium`")


@pytest.fixture
async def page(stack: Stack) -> AsyncIterator[Page]:
    """A fresh browser profile. Whatever our own pages complain about in the console fails the journey."""
    said: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(base_url=stack.addresses["web-svc"])
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        expect.set_options(timeout=PATIENCE_MILLISECONDS)
        ours = stack.addresses["web-svc"]
        page.on("console", lambda word: said.append(word.text) if word.type == "error" and ours in page.url else None)
        yield page
        await browser.close()
    assert said == []


@pytest.fixture
async def upstream(stack: Stack) -> AsyncIterator[Upstream]:
    """The program that hands items over."""
    async with httpx2.AsyncClient(timeout=30) as http:
        yield Upstream(Api(http, stack.addresses, "biz_demo", "usr_anna", "admin"))
