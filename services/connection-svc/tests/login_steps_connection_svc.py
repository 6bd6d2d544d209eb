"""The journey to a provider's login and back, step by step."""

from urllib.parse import parse_qs, urlsplit

import httpx2
from build_connection_svc import BINDING_HASH, BUSINESS, DEMO

from chassis.database import Database
from connection_svc.domain.connection import Connection
from connection_svc.store import connections

PAGE = "https://relink.example/b/biz_demo/settings/connections/new/organisation"
PROBLEM_PAGE = "https://relink.example/connect/problem?code="
CONNECT = {
    "provider": "xero",
    "intent": "connect",
    "channel": "web",
    "return_to": PAGE,
    "browser_binding": BINDING_HASH.hexdigest(),
}


async def begun(call, **changes) -> dict:
    answer = await call("POST", "/api/v1/connection-attempts", CONNECT | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def left(browser: httpx2.AsyncClient, attempt: dict) -> str:
    """The `state` under which the browser left for the provider."""
    answer = await browser.get(attempt["start_url"])
    assert answer.status_code == 303
    (state,) = parse_qs(urlsplit(answer.headers["Location"]).query)["state"]
    return state


async def back(browser: httpx2.AsyncClient, **params: str) -> str:
    """Where the browser is sent after the provider's return."""
    answer = await browser.get("/oauth/callback/xero", params=params)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


async def seen(call, attempt: dict) -> dict:
    return (await call("GET", f"/api/v1/connection-attempts/{attempt['attempt_id']}")).json()


async def chosen(call, attempt: dict, organisation: str = DEMO.id) -> httpx2.Response:
    body = {"organisation_id": organisation}
    return await call("POST", f"/api/v1/connection-attempts/{attempt['attempt_id']}/organisation", body)


async def connection_in(database: Database, connection_id: str) -> Connection:
    async with database.acquire() as tx:
        return await connections.get(tx, BUSINESS, connection_id)


async def kept_tokens(database: Database) -> int:
    async with database.acquire() as tx:
        return await tx.fetchval("SELECT count(*) FROM attempt_grants")


async def begun_again(call, connection: Connection, **changes) -> dict:
    return await begun(call, intent="reconnect", connection_id=connection.id, **changes)
