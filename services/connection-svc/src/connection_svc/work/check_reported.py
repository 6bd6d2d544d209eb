"""Looks into connections that somebody's failure blamed. A healthy one is not expired by a mistaken report."""

from datetime import timedelta

from chassis.clock import Clock
from chassis.database import Database
from connection_svc.domain.grant import Checking
from connection_svc.store import checks
from connection_svc.work.token_keeper import TokenKeeper

AGAIN_AFTER = timedelta(minutes=1)


async def check_reported(database: Database, keeper: TokenKeeper, clock: Clock) -> bool:
    """Look into one reported connection. True when there was one; it comes again while the provider gives no answer."""
    async with database.transaction() as tx:
        check = await checks.take(tx, now=clock.now(), again_after=AGAIN_AFTER)
    if check is None:
        return False
    answer = await keeper.check(
        check.business_id, check.connection_id, reported_at=check.reported_at, reported_by=check.reported_by
    )
    if not isinstance(answer, Checking):
        async with database.transaction() as tx:
            await checks.done(tx, check)
    return True
