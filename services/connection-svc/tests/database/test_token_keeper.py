"""Tokens are refreshed once, stored before anything else, and a grant is given up only when it is dead.

What it cannot catch: a pause of the process between its last look at the lease and the provider's reading of the call.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import pytest
from build_connection_svc import (
    BUSINESS,
    DEMO,
    NOON,
    VAULT,
    YEAR,
    Died,
    FakeProvider,
    a_connection,
    an_expired_connection,
    some_tokens,
    stored,
    types_said,
)
from prometheus_client import REGISTRY

from chassis.database import Database, Tx
from chassis.testing import FrozenClock
from connection_svc.domain.connection import Connection, DetectedBy, ExpiryReason, Lifecycle
from connection_svc.domain.grant import (
    OUTCOME_WAIT,
    Checking,
    Grant,
    NotUsableYet,
    Over,
    Usable,
)
from connection_svc.store import connections, grants, history
from connection_svc.store.connections import UnknownConnection
from connection_svc.store.sealing import Vault
from connection_svc.work.refresh_idle import refresh_idle
from connection_svc.work.token_keeper import TokenKeeper
from providers.errors import GrantRefused, OrganisationGone, ProviderUnavailable, Throttled, TokenRejected
from providers.models import Grant as ProviderGrant
from providers.models import Organisation

STALE = NOON + timedelta(minutes=26)  # less is left than the provider's margin
OURS = some_tokens().fingerprint


@pytest.fixture
async def connection(database: Database) -> Connection:
    async with database.transaction() as tx:
        return await stored(tx, a_connection(), some_tokens())


async def grant_of(database: Database, connection: Connection) -> Grant:
    async with database.acquire() as tx:
        grant = await grants.find(tx, VAULT, BUSINESS, connection.id)
    assert grant is not None
    return grant


async def lifecycle_of(database: Database, connection: Connection) -> Lifecycle:
    async with database.acquire() as tx:
        return (await connections.get(tx, BUSINESS, connection.id)).lifecycle


async def nothing_was_said(database: Database) -> bool:
    async with database.acquire() as tx:
        return await types_said(tx) == []


async def let_leases_and_backoff_end(database: Database) -> None:
    """The database's clock is not ours to move: the rows are."""
    async with database.acquire() as tx:
        await tx.execute("UPDATE grants SET leased_until = 'epoch', backing_off_until = 'epoch'")


async def let_open_outcomes_settle(database: Database) -> None:
    """As a minute would."""
    async with database.acquire() as tx:
        await tx.execute("UPDATE grants SET unsettled_since = unsettled_since - $1::interval", OUTCOME_WAIT)


async def access(keeper: TokenKeeper, connection: Connection) -> object:
    return await keeper.access(BUSINESS, connection.id, asked_by=DetectedBy.PUBLISH)


async def rejected(keeper: TokenKeeper, connection: Connection, fingerprint: str = OURS) -> object:
    return await keeper.rejected(BUSINESS, connection.id, fingerprint=fingerprint, asked_by=DetectedBy.PUBLISH)


async def test_a_fresh_token_is_handed_out_without_asking_the_provider(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider
) -> None:
    answer = await access(keeper, connection)

    assert answer == Usable("access-1", NOON + timedelta(minutes=30), DEMO.id, "xero", 1)
    assert xero.refreshed == []


async def test_a_token_near_its_end_is_refreshed_and_the_rotated_one_stored(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock, database: Database
) -> None:
    clock.advance(STALE - NOON)

    answer = await access(keeper, connection)

    grant = await grant_of(database, connection)
    assert answer == Usable("access-2", STALE + timedelta(minutes=30), DEMO.id, "xero", 1)
    assert (grant.tokens.refresh_token, grant.version, grant.unsettled_since) == ("refresh-2", 2, None)


async def test_ten_requests_at_once_cause_one_refresh_over_two_replicas(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock, database: Database
) -> None:
    clock.advance(STALE - NOON)
    xero.slow = 0.2
    replica = TokenKeeper(database, VAULT, {"xero": xero}, clock)

    answers = await asyncio.gather(*(access(one, connection) for one in [keeper, replica] * 5))

    assert xero.refreshed == ["refresh-1"]
    assert {answer.access_token for answer in answers} == {"access-2"}


async def test_no_refresh_starts_while_anothers_lease_is_valid(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock, database: Database
) -> None:
    clock.advance(timedelta(minutes=31))
    async with database.transaction() as tx:
        grant = await grants.find_for_update(tx, VAULT, BUSINESS, connection.id)
        await grants.lease(tx, grant, ttl=timedelta(seconds=30))

    answer = await access(keeper, connection)

    assert isinstance(answer, Checking)
    assert answer.because is NotUsableYet.REFRESHING
    assert xero.refreshed == []


