"""The numbers of connections that dashboards show."""

from datetime import timedelta

from build_connection_svc import (
    BUSINESS,
    DEMO,
    NOON,
    OTHER,
    YEAR,
    Organisation,
    a_connection,
    a_pending_connection,
    an_expired_connection,
    stored,
)
from login_steps_connection_svc import back, begun, begun_again, chosen, left
from prometheus_client import REGISTRY

from chassis.database import Database
from chassis.testing import FrozenClock
from connection_svc.domain.connection import Connection, Lifecycle
from connection_svc.store import connections
from connection_svc.work.measure import measure
from connection_svc.work.watch_consents import watch_consents


async def test_connections_are_counted_by_state_and_by_how_soon_they_end(
    database: Database, clock: FrozenClock
) -> None:
    async with database.transaction() as tx:
        soon = await stored(tx, a_connection(consent_expires_at=NOON + timedelta(days=10)))
        await stored(tx, a_connection(organisation=Organisation("org-2", "Far Ltd"), consent_expires_at=NOON + YEAR))
        await stored(tx, an_expired_connection(organisation=Organisation("org-3", "Over Ltd"), consent_expires_at=NOON))
        await connections.add(tx, a_pending_connection(), by="usr_anna")

    await measure(database, clock)
    assert counted() == {"active": 2, "expired": 1, "pending": 1}
    assert [expiring(days) for days in (30, 14, 7, 1)] == [1, 1, 0, 0]

    async with database.transaction() as tx:
        await connections.save(tx, soon.disconnect(now=NOON))
    await measure(database, clock)
    assert counted() == {"active": 1, "disconnected": 1, "expired": 1, "pending": 1}
    assert [expiring(days) for days in (30, 14, 7, 1)] == [0, 0, 0, 0]


async def test_a_state_that_nobody_is_in_any_more_is_not_shown(database: Database, clock: FrozenClock) -> None:
    async with database.transaction() as tx:
        connection = await stored(tx, a_connection(organisation=DEMO))
    await measure(database, clock)
    async with database.transaction() as tx:
        await connections.save(tx, connection.disconnect(now=NOON))

    await measure(database, clock)

    assert counted() == {Lifecycle.DISCONNECTED: 1}


async def test_reconnects_are_counted_apart_from_first_logins(call, browser, expired: Connection) -> None:
    def counted(metric: str) -> float:
        return REGISTRY.get_sample_value(metric, {"provider": "xero", "result": "activated"}) or 0

    metrics = ("connection_attempts_total", "reconnect_attempts_total")
    before = [counted(metric) for metric in metrics]
    for attempt in (await begun(call), await begun_again(call, expired)):
        await back(browser, state=await left(browser, attempt), code="c1")
        await chosen(call, attempt, OTHER.id if attempt["connection_id"] != expired.id else DEMO.id)

    assert [counted(metric) - was for metric, was in zip(metrics, before, strict=True)] == [2, 1]


async def test_no_metric_names_a_business_a_connection_or_a_person(
    call, browser, database: Database, clock: FrozenClock
) -> None:
    attempt = await begun(call)
    await back(browser, state=await left(browser, attempt), code="c1")
    await chosen(call, attempt)
    clock.advance(YEAR)
    await watch_consents(database, clock)
    await measure(database, clock)

    values = {value for metric in REGISTRY.collect() for sample in metric.samples for value in sample.labels.values()}
    assert "activated" in values
    ids = (BUSINESS, attempt["connection_id"], attempt["attempt_id"], "usr_anna", DEMO.id)
    assert [value for value in values if any(one in value for one in ids)] == []


def counted() -> dict[str, float]:
    [gauge] = [each for each in REGISTRY.collect() if each.name == "connections"]
    return {sample.labels["state"]: sample.value for sample in gauge.samples}


def expiring(days: int) -> float | None:
    return REGISTRY.get_sample_value("connections_expiring", {"days": str(days)})
