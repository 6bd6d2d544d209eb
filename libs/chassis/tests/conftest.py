import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "stub_svc" / "src")]

from chassis.database import Database, Tx  # noqa: E402 - behind the path that it needs

# Plain lines: structlog's own default draws each traceback with its variables, for seconds, in the event loop.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
)


@pytest.fixture
async def database_url(new_database) -> str:
    return await new_database("stub_svc")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(database_url, max_size=8)
    yield database
    await database.close()


@pytest.fixture
async def tx(database: Database) -> AsyncIterator[Tx]:
    async with database.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()
