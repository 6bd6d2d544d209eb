"""Counts connections for the metrics. Every replica counts the same, so that dashboards take the maximum."""

from datetime import timedelta

from chassis.clock import Clock
from chassis.database import Database
from connection_svc import metrics
from connection_svc.domain.connection import WARNING_STAGES_DAYS
from connection_svc.store import connections


async def measure(database: Database, clock: Clock) -> bool:
    """Set the gauges. Never asks to be called again at once."""
    now = clock.now()
    async with database.acquire() as tx:
        standing = await connections.count(tx)
        ending = await connections.count_expiring(tx, now=now, until=now + timedelta(days=max(WARNING_STAGES_DAYS)))
    metrics.connections.clear()  # a state that nobody is in any more must not keep its last number
    for (lifecycle, provider), number in standing.items():
        metrics.connections.labels(lifecycle, provider).set(number)
    for days in WARNING_STAGES_DAYS:
        metrics.expiring.labels(days).set(sum(number for left, number in ending.items() if left <= days))
    return False
