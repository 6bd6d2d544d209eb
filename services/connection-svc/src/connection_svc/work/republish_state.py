"""Says every state again from the database: heals a state topic whose last record is an old one."""

from datetime import timedelta

from chassis import leases, outbox
from chassis.clock import Clock
from chassis.database import Database
from connection_svc import outgoing
from connection_svc.store import connections, provider_health

BATCH = 200


async def republish_state(database: Database, clock: Clock) -> int:
    """The number of connections said. Safe beside traffic and to run again: readers keep the highest sequence."""
    async with database.transaction() as tx:
        healths = await provider_health.every(tx)
        await outbox.add(tx, *(outgoing.provider_state(health, at=clock.now()) for health in healths))
    said, after = 0, ""
    while True:
        async with database.transaction() as tx:
            page = await connections.every_established(tx, after=after, limit=BATCH)
            states = [outgoing.connection_state(one, by=outgoing.SYSTEM, at=clock.now()) for one in page]
            await outbox.add(tx, *states)
        said += len(page)
        if len(page) < BATCH:
            return said
        after = page[-1].id


async def say_states_weekly(database: Database, clock: Clock, *, holder: str) -> bool:
    """Once a week over all replicas, by a lease that lasts as long. Never asks to be called again at once."""
    if await leases.acquire(database, "republish-state", holder, timedelta(days=7)) is not None:
        await republish_state(database, clock)
    return False
