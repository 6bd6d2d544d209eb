"""What people do about a broken connection besides reconnecting it: ask, put off, hand over a link, have it checked."""

from datetime import timedelta

import pytest
from build_connection_svc import (
    BUSINESS,
    OTHER,
    YEAR,
    a_case,
    a_connection,
    an_expired_connection,
    said,
    some_tokens,
    stored,
    types_said,
)
from prometheus_client import REGISTRY

from chassis.database import Database
from chassis.testing import FrozenClock, twice
from connection_svc.domain.connection import Connection, Lifecycle
from connection_svc.domain.reconnect import ASKED_AGAIN_AFTER
from connection_svc.handlers import HANDLERS
from connection_svc.store import cases, members
from connection_svc.work.remind import remind
from relink_contracts.events import Membership
from relink_contracts.testing import received, received_tombstone

DAY = timedelta(days=1)
KNOWS_MEMBERS = next(handler for handler in HANDLERS if handler.event is Membership)


@pytest.fixture
async def people(database: Database) -> None:
    """Anna may reconnect, and Carla, who is linked; Ben may not."""
    async with database.transaction() as tx:
        for user, role in (("usr_anna", "admin"), ("usr_ben", "member"), ("usr_carla", "accountant")):
            linked = role == "accountant"
            event = received(Membership, 1, user_id=user, roles=(role,), linked_accountant=linked)
            await twice(KNOWS_MEMBERS, event, tx)


@pytest.fixture
async def broken(database: Database, clock: FrozenClock, people: None) -> Connection:
    clock.advance(YEAR)
    async with database.transaction() as tx:
        connection = await stored(tx, an_expired_connection(organisation=OTHER), some_tokens())
        await cases.add(tx, a_case(connection))
    return connection


@pytest.fixture
async def working(database: Database, people: None) -> Connection:
    async with database.transaction() as tx:
        return await stored(tx, a_connection(), some_tokens())


def at(connection: Connection, what: str) -> str:
    return f"/api/v1/connections/{connection.id}/{what}"


async def asked_events(database: Database) -> list[dict]:
    async with database.acquire() as tx:
        return [data for event, data in await said(tx) if event == "reconnect.asked"]


async def test_a_member_is_told_whom_it_asked(call, broken: Connection, database: Database) -> None:
    answer = await call("POST", at(broken, "ask-admin"), role="member")

    assert answer.json() == {"asked_at": "2027-03-02T12:00:00Z", "recipient_user_ids": ["usr_carla"]}, "not itself"
    [event] = await asked_events(database)
    assert (event["asked_by"], event["recipient_user_ids"]) == ("usr_anna", ["usr_carla"])
    async with database.acquire() as tx:
        assert event["reconnect_id"] == await tx.fetchval("SELECT id FROM reconnect_cases")


async def test_the_administrators_are_asked_once_a_day_however_many_ask(
    call, broken: Connection, database: Database, clock: FrozenClock
) -> None:
    first = await call("POST", at(broken, "ask-admin"), role="member")
    clock.advance(ASKED_AGAIN_AFTER - timedelta(seconds=1))
    soon = await call("POST", at(broken, "ask-admin"), role="publisher")
    assert (soon.json(), len(await asked_events(database))) == (first.json(), 1)

    clock.advance(timedelta(seconds=1))
    await call("POST", at(broken, "ask-admin"), role="member")
    assert len(await asked_events(database)) == 2


async def test_nobody_is_asked_to_repair_what_works(call, working: Connection, database: Database) -> None:
    answer = await call("POST", at(working, "ask-admin"), role="member")

    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_repair")
    assert await asked_events(database) == []


async def test_where_nobody_else_may_reconnect_nobody_is_asked(call, broken: Connection, database: Database) -> None:
    async with database.transaction() as tx:
        await KNOWS_MEMBERS.function(received_tombstone(Membership, f"{BUSINESS}/usr_carla", 2), tx)
        await KNOWS_MEMBERS.function(received(Membership, 1, user_id="usr_carla", roles=("admin",)), tx)
        assert [member.user_id for member in await members.of_business(tx, BUSINESS)] == ["usr_anna", "usr_ben"]

    assert (await call("POST", at(broken, "ask-admin"), role="member")).json()["code"] == "nobody_to_ask"


async def reminders(database: Database, clock: FrozenClock) -> list[str]:
    while await remind(database, clock):
        pass
    async with database.acquire() as tx:
        return [data["stage"] for event, data in await said(tx) if event == "reconnect.requested"]


async def test_the_time_that_a_repair_took_is_said_and_measured(
    call, broken: Connection, clock: FrozenClock, database: Database
) -> None:
    def measured(what: str) -> float:
        labels = {"provider": "xero", "outcome": "disconnected"}
        return REGISTRY.get_sample_value(f"reconnect_duration_seconds_{what}", labels) or 0.0

    count, seconds = measured("count"), measured("sum")
    clock.advance(timedelta(hours=2))
    await call("POST", at(broken, "disconnect"), {"keep_lists": True})

    assert (measured("count") - count, measured("sum") - seconds) == (1, 7200)
    async with database.acquire() as tx:
        completed = dict(await said(tx))["reconnect.completed"]
    assert (completed["outcome"], completed["seconds_open"]) == ("disconnected", 7200)


