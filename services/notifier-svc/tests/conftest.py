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
from notifier_svc.api import notices

sys.path.insert(0, str(Path(__file__).parent))

from build_notifier_svc import NOON, Call

WEB_KEY = OKPKey.generate_key("Ed25519")


@pytest.fixture
async def database(new_database: Callable[[str | None], Awaitable[str]]) -> AsyncIterator[Database]:
    """A database of notifier-svc's own, gone after the test."""
    database = await Database.connect(await new_database("notifier_svc"))
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
    gate = Gate("notifier-svc", {"web-svc": WEB_KEY.as_dict(private=False)}, {"web-svc": ("admin", "member")})
    app = create_app(
        "notifier-svc",
        version="test",
        routers=[notices.router(database, gate, FrozenClock(NOON))],
        health={},
        gate=gate,
        database=database,
    )
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://notifier-svc") as client:

        async def call(
            method: str, path: str, *, user: str = "usr_anna", business: str = "biz_demo", **kwargs: object
        ) -> httpx2.Response:
            token = signer.token("notifier-svc", user, business, "admin")
            return await client.request(method, path, headers={"Authorization": f"Bearer {token}"}, **kwargs)

        yield call