@pytest.mark.parametrize("outage", [ProviderUnavailable("server_error"), TimeoutError()])
async def test_an_outage_never_expires_a_connection(
    outage: Exception, connection: Connection, clock: FrozenClock, database: Database
) -> None:
    xero = FakeProvider(errors=[outage])
    keeper = TokenKeeper(database, VAULT, {"xero": xero}, clock)
    clock.advance(timedelta(minutes=31))

    first, second = await access(keeper, connection), await access(keeper, connection)

    assert {first.because, second.because} == {NotUsableYet.PROVIDER_UNAVAILABLE}
    assert len(xero.refreshed) == 1, "the second request respects the back-off"
    assert await lifecycle_of(database, connection) is Lifecycle.ACTIVE
    assert await nothing_was_said(database)


async def test_a_row_of_failed_refreshes_is_one_line_of_the_history(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock, database: Database
) -> None:
    clock.advance(timedelta(minutes=31))
    xero.errors = [ProviderUnavailable("server_error"), ProviderUnavailable("server_error")]
    for _ in range(2):
        await access(keeper, connection)
        async with database.transaction() as tx:
            await tx.execute("UPDATE grants SET backing_off_until = 'epoch'")

    async with database.acquire() as tx:
        (line,) = await history.of_connection(tx, connection, before=2**62, limit=9)
    assert len(xero.refreshed) == 2
    assert (line.what, line.actor_id, line.details) == ("refresh_failed", "xero", {"because": "unavailable"})


async def test_a_token_that_still_lives_is_handed_out_while_the_token_endpoint_is_away(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock
) -> None:
    clock.advance(STALE - NOON)
    xero.errors = [ProviderUnavailable("connect")]

    assert isinstance(await access(keeper, connection), Usable)


async def test_the_providers_own_waiting_time_is_kept(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock
) -> None:
    clock.advance(timedelta(minutes=31))
    xero.errors = [Throttled(timedelta(seconds=90))]

    answer = await access(keeper, connection)

    assert (answer.because, answer.retry_after) == (NotUsableYet.PROVIDER_UNAVAILABLE, timedelta(seconds=90))


async def test_a_refused_refresh_ends_the_connection_and_asks_for_its_repair_once(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock, database: Database
) -> None:
    clock.advance(STALE - NOON)
    xero.living = "revoked at the provider"

    answers = [await access(keeper, connection) for _ in range(2)]

    assert answers == [Over("grant_revoked")] * 2
    assert await lifecycle_of(database, connection) is Lifecycle.REVOKED
    async with database.acquire() as tx:
        assert await types_said(tx) == ["connection.expired", "reconnect.requested", "connection.state"]


async def test_a_refused_token_whose_own_end_has_passed_is_named_so(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock
) -> None:
    clock.advance(timedelta(days=61))
    xero.living = "dead of old age"

    assert await access(keeper, connection) == Over("refresh_token_expired")


async def test_a_request_that_sees_the_year_pass_expires_the_connection_itself(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock, database: Database
) -> None:
    clock.advance(YEAR)

    answers = await asyncio.gather(*(access(keeper, connection) for _ in range(5)))

    assert answers == [Over("consent_lapsed")] * 5
    assert xero.refreshed == []
    async with database.acquire() as tx:
        assert await types_said(tx) == ["connection.expired", "reconnect.requested", "connection.state"]
        detected_by = await tx.fetchval("SELECT details ->> 'detected_by' FROM connection_history")
    assert detected_by == "publish"


async def test_a_crash_between_rotation_and_storing_is_survived_where_the_provider_gives_grace(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock, database: Database
) -> None:
    clock.advance(timedelta(minutes=31))
    xero.grace, xero.errors_after_rotation = True, [Died()]
    with pytest.raises(Died):
        await access(keeper, connection)
    await let_leases_and_backoff_end(database)

    answer = await access(keeper, connection)

    assert isinstance(answer, Usable)
    assert (await grant_of(database, connection)).tokens.refresh_token == xero.living


