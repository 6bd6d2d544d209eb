"""Permits to call are leased with the token, from one budget for all replicas and services."""

import asyncio
from typing import Any

import pytest
from build_connection_svc import DEMO, a_connection, an_expired_connection, some_tokens, stored

from chassis.database import Database
from connection_svc.domain.call_budget import CallClass
from connection_svc.domain.connection import Connection
from connection_svc.work.lease_permits import CallBudgets


@pytest.fixture
async def connection(database: Database) -> Connection:
    async with database.transaction() as tx:
        return await stored(tx, a_connection(), some_tokens())


async def ask(call: Any, connection: Connection, *, permits: int = 1, service: str = "sync-svc", **more: Any) -> Any:
    path = f"/internal/connections/{connection.id}/access-token"
    wanted = {"class": service.removesuffix("-svc"), "permits": permits}
    return (await call("POST", path, wanted, role="service", service=service, **more)).json()


async def test_a_permit_comes_with_the_token(call: Any, connection: Connection) -> None:
    answer = await ask(call, connection)

    assert answer["access_token"] == "access-1"
    assert answer["permits"] == {"calls": 1, "starts_in_seconds": 0, "valid_seconds": 1}


async def test_who_asks_for_none_spends_none(call: Any, connection: Connection) -> None:
    assert (await ask(call, connection, permits=0))["permits"] is None

    assert (await ask(call, connection))["permits"]["starts_in_seconds"] == 0


async def test_the_services_share_one_budget(call: Any, connection: Connection) -> None:
    await ask(call, connection, service="publish-svc")

    second = (await ask(call, connection, service="publish-svc"))["permits"]
    third = (await ask(call, connection, service="sync-svc"))["permits"]

    assert (second["calls"], third["calls"]) == (1, 0)
    assert 0.5 < second["starts_in_seconds"] < 1.1


async def test_replicas_that_ask_at_once_get_moments_apart(
    connection: Connection, database: Database, parts: Any
) -> None:
    replicas = [CallBudgets(database, parts.providers, limits_factor=1) for _ in range(3)]

    leased = await asyncio.gather(
        *(one.lease("xero", DEMO.id, calls=1, wanted_for=CallClass.CLICK) for one in replicas)
    )

    starts = sorted(permits.starts_in.total_seconds() for permits in leased)
    assert [round(start) for start in starts] == [0, 1, 2]


async def test_a_pause_that_the_provider_asked_for_counts_for_everybody(call: Any, connection: Connection) -> None:
    path = f"/internal/connections/{connection.id}/access-token/throttled"
    reported = await call("POST", path, {"retry_after_seconds": 30}, role="service", service="publish-svc")

    permits = (await ask(call, connection, service="sync-svc"))["permits"]

    assert reported.status_code == 204
    assert permits["calls"] == 0
    assert 28 < permits["starts_in_seconds"] < 30


async def test_a_connection_that_gives_no_token_leases_no_permit(call: Any, database: Database) -> None:
    async with database.transaction() as tx:
        expired = await stored(tx, an_expired_connection())

    assert (await ask(call, expired)) == {"status": "expired", "reason": "consent_lapsed"}
    async with database.acquire() as tx:
        assert await tx.fetchval("SELECT count(*) FROM call_budgets") == 0


async def test_somebody_elses_connection_cannot_be_paused(call: Any, connection: Connection) -> None:
    path = f"/internal/connections/{connection.id}/access-token/throttled"

    answer = await call(
        "POST", path, {"retry_after_seconds": 30}, role="service", service="sync-svc", business="biz_other"
    )

    assert answer.status_code == 404
