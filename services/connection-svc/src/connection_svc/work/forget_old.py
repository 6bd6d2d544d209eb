"""Forgets logins and reconnect links that are long over. What came of them stays in the history."""

from datetime import timedelta

from chassis.clock import Clock
from chassis.database import Database
from connection_svc.store import attempts, links

KEPT = timedelta(days=90)  # as long as the events that tell of them
BATCH = 500


async def forget_old(database: Database, clock: Clock) -> bool:
    """Forget up to 500 of each. True when more may be due."""
    before = clock.now() - KEPT
    async with database.transaction() as tx:
        forgotten = [
            await links.forget_old(tx, before=before, limit=BATCH),
            await attempts.forget_old(tx, before=before, limit=BATCH),
        ]
    return max(forgotten) == BATCH
