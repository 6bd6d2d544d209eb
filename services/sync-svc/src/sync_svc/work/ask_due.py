"""Connections whose time has come are asked for."""

from datetime import datetime, timedelta

from chassis import outbox
from chassis.clock import Clock
from chassis.database import Database
from chassis.run import Loop
from relink_contracts.ids import new_id
from sync_svc import outgoing
from sync_svc.store import schedules

AT_ONCE = 50


def loop(database: Database, clock: Clock, *, interval: timedelta) -> Loop:
    """Looks every two seconds."""

    async def step() -> bool:
        return await ask_due(database, now=clock.now(), interval=interval) == AT_ONCE

    return Loop("ask-due", step, every=timedelta(seconds=2))


async def ask_due(database: Database, *, now: datetime, interval: timedelta) -> int:
    """Say SyncRequested for usable connections that are due, at most AT_ONCE of them, and tell how many there were.

    A connection that missed many turns is asked for once.
    """
    async with database.transaction() as tx:
        due = await schedules.claim_due(tx, now=now, limit=AT_ONCE)
        for schedule, connection in due:
            sync_id = new_id("syn")
            await schedules.save(
                tx, schedule.ask(sync_id, generation=connection.generation, now=now, interval=interval)
            )
            await outbox.add(tx, outgoing.sync_requested(connection, sync_id, "schedule", at=now))
    return len(due)