async def test_a_snooze_is_kept_and_ends_with_a_reminder(
    call, broken: Connection, database: Database, clock: FrozenClock
) -> None:
    until = (clock.now() + 4 * DAY).isoformat()
    answer = await call("POST", at(broken, "snooze"), {"until": until})
    assert (answer.status_code, answer.json()) == (200, {"until": "2027-03-06T12:00:00Z"})

    clock.advance(3 * DAY)
    assert await reminders(database, clock) == []
    clock.advance(DAY)
    assert await reminders(database, clock) == ["reminder_after_snooze"]
    clock.advance(3 * DAY)
    assert await reminders(database, clock) == ["reminder_after_snooze", "reminder_7_days"]


@pytest.mark.parametrize("until", ["2027-03-02T12:00:00Z", "2028-01-01T00:00:00Z", "2027-03-05T12:00:00", "soon"])
async def test_a_snooze_to_no_sensible_time_names_the_field(call, broken: Connection, until: str) -> None:
    answer = await call("POST", at(broken, "snooze"), {"until": until})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/until")


async def test_a_working_connection_has_nothing_to_snooze(call, working: Connection) -> None:
    answer = await call("POST", at(working, "snooze"), {"until": "2026-03-05T12:00:00Z"})

    assert answer.json()["code"] == "nothing_to_repair"


async def linked(call, connection: Connection, **body: object):
    return await call("POST", at(connection, "reconnect-links"), {"ttl_seconds": 1800} | body)


async def shown(call, secret: str) -> dict:
    answer = await call("GET", f"/internal/reconnect-links/{secret}", role="service", business="biz_none")
    return answer.json()


@pytest.mark.parametrize("connection", [an_expired_connection(), a_connection()], ids=["broken", "working"])
async def test_a_link_to_hand_over_works_for_as_long_as_was_wanted(
    call, connection: Connection, clock: FrozenClock, database: Database
) -> None:
    async with database.transaction() as tx:
        await stored(tx, connection)
    answer = await linked(call, connection)
    secret = answer.json()["url"].rpartition("/")[2]

    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert ((await shown(call, secret))["state"], (await shown(call, secret))["asked_by"]) == ("valid", "usr_anna")
    clock.advance(timedelta(minutes=30))
    assert (await shown(call, secret))["state"] == "expired"
    assert await asked_events(database) == []


async def test_a_link_that_is_sent_is_told_to_nobody_else(call, broken: Connection, database: Database) -> None:
    answer = await linked(call, broken, send_to_user_id="usr_ben")

    assert (answer.status_code, answer.json()) == (201, {"sent_to_user_id": "usr_ben"})
    [event] = await asked_events(database)
    assert (event["recipient_user_ids"], event["link_lifetime_seconds"]) == (["usr_ben"], 1800)
    async with database.acquire() as tx:
        assert await tx.fetchval("SELECT count(*) FROM reconnect_links") == 0


async def test_the_mail_asks_for_a_link_of_that_lifetime(call, working: Connection, clock: FrozenClock) -> None:
    body = {"ttl_seconds": 3600, "asked_by": "usr_anna"}
    url = f"/internal/connections/{working.id}/reconnect-links"
    answer = await call("POST", url, body, service="notifier-svc", role="service")

    assert answer.json()["expires_at"] == "2026-03-02T13:00:00Z"
    assert (await shown(call, answer.json()["url"].rpartition("/")[2]))["asked_by"] == "usr_anna"


@pytest.mark.parametrize("recipient", ["usr_zoe", "usr_of_another_business"])
async def test_a_link_is_sent_only_to_people_of_the_business(
    call, broken: Connection, recipient: str, database: Database
) -> None:
    async with database.transaction() as tx:
        other = received(Membership, 1, business_id="biz_other", user_id="usr_of_another_business", roles=("admin",))
        await KNOWS_MEMBERS.function(other, tx)
    answer = await linked(call, broken, send_to_user_id=recipient)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/send_to_user_id")


@pytest.mark.parametrize("seconds", [0, 1799, 604_801, -1])
async def test_a_link_works_for_half_an_hour_to_seven_days(call, broken: Connection, seconds: int) -> None:
    answer = await linked(call, broken, ttl_seconds=seconds)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/ttl_seconds")


async def test_an_ended_connection_gets_no_link(call, database: Database) -> None:
    async with database.transaction() as tx:
        ended = await stored(tx, a_connection(lifecycle=Lifecycle.DISCONNECTED))

    assert (await linked(call, ended)).json()["code"] == "not_reconnectable"


async def test_somebody_who_came_from_the_providers_disconnect_button_has_the_connection_checked(
    call, working: Connection, broken: Connection, database: Database
) -> None:
    for connection in (working, broken, working):
        assert (await call("POST", at(connection, "check"))).status_code == 202

    async with database.acquire() as tx:
        due = await tx.fetch("SELECT connection_id, reported_by FROM connection_checks")
        assert [tuple(row) for row in due] == [(working.id, "provider_notice")]
        assert await types_said(tx) == [], "asking alone changes nothing"