class GoneForAWhile:
    """The database, which refuses the next transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.errors: list[Exception] = []

    def acquire(self) -> AbstractAsyncContextManager[Tx]:
        return self._database.acquire()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        if self.errors:
            raise self.errors.pop(0)
        async with self._database.transaction() as tx:
            yield tx


@dataclass
class TakesTheDatabaseAway(FakeProvider):
    """While it refreshes the database goes away."""

    database: GoneForAWhile | None = None
    outage: tuple[Exception, ...] = ()

    async def refresh(self, refresh_token: str, now: datetime) -> ProviderGrant:
        assert self.database is not None
        self.database.errors = list(self.outage)
        return await super().refresh(refresh_token, now)


async def test_a_rotated_token_is_stored_when_the_database_comes_back(
    connection: Connection, clock: FrozenClock, database: Database
) -> None:
    clock.advance(timedelta(minutes=31))
    away = GoneForAWhile(database)
    outage = (ConnectionRefusedError(), asyncpg.AdminShutdownError("terminating"), TimeoutError())
    xero = TakesTheDatabaseAway(database=away, outage=outage)

    answer = await access(TokenKeeper(away, VAULT, {"xero": xero}, clock), connection)

    assert isinstance(answer, Usable)
    assert xero.refreshed == ["refresh-1"]
    assert (await grant_of(database, connection)).tokens.refresh_token == xero.living


async def test_a_mistake_of_ours_in_storing_a_rotated_token_is_not_repeated(
    connection: Connection, clock: FrozenClock, database: Database
) -> None:
    clock.advance(timedelta(minutes=31))
    away = GoneForAWhile(database)
    xero = TakesTheDatabaseAway(database=away, outage=(asyncpg.UndefinedColumnError("no such column"),) * 2)

    with pytest.raises(asyncpg.UndefinedColumnError):
        await access(TokenKeeper(away, VAULT, {"xero": xero}, clock), connection)
    assert len(away.errors) == 1


async def test_a_refusal_after_a_crash_is_believed_only_when_nobody_can_be_about_to_store(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock, database: Database
) -> None:
    clock.advance(timedelta(minutes=31))
    xero.errors_after_rotation = [Died()]
    with pytest.raises(Died):
        await access(keeper, connection)
    await let_leases_and_backoff_end(database)

    soon = await access(keeper, connection)
    assert isinstance(soon, Checking)
    assert soon.because is NotUsableYet.REFUSAL_UNPROVEN
    assert await lifecycle_of(database, connection) is Lifecycle.ACTIVE

    await let_leases_and_backoff_end(database)
    clock.advance(timedelta(minutes=10))
    later = await access(keeper, connection)
    assert isinstance(later, Checking), "another replica's clock may be ahead of the one that died"
    assert later.because is NotUsableYet.REFUSAL_UNPROVEN

    await let_leases_and_backoff_end(database)
    await let_open_outcomes_settle(database)
    assert await access(keeper, connection) == Over("grant_revoked")


async def test_a_worker_paused_past_its_lease_still_stores_what_it_was_given(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock, database: Database
) -> None:
    """It alone has the token that lives at the provider: another's refusal meanwhile must not cost the customer it."""
    clock.advance(timedelta(minutes=31))
    xero.slow = 0.5
    paused = asyncio.create_task(access(keeper, connection))
    await asyncio.sleep(0.1)
    await let_leases_and_backoff_end(database)
    hurried = FakeProvider(living="not the one we hold")
    other = await access(TokenKeeper(database, VAULT, {"xero": hurried}, clock), connection)

    assert isinstance(other, Checking)
    assert isinstance(await paused, Usable)
    assert (await grant_of(database, connection)).tokens.refresh_token == xero.living


async def test_a_token_that_is_older_than_the_stored_one_is_not_stored(
    connection: Connection, database: Database
) -> None:
    old = await grant_of(database, connection)
    async with database.transaction() as tx:
        assert await grants.rotate(tx, VAULT, old, some_tokens(refresh_token="newer"), forced=False)
        assert not await grants.rotate(tx, VAULT, old, some_tokens(refresh_token="older"), forced=False)

    assert (await grant_of(database, connection)).tokens.refresh_token == "newer"


async def test_a_refusal_of_a_token_that_was_replaced_meanwhile_is_a_lost_race(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock, database: Database
) -> None:
    clock.advance(timedelta(minutes=31))
    xero.slow, xero.errors = 0.3, [GrantRefused("grant_revoked")]
    losing = asyncio.create_task(access(keeper, connection))
    await asyncio.sleep(0.1)
    async with database.transaction() as tx:
        newer = some_tokens(access_token="newer", access_expires_at=clock.now() + timedelta(minutes=30))
        await grants.put(tx, VAULT, connection, newer)

    answer = await losing

    assert answer.access_token == "newer"
    assert await lifecycle_of(database, connection) is Lifecycle.ACTIVE


