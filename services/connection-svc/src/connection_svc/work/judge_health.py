"""Tells when a provider struggles, and when it is well again. Only the provider is judged: no connection changes."""

import asyncio
from datetime import datetime

import structlog

from chassis import outbox
from chassis.clock import Clock
from chassis.database import Database, Tx
from connection_svc import incoming, metrics, outgoing
from connection_svc.domain.connection import DetectedBy
from connection_svc.domain.grant import Checking, Usable
from connection_svc.domain.health import Evidence, Health, ProviderHealth, is_quiet, is_suspicious, is_trouble
from connection_svc.store import connections, provider_health
from connection_svc.work.token_keeper import PROVIDER_TIMEOUT, TokenKeeper
from providers import Providers
from providers.errors import ProviderError, ProviderUnavailable
from providers.interface import Provider

_log = structlog.get_logger(__name__)


class HealthJudge:
    """Judges each provider by what failed, and asks it before it is called well again."""

    def __init__(self, database: Database, keeper: TokenKeeper, providers: Providers, clock: Clock) -> None:
        self._database = database
        self._keeper = keeper
        self._providers = providers
        self._clock = clock

    async def judge_all(self) -> bool:
        """Say what changed, once over all replicas. Never asks to be called again at once."""
        for provider in self._providers.values():
            await self._judge(provider)
        return False

    async def _judge(self, provider: Provider) -> None:
        now = self._clock.now()
        async with self._database.acquire() as tx:
            health = await provider_health.get(tx, provider.name)
            evidence = await provider_health.evidence(tx, provider.name, since=health.judged_from(now=now))
            working = await provider_health.working(tx, provider.name) if evidence else 0
        metrics.degraded.labels(provider.name).set(health.is_degraded)
        if health.is_degraded:
            if is_quiet(evidence, now=now) and await self._answers(provider):
                await self._recover(provider, now=now)
        elif evidence is not None and is_trouble(evidence, working=working):
            await self._degrade(provider, evidence, now=now)
        elif is_suspicious(evidence, working=working):
            await self._answers(provider)

    async def _degrade(self, provider: Provider, evidence: Evidence, *, now: datetime) -> None:
        async with self._database.transaction() as tx:
            if not (await provider_health.get_for_update(tx, provider.name)).is_degraded:
                degraded = ProviderHealth(provider.name, Health.DEGRADED, evidence.first_at, evidence.symptom)
                await _change(tx, degraded, now=now)

    async def _recover(self, provider: Provider, *, now: datetime) -> None:
        async with self._database.transaction() as tx:
            if (await provider_health.get_for_update(tx, provider.name)).is_degraded:
                await _change(tx, ProviderHealth(provider.name, Health.OK, now), now=now)

    async def _answers(self, provider: Provider) -> bool:
        """Ask for the organisation of the connection that failed last. Any answer will do, a refusal too.

        An answer takes back what that connection's failures said; none is one more of them.
        """
        async with self._database.acquire() as tx:
            failed = await provider_health.latest_failed(tx, provider.name)
        if failed is None:
            return True
        token = await self._keeper.access(*failed, asked_by=DetectedBy.REFRESH)
        if isinstance(token, Checking):
            return False
        symptom = await _trouble(provider, token) if isinstance(token, Usable) else None
        async with self._database.transaction() as tx:
            connection = await connections.get(tx, *failed)
            if symptom is None:
                await provider_health.forget(tx, connection)
            else:
                await provider_health.note(tx, connection, symptom, now=self._clock.now())
        return symptom is None


async def _trouble(provider: Provider, token: Usable) -> str | None:
    """What keeps the provider from answering; None when it does."""
    try:
        async with asyncio.timeout(PROVIDER_TIMEOUT.total_seconds()):
            await provider.organisations(incoming.grant_of_access(token))
    except ProviderUnavailable as trouble:
        return trouble.symptom
    except TimeoutError:
        return "timeout"
    except ProviderError:
        return None
    return None


async def _change(tx: Tx, health: ProviderHealth, *, now: datetime) -> None:
    await provider_health.save(tx, health)
    await outbox.add(tx, outgoing.provider_state(health, at=now))
    metrics.degraded.labels(health.provider).set(health.is_degraded)
    _log.warning("provider.judged", provider=health.provider, health=health.health.value, symptom=health.symptom)
