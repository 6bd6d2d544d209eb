from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from chassis.database import Database


@pytest.fixture
async def database(new_database: Callable[[str | None], Awaitable[str]]) -> AsyncIterator[Database]:
    database = await Database.connect(await new_database("web_svc"), max_size=4)
    yield database
    await database.close()