async def test_a_late_give_up_does_not_hold_up_the_tokens_of_a_new_consent(
    connection: Connection, database: Database
) -> None:
    async with database.transaction() as tx:
        before = await grants.find_for_update(tx, VAULT, BUSINESS, connection.id)
        lease = await grants.lease(tx, before, ttl=timedelta(seconds=30))
        await grants.put(tx, VAULT, connection, some_tokens(access_token="of the new consent"))
        await grants.give_up(tx, before, lease=lease, pause=timedelta(minutes=15), did_nothing=False)

    grant = await grant_of(database, connection)
    assert (grant.backing_off_for, grant.unsettled_since) == (timedelta(0), None)


async def test_ten_reports_of_one_rejected_token_cause_one_refresh(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider
) -> None:
    xero.slow = 0.1

    answers = await asyncio.gather(*(rejected(keeper, connection) for _ in range(10)))

    assert xero.refreshed == ["refresh-1"]
    assert {answer.access_token for answer in answers} == {"access-2"}


async def test_whoever_reports_an_old_token_gets_the_newer_one(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider
) -> None:
    answer = await rejected(keeper, connection, some_tokens(access_token="older").fingerprint)

    assert answer.access_token == "access-1"
    assert xero.refreshed == []


async def test_a_report_is_answered_with_the_truth_about_a_dead_grant(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider
) -> None:
    xero.living = "revoked at the provider"

    assert await rejected(keeper, connection) == Over("grant_revoked")


async def test_a_token_that_is_rejected_again_right_after_its_renewal_is_not_renewed_for_ever(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider
) -> None:
    renewed = await rejected(keeper, connection)
    again = await rejected(keeper, connection, some_tokens(access_token=renewed.access_token).fingerprint)

    assert again.because is NotUsableYet.REJECTED_AGAIN
    assert len(xero.refreshed) == 1


async def test_an_organisation_that_the_provider_no_longer_names_is_withdrawn(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, database: Database
) -> None:
    xero.granted = [Organisation("org-other", "Other Org Ltd")]

    assert await rejected(keeper, connection) == Over("organisation_withdrawn")
    assert await lifecycle_of(database, connection) is Lifecycle.REVOKED


async def test_the_organisation_is_looked_for_among_those_of_every_login(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider
) -> None:
    await rejected(keeper, connection)

    asked = xero.asked_for_organisations[0]
    assert (asked.organisation_hint, asked.authorisation_event) == (DEMO.id, None)


class AfterTheRefresh(FakeProvider):
    """Refreshes well, then answers the question for organisations with an error."""

    error: Exception

    async def organisations(self, grant: object) -> list[Organisation]:
        raise self.error


async def test_the_provider_may_say_that_the_organisation_is_gone(
    connection: Connection, database: Database, clock: FrozenClock
) -> None:
    provider = AfterTheRefresh()
    provider.error = OrganisationGone(DEMO.id)

    answer = await rejected(TokenKeeper(database, VAULT, {"xero": provider}, clock), connection)

    assert answer == Over("organisation_withdrawn")


@pytest.mark.parametrize("trouble", [TokenRejected("x"), ProviderUnavailable("timeout"), Throttled(timedelta(1))])
async def test_an_unanswered_question_for_organisations_proves_nothing(
    trouble: Exception, connection: Connection, database: Database, clock: FrozenClock
) -> None:
    provider = AfterTheRefresh()
    provider.error = trouble

    assert isinstance(await rejected(TokenKeeper(database, VAULT, {"xero": provider}, clock), connection), Usable)


async def test_a_grant_that_nobody_uses_is_refreshed_before_it_dies_of_it(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock, database: Database
) -> None:
    assert not await refresh_idle(database, keeper, clock)
    clock.advance(timedelta(days=45))

    assert await refresh_idle(database, keeper, clock)
    assert not await refresh_idle(database, keeper, clock), "it is not due again"
    assert xero.refreshed == ["refresh-1"]


async def test_an_idle_grant_that_got_no_answer_does_not_keep_the_others_waiting(
    keeper: TokenKeeper, connection: Connection, xero: FakeProvider, clock: FrozenClock, database: Database
) -> None:
    clock.advance(timedelta(days=45))
    xero.errors = [ProviderUnavailable("connect")]

    assert await refresh_idle(database, keeper, clock)
    assert not await refresh_idle(database, keeper, clock), "it is left alone for its back-off"


@pytest.mark.parametrize(
    ("connection", "reason"),
    [
        (an_expired_connection(expiry_reason=ExpiryReason.GRANT_REVOKED), "grant_revoked"),
        (a_connection(lifecycle=Lifecycle.DISCONNECTED), "disconnected"),
    ],
)
async def test_a_connection_that_does_not_work_gives_no_token(
    connection: Connection, reason: str, keeper: TokenKeeper, database: Database, xero: FakeProvider
) -> None:
    async with database.transaction() as tx:
        await stored(tx, connection, some_tokens())

    assert await access(keeper, connection) == Over(reason)
    assert xero.refreshed == []


