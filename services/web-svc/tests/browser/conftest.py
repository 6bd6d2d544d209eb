"""web-svc among fakes on a port of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from build_web_svc import World
from playwright.async_api import Browser
from serve_web_svc import Served


@pytest.fixture
async def served(chromium: Browser) -> AsyncIterator[Served]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    url = f"http://localhost:{listening.getsockname()[1]}"
    world = World(public_url=url)
    server = uvicorn.Server(uvicorn.Config(world.app(), log_config=None, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield Served(world, url, chromium)
    server.should_exit = True
    await serving
