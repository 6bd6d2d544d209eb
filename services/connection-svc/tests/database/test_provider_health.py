"""One record for a provider that struggles, however many connections there are; none of them expires by it."""

from datetime import timedelta

import pytest
from build_connection_svc import (
    BUSINESS,
    NOON,
    FakeProvider,
    Organisation,
    a_connection,
    said,
    some_tokens,
    stored,
)

from chassis.consume import NotYetKnown, reacts
from chassis.database import Database
from chassis.testing import FrozenClock, twice
from connection_svc.domain.connection import Connection, DetectedBy
from connection_svc.domain.health import QUIET, WINDOW
from connection_svc.handlers.on_item_outcome_uncertain import on_item_outcome_uncertain
from connection_svc.handlers.on_item_publish_failed import on_item_publish_failed
from connection_svc.handlers.on_sync_failed import on_sync_failed
from connection_svc.store import provider_health
from connection_svc.work.judge_health import HealthJudge
from connection_svc.work.republish_state import republish_state
from connection_svc.work.token_keeper import TokenKeeper
from providers.errors import OrganisationGone, ProviderUnavailable, Throttled
from relink_contracts.events import ItemOutcomeUncertain, ItemPublishFailed, SyncFailed
from relink_contracts.testing import a, received

PUBLISHING = reacts(ItemPublishFailed, on_item_publish_failed)
LOSING = reacts(ItemOutcomeUncertain, on_item_outcome_uncertain)
SYNCING = reacts(SyncFailed, on_sync_failed)


@pytest.fixture
async def four(database: Database) -> list[Connection]:
    async with database.transaction() as tx:
        return [
            await stored(tx, a_connection(organisation=Organisation(f"org-{number}", "One of four")), some_tokens())
            for number in range(4)
        ]


@pytest.fixture
def judge(database: Database, keeper: TokenKeeper, xero: FakeProvider, clock: FrozenClock) -> HealthJudge:
    return HealthJudge(database, keeper, {"xero": xero}, clock)


async def fail(database: Database, connections: list[Connection], clock: FrozenClock) -> None:
    """An item of each fails for the provider's sake; each event comes twice."""
    async with database.transaction() as tx:
        for connection in connections:
            failure = a(ItemPublishFailed, class_="outage", code="server_error", connection_id=connection.id)
            await twice(PUBLISHING, received(failure, at=clock.now()), tx)


async def told(database: Database) -> list[tuple[str, str | None, str]]:
    async with database.acquire() as tx:
        states = [data for event, data in await said(tx) if event == "provider.state"]
    return [(data["health"], data["symptom"], data["since"]) for data in states]


async def test_failures_of_three_connections_are_one_trouble_of_their_provider(
    judge: HealthJudge, four: list[Connection], database: Database, clock: FrozenClock
) -> None:
    await fail(database, four[:2], clock)
    await judge.judge_all()
    assert await told(database) == []

    await fail(database, four, clock)
    for _ in range(3):
        await judge.judge_all()

    assert await told(database) == [("degraded", "server_error", "2026-03-02T12:00:00Z")]
    async with database.acquire() as tx:
        assert {event for event, _ in await said(tx)} == {"provider.state"}, "no connection changed"
        assert await tx.fetchval("SELECT count(*) FROM connections WHERE lifecycle = 'active'") == 4


async def test_one_connection_that_fails_all_the_time_is_no_trouble_of_its_provider(
    judge: HealthJudge, four: list[Connection], database: Database, clock: FrozenClock
) -> None:
    for _ in range(5):
        await fail(database, four[:1], clock)
    await judge.judge_all()

    assert await told(database) == []


@pytest.fixture
async def only(database: Database) -> Connection:
    """There is one connection to the provider."""
    async with database.transaction() as tx:
        return await stored(tx, a_connection(), some_tokens())


async def test_when_the_only_connection_fails_the_provider_is_asked_before_it_is_judged(
    judge: HealthJudge, only: Connection, database: Database, clock: FrozenClock, xero: FakeProvider
) -> None:
    lost = received(a(ItemOutcomeUncertain, connection_id=only.id), at=clock.now())
    async with database.transaction() as tx:
        await twice(LOSING, lost, tx)
    xero.errors = [ProviderUnavailable("server_error"), ProviderUnavailable("server_error")]
    for _ in range(2):
        await judge.judge_all()
        assert await told(database) == []
    await judge.judge_all()

    assert [(health, symptom) for health, symptom, _ in await told(database)] == [("degraded", "server_error")]


async def test_a_provider_that_answers_is_not_asked_again_about_the_same_failure(
    judge: HealthJudge, only: Connection, database: Database, clock: FrozenClock, xero: FakeProvider
) -> None:
    await fail(database, [only], clock)
    for _ in range(3):
        await judge.judge_all()

    assert (len(xero.asked_for_organisations), await told(database)) == (1, [])


async def test_failures_far_apart_are_no_trouble(
    judge: HealthJudge, four: list[Connection], database: Database, clock: FrozenClock
) -> None:
    for connection in four:
        await fail(database, [connection], clock)
        clock.advance(WINDOW)
        await judge.judge_all()

    assert await told(database) == []