async def test_somebody_elses_connection_is_unknown(keeper: TokenKeeper, connection: Connection) -> None:
    with pytest.raises(UnknownConnection):
        await keeper.access("biz_other", connection.id, asked_by=DetectedBy.SYNC)


@pytest.fixture
async def swapped(connection: Connection, database: Database, clock: FrozenClock) -> tuple[Connection, Connection]:
    """Two connections, each with the other's sealed tokens in its row, due to be refreshed."""
    clock.advance(timedelta(days=45))
    async with database.transaction() as tx:
        other = await stored(tx, a_connection(organisation=Organisation("org-2", "Two")), some_tokens())
        await tx.execute(
            """UPDATE grants mine SET key_id = theirs.key_id, wrapped_key = theirs.wrapped_key,
                      access_token = theirs.access_token, refresh_token = theirs.refresh_token
                 FROM grants theirs WHERE mine.connection_id <> theirs.connection_id"""
        )
    return connection, other


def damage_seen() -> float:
    return REGISTRY.get_sample_value("undecipherable_secrets_total", {"table": "grants"}) or 0


async def test_ciphertexts_that_were_swapped_between_rows_are_noticed_and_used_by_nobody(
    keeper: TokenKeeper, swapped: tuple[Connection, Connection], xero: FakeProvider, database: Database
) -> None:
    one, other = swapped

    answers = [await access(keeper, one), await rejected(keeper, other)]

    assert [answer.because for answer in answers] == [NotUsableYet.DAMAGED] * 2
    assert xero.refreshed == []
    assert await lifecycle_of(database, one) is Lifecycle.ACTIVE


async def test_a_damaged_grant_is_quarantined_and_alarms_once(
    keeper: TokenKeeper, swapped: tuple[Connection, Connection], database: Database
) -> None:
    before = damage_seen()

    await asyncio.gather(*(access(keeper, swapped[0]) for _ in range(2)))
    seen_first = damage_seen()
    await access(keeper, swapped[0])

    assert before < seen_first == damage_seen()
    async with database.acquire() as tx:
        assert await grants.is_quarantined(tx, swapped[0])
        assert not await grants.is_quarantined(tx, swapped[1])
        assert [entry.what for entry in await history.of_connection(tx, swapped[0], before=99, limit=9)] == [
            "quarantined"
        ]


async def test_a_quarantined_grant_does_not_keep_idle_ones_waiting(
    keeper: TokenKeeper, swapped: tuple[Connection, Connection], database: Database, clock: FrozenClock
) -> None:
    assert await refresh_idle(database, keeper, clock)
    assert await refresh_idle(database, keeper, clock)
    assert not await refresh_idle(database, keeper, clock)


async def test_a_damaged_row_that_is_put_back_stays_in_quarantine(
    keeper: TokenKeeper, connection: Connection, database: Database
) -> None:
    async with database.acquire() as tx:
        await tx.execute(
            "UPDATE grants SET access_token = set_byte(access_token, 20, 255 - get_byte(access_token, 20))"
        )
        await access(keeper, connection)
        await tx.execute(
            "UPDATE grants SET access_token = set_byte(access_token, 20, 255 - get_byte(access_token, 20))"
        )

    assert (await access(keeper, connection)).because is NotUsableYet.DAMAGED


async def test_a_new_consent_ends_the_quarantine(
    keeper: TokenKeeper, swapped: tuple[Connection, Connection], database: Database, clock: FrozenClock
) -> None:
    await access(keeper, swapped[0])
    async with database.transaction() as tx:
        new = some_tokens(access_token="new", access_expires_at=clock.now() + timedelta(minutes=30))
        await grants.put(tx, VAULT, swapped[0], new)

    answer = await access(keeper, swapped[0])

    assert answer.access_token == "new"


async def test_a_key_that_is_missing_from_the_ring_quarantines_nothing(
    connection: Connection, keeper: TokenKeeper, xero: FakeProvider, clock: FrozenClock, database: Database
) -> None:
    clock.advance(timedelta(days=45))
    without = TokenKeeper(database, Vault({"k2": bytes(32)}, current="k2"), {"xero": xero}, clock)

    assert await refresh_idle(database, without, clock)
    assert not await refresh_idle(database, without, clock), "it is left alone for its back-off"
    await let_leases_and_backoff_end(database)

    assert isinstance(await access(keeper, connection), Usable)
