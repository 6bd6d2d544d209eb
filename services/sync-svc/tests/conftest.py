import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc.jwk import OKPKey

from chassis.database import Database, Tx
from chassis.http import create_app
from chassis.service_tokens import Gate, ServiceSigner
from chassis.testing import FrozenClock

sys.path.insert(0, str(Path(__file__).parent))

from build_sync_svc import NOON, PACE, Call, PracticeProvider, Tokens, Worker

from sync_svc.api import refresh, status

WEB_KEY = OKPKey.generate_key("Ed25519")


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
async def database_url(new_database) -> str:
    return await new_database("sync_svc")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(database_url, max_size=6)
    yield database
    await database.close()


@pytest.fixture
async def tx(database: Database) -> AsyncIterator[Tx]:
    async with database.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()


@pytest.fixture
def provider() -> PracticeProvider:
    return PracticeProvider()


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def worker(database: Database, clock: FrozenClock, provider: PracticeProvider, tokens: Tokens) -> Worker:
    return Worker(database, clock, provider, tokens)


@pytest.fixture
async def call(database: Database, clock: FrozenClock) -> AsyncIterator[Call]:
    """Calls the API for a person, as web-svc does."""
    signer = ServiceSigner("web-svc", json.dumps(WEB_KEY.as_dict(private=True)))
    gate = Gate("sync-svc", {"web-svc": WEB_KEY.as_dict(private=False)}, {"web-svc": ("admin", "operator")})
    routers = [refresh.routes(gate, database, clock, PACE), status.routes(gate, database, clock)]
    app = create_app("sync-svc", version="test", routers=routers, health={}, gate=gate, database=database)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://sync-svc") as client:

        async def call(
            method: str, path: str, *, role: str = "admin", business: str = "biz_demo", **more: Any
        ) -> httpx2.Response:
            token = signer.token("sync-svc", "usr_anna", business, role)
            headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
            return await client.request(method, path, headers=headers, **more)

        yield call
