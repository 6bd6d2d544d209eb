"""Connections whose time has come are asked for."""

from datetime import datetime, timedelta

from chassis import outbox
from chassis.clock import Clock
from chassis.database import Database
from relink_contracts.ids import new_id

from sync_svc import outgoing
from sync_svc.store import schedules

AT_ONCE = 50


async def ask_due(database: Database, clock: Clock, *, interval: timedelta) -> bool:
    """Say SyncRequested for some usable connections that are due. True if there were any: there may be more."""
    return await ask_due_at(clock.now(), database, interval=interval) > 0


async def ask_due_at(now: datetime, database: Database, *, interval: timedelta) -> int:
    """How many were asked for. A connection that missed many turns is asked for once."""
    async with database.transaction() as tx:
        due = await schedules.claim_due(tx, now=now, limit=AT_ONCE)
        for schedule, connection in due:
            sync_id = new_id("syn")
            await schedules.save(
                tx, schedule.ask(sync_id, generation=connection.generation, now=now, interval=interval)
            )
            await outbox.add(tx, outgoing.sync_requested(connection, sync_id, "schedule", at=now))
    return len(due)
