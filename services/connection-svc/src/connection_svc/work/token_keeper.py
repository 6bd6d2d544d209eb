"""Hands out access tokens, refreshes them, and finds out that a grant is dead.

Of the replicas one refreshes a grant at a time, under a lease in its row. What a refresh brought is stored in a
transaction of its own before anything else, over the version it came from. Only the provider's `invalid_grant`, once
it is believable, or the provider's own list of organisations ends a connection; an outage never does.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import asyncpg
import structlog

from chassis import failpoints
from chassis.clock import Clock
from chassis.database import Database, is_outage
from connection_svc import incoming, metrics
from connection_svc.domain.connection import Connection, DetectedBy, Lifecycle, why_expired
from connection_svc.domain.grant import (
    LONGEST_BACKOFF,
    REPORT_PAUSE,
    AccessAnswer,
    Checking,
    Grant,
    NotUsableYet,
    Over,
    Tokens,
    Usable,
    backoff,
    is_fresh,
    refusal_unproven_for,
    was_just_forced,
)
from connection_svc.store import connections, grants, history, provider_health
from connection_svc.store.grants import Quarantined
from connection_svc.store.sealing import Undecipherable, Vault
from connection_svc.work.expire import expire
from providers import Providers
from providers.errors import (
    GrantRefused,
    OrganisationGone,
    ProviderUnavailable,
    Refused,
    Throttled,
    TokenRejected,
)

PROVIDER_TIMEOUT = timedelta(seconds=20)
LEASE = timedelta(seconds=30)  # longer than a call may take; half of OUTCOME_WAIT
STORING = timedelta(seconds=15)  # with the call, and a last try, it ends within OUTCOME_WAIT
PATIENCE = timedelta(seconds=5)  # how long a caller waits for somebody else's refresh
LAST_MINUTE = timedelta(minutes=1)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Turn:
    """The right to refresh this grant, as it was when the lease was taken."""

    connection: Connection
    grant: Grant
    lease: int
    begun_at: datetime
    asked_by: DetectedBy
    forced: bool


class TokenKeeper:
    """The one place that refreshes. `asked_by` of its methods is who is told to have noticed an expiry."""

    def __init__(self, database: Database, vault: Vault, providers: Providers, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._providers = providers
        self._clock = clock

    async def access(self, business_id: str, connection_id: str, *, asked_by: DetectedBy) -> AccessAnswer:
        """A token that lives longer than the provider's margin, refreshed if need be. Raises UnknownConnection."""
        try:
            standing = await self._standing(business_id, connection_id, asked_by=asked_by)
            if not isinstance(standing, tuple):
                return standing
            connection, grant = standing
            now, margin = self._clock.now(), self._providers[connection.provider].facts.access_margin
            if is_fresh(grant, now=now, margin=margin):
                return _usable(connection, grant.tokens)
            answer = await self._renew(connection, grant, asked_by=asked_by, forced=False)
            # The token endpoint may be away while the API answers: what still lives is better than waiting.
            still_lives = isinstance(answer, Checking) and is_fresh(grant, now=now, margin=LAST_MINUTE)
            return _usable(connection, grant.tokens) if still_lives else answer
        except Undecipherable as damage:
            return await self._unreadable(business_id, connection_id, damage)

    async def rejected(
        self, business_id: str, connection_id: str, *, fingerprint: str, asked_by: DetectedBy
    ) -> AccessAnswer:
        """The provider did not take the token with this fingerprint: a newer one, or the truth about the grant.

        Any number of reports of one token cause one refresh. Raises UnknownConnection.
        """
        try:
            standing = await self._standing(business_id, connection_id, asked_by=asked_by)
            if not isinstance(standing, tuple):
                return standing
            connection, grant = standing
            if grant.tokens.fingerprint != fingerprint:
                return await self.access(business_id, connection_id, asked_by=asked_by)
            if was_just_forced(grant, now=self._clock.now()):
                return Checking(NotUsableYet.REJECTED_AGAIN, REPORT_PAUSE)
            return await self._renew(connection, grant, asked_by=asked_by, forced=True)
        except Undecipherable as damage:
            return await self._unreadable(business_id, connection_id, damage)

    async def check(
        self, business_id: str, connection_id: str, *, reported_at: datetime, reported_by: DetectedBy
    ) -> AccessAnswer:
        """Somebody's failure blames the connection: find out by refreshing, unless it was proven alive since."""
        try:
            standing = await self._standing(business_id, connection_id, asked_by=reported_by)
            if not isinstance(standing, tuple):
                return standing
            connection, grant = standing
            proven = grant.tokens.obtained_at >= reported_at or was_just_forced(grant, now=self._clock.now())
            if proven:
                return _usable(connection, grant.tokens)
            return await self._renew(connection, grant, asked_by=reported_by, forced=True)
        except Undecipherable as damage:
            return await self._unreadable(business_id, connection_id, damage)

    async def keep_alive(self, business_id: str, connection_id: str) -> AccessAnswer:
        """Refresh a grant that nobody has used for long, so that it does not die of it."""
        try:
            standing = await self._standing(business_id, connection_id, asked_by=DetectedBy.REFRESH)
            if not isinstance(standing, tuple):
                return standing
            connection, grant = standing
            return await self._renew(connection, grant, asked_by=DetectedBy.REFRESH, forced=False)
        except Undecipherable as damage:
            return await self._unreadable(business_id, connection_id, damage)

    async def _standing(
        self, business_id: str, connection_id: str, *, asked_by: DetectedBy
    ) -> tuple[Connection, Grant] | Over | Checking:
        """The connection and its tokens while it is active. One whose year is over is expired here and now."""
        async with self._database.acquire() as tx:
            connection = await connections.get(tx, business_id, connection_id)
            grant = await grants.find(tx, self._vault, business_id, connection_id)
        if connection.has_lapsed(now=self._clock.now()):
            return await self._end(connection, asked_by=asked_by, organisation_gone=False)
        if connection.lifecycle is not Lifecycle.ACTIVE or grant is None:
            return _over(connection)
        return connection, grant

    async def _renew(self, connection: Connection, seen: Grant, *, asked_by: DetectedBy, forced: bool) -> AccessAnswer:
        """Refresh, or wait a little for whoever does."""
        give_up_at = time.monotonic() + PATIENCE.total_seconds()
        while True:
            turn = await self._take_turn(connection, seen, asked_by=asked_by, forced=forced)
            if isinstance(turn, _Turn):
                answer = await self._refresh(turn)
                return await self._with_organisation(turn, answer) if forced else answer
            if turn is not None:
                return turn
            if time.monotonic() >= give_up_at:
                return Checking(NotUsableYet.REFRESHING, PATIENCE)
            await asyncio.sleep(0.1)

    async def _take_turn(
        self, connection: Connection, seen: Grant, *, asked_by: DetectedBy, forced: bool
    ) -> _Turn | Usable | Checking | None:
        """The lease; or the answer that makes it needless; None while somebody else has it."""
        async with self._database.transaction() as tx:
            # Read again under the lock: another worker may have refreshed since, and sending its spent token could
            # cost the customer the grant.
            grant = await grants.find_for_update(tx, self._vault, seen.business_id, seen.connection_id)
            if grant is None:
                return Checking(NotUsableYet.REFRESHING, PATIENCE)  # disconnected meanwhile: the next question tells
            if grant.version != seen.version:
                return _usable(connection, grant.tokens)
            if grant.leased_for:
                return None
            if grant.backing_off_for:
                return Checking(NotUsableYet.PROVIDER_UNAVAILABLE, grant.backing_off_for)
            lease = await grants.lease(tx, grant, ttl=LEASE)
            return _Turn(connection, grant, lease, self._clock.now(), asked_by, forced)

    async def _refresh(self, turn: _Turn) -> AccessAnswer:
        """One call of the token endpoint, and its consequence."""
        provider = self._providers[turn.connection.provider]
        failpoints.reach("grant.leased")
        try:
            async with asyncio.timeout(PROVIDER_TIMEOUT.total_seconds()):
                granted = await provider.refresh(turn.grant.tokens.refresh_token, turn.begun_at)
        except GrantRefused:
            metrics.refreshes.labels(provider.name, "refused").inc()
            return await self._refused(turn)
        except Throttled as limit:
            return await self._no_answer(turn, "throttled", limit.retry_after)
        except (ProviderUnavailable, TimeoutError):
            return await self._no_answer(turn, "unavailable", backoff(turn.grant.failed_refreshes + 1))
        failpoints.reach("grant.rotated")
        tokens = incoming.renewed(turn.grant.tokens, granted, provider, now=turn.begun_at)
        return await self._store(turn, tokens)

    async def _store(self, turn: _Turn, tokens: Tokens) -> AccessAnswer:
        stored = await self._rotate(turn, tokens)
        metrics.refreshes.labels(turn.connection.provider, "stored" if stored else "outrun").inc()
        if stored:
            return _usable(turn.connection, tokens)
        _log.warning("grant.outrun", connection_id=turn.connection.id, version=turn.grant.version)
        async with self._database.acquire() as tx:
            newer = await grants.find(tx, self._vault, turn.grant.business_id, turn.grant.connection_id)
        return _usable(turn.connection, newer.tokens) if newer else Checking(NotUsableYet.REFRESHING, PATIENCE)

    async def _rotate(self, turn: _Turn, tokens: Tokens) -> bool:
        """Nobody else has these tokens, and the provider takes no others any more: a short outage must not cost them.

        After a commit whose answer was lost the second try finds them stored.
        """
        give_up_at = time.monotonic() + STORING.total_seconds()
        while True:
            try:
                async with self._database.transaction() as tx:
                    return await grants.rotate(tx, self._vault, turn.grant, tokens, forced=turn.forced)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if not is_outage(error) or time.monotonic() >= give_up_at:
                    raise
                _log.warning("grant.not_stored_yet", connection_id=turn.connection.id, error=str(error))
            await asyncio.sleep(0.2)

    async def _no_answer(
        self, turn: _Turn, outcome: Literal["throttled", "unavailable"], pause: timedelta
    ) -> AccessAnswer:
        provider = turn.connection.provider
        metrics.refreshes.labels(provider, outcome).inc()
        async with self._database.transaction() as tx:
            did_nothing = outcome == "throttled"
            await grants.give_up(tx, turn.grant, lease=turn.lease, pause=pause, did_nothing=did_nothing)
            if turn.grant.failed_refreshes == 0:  # the first of a row: the others would fill the timeline
                entry = history.Entry(self._clock.now(), "refresh_failed", "provider", provider, {"because": outcome})
                await history.add(tx, turn.connection, entry)
            if outcome == "unavailable":
                await provider_health.note(tx, turn.connection, "token_endpoint", now=self._clock.now())
        return Checking(NotUsableYet.PROVIDER_UNAVAILABLE, pause)

    async def _refused(self, turn: _Turn) -> AccessAnswer:
        """`invalid_grant`: a lost race, not provable yet, or the end."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            connection = await connections.get_for_update(tx, turn.grant.business_id, turn.grant.connection_id)
            held = await grants.find_for_update(tx, self._vault, turn.grant.business_id, turn.grant.connection_id)
            if connection.lifecycle is not Lifecycle.ACTIVE or held is None:
                return _over(connection)
            if held.version != turn.grant.version:
                return _usable(connection, held.tokens)
            unproven_for = refusal_unproven_for(turn.grant)
            if unproven_for:
                await grants.give_up(tx, turn.grant, lease=turn.lease, pause=unproven_for, did_nothing=True)
                return Checking(NotUsableYet.REFUSAL_UNPROVEN, unproven_for)
            ends = held.tokens.refresh_expires_at
            reason = why_expired(connection, refresh_expires_at=ends, organisation_gone=False, now=now)
            return _over(await expire(tx, connection, reason, detected_by=turn.asked_by, now=now))

    async def _with_organisation(self, turn: _Turn, answer: AccessAnswer) -> AccessAnswer:
        """A token that works may have lost our organisation: the provider's own list tells."""
        if not isinstance(answer, Usable) or not await self._has_lost_organisation(turn.connection, answer):
            return answer
        return await self._end(turn.connection, asked_by=turn.asked_by, organisation_gone=True)

    async def _has_lost_organisation(self, connection: Connection, answer: Usable) -> bool:
        """True only when the provider says so; whatever else goes wrong proves nothing."""
        assert connection.organisation is not None
        async with self._database.acquire() as tx:
            grant = await grants.find(tx, self._vault, connection.business_id, connection.id)
        if grant is None or grant.tokens.access_token != answer.access_token:
            return False
        asked = incoming.grant_of_any_login(grant.tokens, connection.organisation)
        try:
            async with asyncio.timeout(PROVIDER_TIMEOUT.total_seconds()):
                granted = await self._providers[connection.provider].organisations(asked)
        except OrganisationGone:
            return True
        except (TokenRejected, Throttled, ProviderUnavailable, Refused, TimeoutError) as trouble:
            _log.info("organisation.unchecked", connection_id=connection.id, error=str(trouble))
            return False
        return connection.organisation.id not in {organisation.id for organisation in granted}

    async def _end(self, connection: Connection, *, asked_by: DetectedBy, organisation_gone: bool) -> Over | Checking:
        """Expire what was just found to be over, unless somebody mended or ended it meanwhile."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            current = await connections.get_for_update(tx, connection.business_id, connection.id)
            if current.lifecycle is not Lifecycle.ACTIVE:
                return _over(current)
            if current.generation != connection.generation:
                return Checking(NotUsableYet.REFRESHING, timedelta(seconds=1))
            reason = why_expired(current, refresh_expires_at=None, organisation_gone=organisation_gone, now=now)
            return _over(await expire(tx, current, reason, detected_by=asked_by, now=now))

    async def _unreadable(self, business_id: str, connection_id: str, damage: Undecipherable) -> Checking:
        """Nobody can use these tokens, and a person is called; a reconnect brings others. Until then items wait."""
        if not isinstance(damage, Quarantined):
            metrics.undecipherable.labels(damage.place.table).inc()
            _log.error("grant.undecipherable", connection_id=connection_id, error=str(damage))
            now = self._clock.now()
            async with self._database.transaction() as tx:
                connection = await connections.get_for_update(tx, business_id, connection_id)
                if await grants.set_aside(tx, self._vault, connection, now=now, pause=LONGEST_BACKOFF):
                    await history.add(tx, connection, history.Entry(now, "quarantined", "system", "connection-svc"))
        return Checking(NotUsableYet.DAMAGED, LONGEST_BACKOFF)


def _usable(connection: Connection, tokens: Tokens) -> Usable:
    assert connection.organisation is not None
    return Usable(
        access_token=tokens.access_token,
        expires_at=tokens.access_expires_at,
        organisation_id=connection.organisation.id,
        provider=connection.provider,
        generation=connection.generation,
    )


def _over(connection: Connection) -> Over:
    return Over(reason=(connection.expiry_reason or connection.lifecycle).value)
