"""Leases calls of an organisation's budget to the services that call its provider."""

from datetime import timedelta

import structlog

from chassis.database import Database
from connection_svc import metrics
from connection_svc.domain.call_budget import CallClass, Permits, book, pace_of
from connection_svc.store import call_budgets, connections
from providers import Providers

_log = structlog.get_logger(__name__)


class CallBudgets:
    """The budgets of all organisations. `limits_factor`: how often a provider's limits fit into what it allows us."""

    def __init__(self, database: Database, providers: Providers, *, limits_factor: int) -> None:
        self._database = database
        self._paces = {
            name: tuple(pace_of(calls * limits_factor, window) for calls, window in provider.facts.limits.windows)
            for name, provider in providers.items()
        }

    async def lease(self, provider: str, organisation_id: str, *, calls: int, wanted_for: CallClass) -> Permits:
        """Up to `calls` that start together now or soon, or none and when to ask again."""
        paces = self._paces[provider]
        async with self._database.transaction() as tx:
            budget, now = await call_budgets.get_for_update(tx, provider, organisation_id, windows=len(paces))
            after, permits = book(budget, paces, calls=calls, ahead=wanted_for.ahead, now=now)
            if permits.calls:
                await call_budgets.save(tx, provider, organisation_id, after)
        metrics.permits.labels(provider, wanted_for, "leased" if permits.calls else "refused").inc(permits.calls or 1)
        return permits

    async def pause(self, business_id: str, connection_id: str, *, wanted: timedelta) -> None:
        """The provider throttled a call: nobody calls for the organisation for so long. Raises UnknownConnection."""
        async with self._database.transaction() as tx:
            connection = await connections.get(tx, business_id, connection_id)
            if connection.organisation is not None:
                await call_budgets.pause(tx, connection.provider, connection.organisation.id, wanted=wanted)
        metrics.throttles.labels(connection.provider).inc()
        _log.warning("provider.throttled", connection_id=connection_id, seconds=wanted.total_seconds())
