import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from chassis.database import Database, Tx

sys.path.insert(0, str(Path(__file__).parent))

from build_publish_svc import World


@pytest.fixture
async def database(new_database: Callable[[str | None], Awaitable[str]]) -> AsyncIterator[Database]:
    """A database of publish-svc's own, gone after the test."""
    database = await Database.connect(await new_database("publish_svc"))
    yield database
    await database.close()


@pytest.fixture
async def tx(database: Database) -> AsyncIterator[Tx]:
    async with database.transaction() as tx:
        yield tx


@pytest.fixture
def world(database: Database) -> World:
    return World(database)
