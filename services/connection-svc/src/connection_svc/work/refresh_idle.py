"""Keeps grants alive that nobody uses: a refresh token dies when it is left lying for too long."""

from chassis.clock import Clock
from chassis.database import Database
from connection_svc.store import grants
from connection_svc.work.token_keeper import TokenKeeper


async def refresh_idle(database: Database, keeper: TokenKeeper, clock: Clock) -> bool:
    """Refresh the grant that is longest overdue. True when there was one.

    One whose refresh fails is left alone for its back-off, so that it does not keep the others waiting.
    """
    async with database.acquire() as tx:
        overdue = await grants.next_idle(tx, now=clock.now())
    if overdue is None:
        return False
    await keeper.keep_alive(*overdue)
    return True