@pytest.fixture
async def degraded(judge: HealthJudge, four: list[Connection], database: Database, clock: FrozenClock) -> None:
    await fail(database, four, clock)
    await judge.judge_all()


async def test_a_connection_is_explained_by_its_providers_trouble_and_is_as_it_was(
    call, degraded: None, four: list[Connection]
) -> None:
    at = f"/api/v1/connections/{four[0].id}"

    assert (await call("GET", f"{at}/explain")).json() == {
        "why": "Connected to One of four, but Xero is not answering right now.",
        "next": "What waits is published by itself when Xero is back.",
    }
    assert (await call("GET", at)).json()["lifecycle"] == "active"


async def test_when_it_is_quiet_and_the_provider_answers_it_is_well_again_by_itself(
    judge: HealthJudge, degraded: None, database: Database, clock: FrozenClock, xero: FakeProvider
) -> None:
    await judge.judge_all()
    assert xero.asked_for_organisations == [], "it is asked when it is quiet"

    clock.advance(QUIET)
    await judge.judge_all()
    await judge.judge_all()

    assert await told(database) == [
        ("degraded", "server_error", "2026-03-02T12:00:00Z"),
        ("ok", None, "2026-03-02T12:01:30Z"),
    ]


async def test_trouble_that_comes_back_is_said_again(
    judge: HealthJudge, degraded: None, four: list[Connection], database: Database, clock: FrozenClock
) -> None:
    clock.advance(QUIET)
    await judge.judge_all()
    clock.advance(timedelta(seconds=1))
    await fail(database, four, clock)
    await judge.judge_all()

    assert [health for health, _, _ in await told(database)] == ["degraded", "ok", "degraded"]


async def test_a_provider_that_does_not_answer_is_asked_again_after_a_while(
    judge: HealthJudge, degraded: None, database: Database, clock: FrozenClock, xero: FakeProvider
) -> None:
    xero.errors = [ProviderUnavailable("timeout")]
    clock.advance(QUIET)
    await judge.judge_all()
    await judge.judge_all()
    assert (len(xero.asked_for_organisations), len(await told(database))) == (1, 1)

    clock.advance(QUIET)
    await judge.judge_all()
    assert [health for health, _, _ in await told(database)] == ["degraded", "ok"]


@pytest.mark.parametrize("answer", [Throttled(timedelta(seconds=9)), OrganisationGone("org-3")])
async def test_a_refusal_is_an_answer(
    *, answer: Exception, judge: HealthJudge, degraded: None, database: Database, clock: FrozenClock, xero: FakeProvider
) -> None:
    xero.errors = [answer]
    clock.advance(QUIET)
    await judge.judge_all()

    assert [health for health, _, _ in await told(database)] == ["degraded", "ok"]
    async with database.acquire() as tx:
        assert await tx.fetchval("SELECT count(*) FROM connections WHERE lifecycle = 'active'") == 4


async def test_a_token_endpoint_that_is_away_counts_too(
    *,
    judge: HealthJudge,
    four: list[Connection],
    database: Database,
    keeper: TokenKeeper,
    clock: FrozenClock,
    xero: FakeProvider,
) -> None:
    clock.advance(timedelta(minutes=31))
    xero.errors = [ProviderUnavailable("timeout") for _ in four]
    for connection in four:
        await keeper.access(BUSINESS, connection.id, asked_by=DetectedBy.PUBLISH)
    await judge.judge_all()

    assert [(health, symptom) for health, symptom, _ in await told(database)] == [("degraded", "token_endpoint")]


@pytest.mark.parametrize(
    ("handler", "failure"),
    [
        (PUBLISHING, a(ItemPublishFailed, class_="rate_limit")),
        (PUBLISHING, a(ItemPublishFailed, class_="validation")),
        (SYNCING, a(SyncFailed, blames="us")),
        (SYNCING, a(SyncFailed, blames="connection")),
    ],
)
async def test_only_the_providers_own_trouble_counts(handler, failure, four: list[Connection], database) -> None:
    async with database.transaction() as tx:
        await twice(handler, received(failure.model_copy(update={"connection_id": four[0].id}), at=NOON), tx)
        assert await provider_health.evidence(tx, "xero", since=NOON - WINDOW) is None


async def test_a_sync_that_blames_the_provider_counts(four: list[Connection], database: Database) -> None:
    async with database.transaction() as tx:
        failure = a(SyncFailed, blames="provider", code="provider_timeout", connection_id=four[0].id)
        await twice(SYNCING, received(failure, at=NOON), tx)
        evidence = await provider_health.evidence(tx, "xero", since=NOON - WINDOW)

    assert evidence is not None
    assert (evidence.failures, evidence.symptom) == (1, "timeout")


async def test_trouble_of_a_connection_that_nobody_here_knows_is_asked_for_again(database: Database) -> None:
    async with database.transaction() as tx:
        with pytest.raises(NotYetKnown):
            await PUBLISHING.deliver(received(a(ItemPublishFailed, class_="outage")), tx, "test")


async def test_the_providers_states_are_said_again_with_those_of_the_connections(
    degraded: None, database: Database, clock: FrozenClock
) -> None:
    await republish_state(database, clock)

    assert [health for health, _, _ in await told(database)] == ["degraded", "degraded"]
