"""Gives our access back to providers, at once when somebody leaves and later for those who did not answer then."""

import asyncio
from datetime import datetime, timedelta

import structlog

from chassis.clock import Clock
from chassis.database import Database, Tx
from connection_svc import incoming, metrics
from connection_svc.domain.access_return import AccessReturn, Outcome
from connection_svc.domain.connection import Connection
from connection_svc.domain.grant import Grant, Tokens, is_fresh
from connection_svc.store import access_returns, connections, grants, history
from connection_svc.store.grants import Quarantined
from connection_svc.store.sealing import KeyMissing, Undecipherable, Vault
from providers import Providers
from providers.errors import GrantRefused, ProviderError
from providers.interface import Revocation

TIMEOUT = timedelta(seconds=10)
LEASE = timedelta(seconds=30)  # longer than the refresh may take
AGAIN_AFTER = timedelta(minutes=5)
LAST_MINUTE = timedelta(minutes=1)

_log = structlog.get_logger(__name__)


class AccessReturner:
    """Asks providers to take back what they gave us."""

    def __init__(self, database: Database, vault: Vault, providers: Providers, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._providers = providers
        self._clock = clock

    async def give_back(self, connection: Connection) -> Outcome:
        """Within ten seconds. Access that the provider says is dead counts as given back; ours changes nothing here."""
        provider = self._providers[connection.provider]
        if provider.facts.revocation is Revocation.NOT_OFFERED:
            return Outcome.NOT_POSSIBLE
        try:
            async with asyncio.timeout(TIMEOUT.total_seconds()):
                async with self._database.acquire() as tx:
                    grant = await grants.find(tx, self._vault, connection.business_id, connection.id)
                if grant is None or connection.organisation is None:
                    return Outcome.GIVEN_BACK
                tokens = await self._living(connection, grant)
                await provider.revoke(incoming.grant_of_login(tokens, connection.organisation))
        except GrantRefused:
            return Outcome.GIVEN_BACK
        except Undecipherable as damage:
            return _unreadable(connection, damage)
        except (ProviderError, TimeoutError, _BeingRefreshed) as trouble:
            _log.warning("access.not_given_back", connection_id=connection.id, error=str(trouble))
            return Outcome.NOT_YET
        return Outcome.GIVEN_BACK

    async def _living(self, connection: Connection, grant: Grant) -> Tokens:
        """Tokens that the provider accepts: some want an access token that still lives. Refreshed under the lease."""
        now, provider = self._clock.now(), self._providers[connection.provider]
        if is_fresh(grant, now=now, margin=LAST_MINUTE):
            return grant.tokens
        async with self._database.transaction() as tx:
            held = await grants.find_for_update(tx, self._vault, grant.business_id, grant.connection_id)
            if held is None or held.version != grant.version or held.leased_for:
                raise _BeingRefreshed
            await grants.lease(tx, held, ttl=LEASE)
        granted = await provider.refresh(grant.tokens.refresh_token, now)
        tokens = incoming.renewed(grant.tokens, granted, provider, now=now)
        async with self._database.transaction() as tx:
            await grants.rotate(tx, self._vault, grant, tokens, forced=False)
        return tokens


class _BeingRefreshed(Exception):
    """Somebody else refreshes this grant at the moment."""


def _unreadable(connection: Connection, damage: Undecipherable) -> Outcome:
    """Tokens that only lack a key are tried again; damaged ones are shown to nobody, and a person is called."""
    if not isinstance(damage, Quarantined):
        metrics.undecipherable.labels(damage.place.table).inc()
        _log.error("grant.undecipherable", connection_id=connection.id, error=str(damage))
    return Outcome.NOT_YET if isinstance(damage, KeyMissing) else Outcome.NOT_POSSIBLE


async def return_access(database: Database, returner: AccessReturner, clock: Clock) -> bool:
    """Try the return that is longest overdue. True when there was one.

    Where the organisation was connected anew meanwhile, that login has the access: some providers would end it too.
    """
    now = clock.now()
    async with database.transaction() as tx:
        due = await access_returns.take(tx, now=now, again_after=AGAIN_AFTER)
        if due is None:
            return False
        connection = await connections.get(tx, due.business_id, due.connection_id)
        assert connection.organisation is not None
        owners = await connections.owners(tx, connection.provider, [connection.organisation.id])
    outcome = Outcome.GIVEN_BACK if owners else await returner.give_back(connection)
    async with database.transaction() as tx:
        await _settle(tx, connection, due, outcome, now=now)
    return True


async def _settle(tx: Tx, connection: Connection, due: AccessReturn, outcome: Outcome, *, now: datetime) -> None:
    if outcome is Outcome.NOT_YET and (later := due.put_off(now=now)) is not None:
        await access_returns.save(tx, later)
        return
    await access_returns.done(tx, due)
    await grants.remove(tx, due.business_id, due.connection_id)
    what = "access_given_back" if outcome is Outcome.GIVEN_BACK else "access_not_given_back"
    await history.add(tx, connection, history.Entry(now, what, "system", "connection-svc"))
