"""Two administrators want to reconnect the same connection: the second joins, or takes over."""

import asyncio

from build_connection_svc import BUSINESS, DEMO, FakeProvider, an_attempt
from login_steps_connection_svc import CONNECT, back, begun, begun_again, chosen, connection_in, kept_tokens, left, seen

from chassis.database import Database
from chassis.testing import FrozenClock
from connection_svc.api.attempts import LIFETIME
from connection_svc.domain.attempt import Intent
from connection_svc.domain.connection import Connection
from connection_svc.store import attempts

BEN = {"user": "usr_ben"}


async def tried_by_ben(call, connection: Connection, **changes):
    body = CONNECT | {"intent": "reconnect", "connection_id": connection.id} | changes
    return await call("POST", "/api/v1/connection-attempts", body, **BEN)


async def test_the_second_is_told_who_is_on_the_way(call, expired: Connection) -> None:
    attempt = await begun_again(call, expired)
    refused = await tried_by_ben(call, expired)

    assert (refused.status_code, refused.json()["code"]) == (409, "attempt_running")
    told = {error["code"]: error["detail"] for error in refused.json()["errors"]}
    assert told == {"started_by": "usr_anna", "attempt_id": attempt["attempt_id"]}
    (running,) = (await call("GET", f"/api/v1/connection-attempts?connection_id={expired.id}", **BEN)).json()["items"]
    assert (running["attempt_id"], running["started_by"]) == (attempt["attempt_id"], "usr_anna")


async def test_the_second_joins_by_choosing_the_organisation_of_the_firsts_login(
    call, browser, database: Database, expired: Connection
) -> None:
    attempt = await begun_again(call, expired)
    await back(browser, state=await left(browser, attempt), code="c2")
    url = f"/api/v1/connection-attempts/{attempt['attempt_id']}/organisation"
    answer = await call("POST", url, {"organisation_id": DEMO.id}, **BEN)

    assert answer.json()["lifecycle"] == "active"
    (line, *_) = (await call("GET", f"/api/v1/connections/{expired.id}/history")).json()["items"]
    assert (line["what"], line["by"]) == ("reconnected", "usr_ben")


async def test_the_second_takes_over_and_the_firsts_login_comes_to_nothing(
    call, browser, database: Database, expired: Connection, xero: FakeProvider
) -> None:
    attempt = await begun_again(call, expired)
    state = await left(browser, attempt)
    taken_over = await tried_by_ben(call, expired, take_over=True)
    await back(browser, state=state, code="c2")

    assert taken_over.status_code == 201
    first = await seen(call, attempt)
    assert (first["state"], first["problem"]) == ("cancelled", "taken_over")
    assert xero.exchanged == []
    (line, *_) = (await call("GET", f"/api/v1/connections/{expired.id}/history")).json()["items"]
    assert (line["what"], line["by"]) == ("login_taken_over", "usr_ben")
    assert line["detail"].endswith("begun by: usr anna")


async def test_what_the_firsts_login_brought_is_forgotten_when_it_is_taken_over(
    call, browser, database: Database, expired: Connection
) -> None:
    attempt = await begun_again(call, expired)
    await back(browser, state=await left(browser, attempt), code="c2")
    await tried_by_ben(call, expired, take_over=True)

    assert await kept_tokens(database) == 0
    assert (await chosen(call, attempt)).json()["code"] == "attempt_over"
    assert await connection_in(database, expired.id) == expired


async def test_whoever_begins_again_ends_the_own_earlier_journey(call, expired: Connection) -> None:
    first, second = await begun_again(call, expired), await begun_again(call, expired)

    assert (await seen(call, first))["state"] == "cancelled"
    assert (await seen(call, second))["state"] == "started"


async def test_a_journey_that_is_over_is_in_nobodys_way(call, expired: Connection, clock: FrozenClock) -> None:
    await begun_again(call, expired)
    clock.advance(LIFETIME)

    assert (await tried_by_ben(call, expired)).status_code == 201


async def test_of_two_who_begin_at_once_the_second_hears_of_the_first(
    call, database: Database, expired: Connection, clock: FrozenClock
) -> None:
    async with database.transaction() as tx:
        await attempts.lock_running(tx, BUSINESS, expired.id, now=clock.now())
        second = asyncio.create_task(tried_by_ben(call, expired))
        await asyncio.sleep(0.3)
        await attempts.add(tx, an_attempt(connection_id=expired.id, intent=Intent.RECONNECT))

    assert (await second).json()["code"] == "attempt_running"


async def test_new_connections_are_begun_side_by_side(call) -> None:
    await begun(call)

    assert (await call("POST", "/api/v1/connection-attempts", CONNECT, **BEN)).status_code == 201


async def test_whoever_presses_a_link_takes_over_and_a_link_that_is_spent_does_not(
    call, browser, database: Database, expired: Connection
) -> None:
    url = f"/api/v1/connections/{expired.id}/reconnect-links"
    secret = (await call("POST", url, {"ttl_seconds": 3600})).json()["url"].rpartition("/")[2]
    press = f"/internal/reconnect-links/{secret}/consume"
    binding = {"browser_binding": CONNECT["browser_binding"]}
    annas = await begun_again(call, expired)
    pressed = await call("POST", press, binding, role="service", business="biz_none")

    assert pressed.status_code == 200
    assert ((await seen(call, annas))["state"], (await seen(call, annas))["problem"]) == ("cancelled", "taken_over")
    assert (await tried_by_ben(call, expired)).json()["code"] == "attempt_running"
    bens = (await tried_by_ben(call, expired, take_over=True)).json()
    assert (await call("POST", press, binding, role="service", business="biz_none")).json()["code"] == "link_not_valid"
    assert (await seen(call, bens))["state"] == "started"
