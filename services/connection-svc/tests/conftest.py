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

sys.path.insert(0, str(Path(__file__).parent))

from build_connection_svc import (
    BINDING,
    BUSINESS,
    NOON,
    VAULT,
    YEAR,
    FakeProvider,
    a_case,
    an_expired_connection,
    some_tokens,
    stored,
)

from connection_svc.api.confirm import Confirmations
from connection_svc.api.parts import Addresses, Parts
from connection_svc.domain.connection import Connection
from connection_svc.main.api import ROUTERS
from connection_svc.store import cases
from connection_svc.work.give_back import AccessReturner
from connection_svc.work.lease_permits import CallBudgets
from connection_svc.work.token_keeper import TokenKeeper
from providers import Provider

PEOPLE = ("admin", "member", "accountant", "publisher", "service")
KEYS = {name: OKPKey.generate_key("Ed25519") for name in ("web-svc", "sync-svc", "publish-svc", "notifier-svc")}
SIGNERS = {name: ServiceSigner(name, json.dumps(key.as_dict(private=True))) for name, key in KEYS.items()}

Call = Callable[..., Awaitable[httpx2.Response]]


@pytest.fixture
async def database(new_database: Callable[[str | None], Awaitable[str]]) -> AsyncIterator[Database]:
    """A database of connection-svc's own, gone after the test."""
    database = await Database.connect(await new_database("connection_svc"))
    yield database
    await database.close()


@pytest.fixture
async def tx(database: Database) -> AsyncIterator[Tx]:
    async with database.transaction() as tx:
        yield tx


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
def xero() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def keeper(database: Database, xero: FakeProvider, clock: FrozenClock) -> TokenKeeper:
    return TokenKeeper(database, VAULT, {"xero": xero}, clock)


@pytest.fixture
def parts(database: Database, xero: FakeProvider, clock: FrozenClock, keeper: TokenKeeper) -> Parts:
    peers = {name: key.as_dict(private=False) for name, key in KEYS.items()}
    known: dict[str, Provider] = {"xero": xero}
    return Parts(
        database=database,
        gate=Gate("connection-svc", peers, {"web-svc": PEOPLE}),
        clock=clock,
        vault=VAULT,
        providers=known,
        tokens=keeper,
        budgets=CallBudgets(database, known, limits_factor=1),
        access_returner=AccessReturner(database, VAULT, known, clock),
        confirmations=Confirmations(VAULT, YEAR, known),
        addresses=Addresses("https://relink.example", "https://relink.example"),
        issuers={},
        paused=set(),
    )


@pytest.fixture
async def expired(database: Database) -> Connection:
    """An expired connection with its open case and its old tokens."""
    async with database.transaction() as tx:
        connection = await stored(tx, an_expired_connection(), some_tokens())
        await cases.add(tx, a_case(connection))
    return connection


@pytest.fixture
async def browser(parts: Parts) -> AsyncIterator[httpx2.AsyncClient]:
    """The browser that asks for attempts: with cookies of its own, and no token."""
    async with a_browser(parts) as client:
        client.cookies.set("relink_binding", BINDING)
        yield client


@pytest.fixture
async def another_browser(parts: Parts) -> AsyncIterator[httpx2.AsyncClient]:
    """One that has asked for attempts of its own."""
    async with a_browser(parts) as client:
        client.cookies.set("relink_binding", "of-another-browser")
        yield client


def a_browser(parts: Parts) -> httpx2.AsyncClient:
    routers = [module.router(parts) for module in ROUTERS]
    app = create_app(
        "connection-svc", version="test", routers=routers, health={}, gate=parts.gate, database=parts.database
    )
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://relink.example")


@pytest.fixture
async def call(parts: Parts) -> AsyncIterator[Call]:
    """Calls the API: as an administrator through web-svc, unless told otherwise."""
    async with a_browser(parts) as client:

        async def call(
            method: str,
            path: str,
            body: object = None,
            *,
            role: str = "admin",
            user: str = "usr_anna",
            business: str = BUSINESS,
            service: str = "web-svc",
            content: bytes | None = None,
            **headers: str,
        ) -> httpx2.Response:
            token = SIGNERS[service].token("connection-svc", user, business, role)
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            headers = {"Authorization": f"Bearer {token}", **named}
            if content is not None:
                return await client.request(method, path, content=content, headers=headers)
            return await client.request(method, path, json=body, headers=headers)

        yield call
