import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
from joserfc.jwk import OKPKey

from chassis.database import Database, Tx
from chassis.http import create_app
from chassis.service_tokens import Gate, ServiceSigner
from chassis.testing import FrozenClock
from list_svc.api import routers

sys.path.insert(0, str(Path(__file__).parent))

from build_list_svc import NOON, Call

WEB_KEY = OKPKey.generate_key("Ed25519")


@pytest.fixture
async def database(new_database: Callable[[str | None], Awaitable[str]]) -> AsyncIterator[Database]:
    """A database of list-svc's own, gone after the test."""
    database = await Database.connect(await new_database("list_svc"))
    yield database
    await database.close()


@pytest.fixture
async def tx(database: Database) -> AsyncIterator[Tx]:
    async with database.transaction() as tx:
        yield tx


@pytest.fixture
async def call(database: Database) -> AsyncIterator[Call]:
    """Calls the API for a person, as web-svc does."""
    signer = ServiceSigner("web-svc", json.dumps(WEB_KEY.as_dict(private=True)))
    gate = Gate(
        "list-svc",
        {"web-svc": WEB_KEY.as_dict(private=False)},
        {"web-svc": ("admin", "member", "accountant", "operator")},
    )
    app = create_app(
        "list-svc",
        version="test",
        routers=routers(database, gate, FrozenClock(NOON)),
        health={},
        gate=gate,
        database=database,
    )
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://list-svc") as client:

        async def call(
            method: str, path: str, *, role: str = "admin", business: str = "biz_demo", **kwargs: object
        ) -> httpx2.Response:
            token = signer.token("list-svc", "usr_anna", business, role)
            headers = {"Authorization": f"Bearer {token}", **kwargs.pop("headers", {})}
            return await client.request(method, path, headers=headers, **kwargs)

        yield call
