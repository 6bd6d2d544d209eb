"""Reminds of repairs that nobody has made: three and seven days after they were asked for, and when a snooze ends."""

from chassis import outbox
from chassis.clock import Clock
from chassis.database import Database
from connection_svc import metrics, outgoing
from connection_svc.domain.reconnect import due_reminder
from connection_svc.domain.reconnect import remind as with_reminder
from connection_svc.store import cases, connections, history


async def remind(database: Database, clock: Clock) -> bool:
    """Say the reminder that is longest due, once over all replicas. True when there was one."""
    now = clock.now()
    async with database.transaction() as tx:
        due = await cases.to_remind(tx, now=now, limit=1)
        if not due:
            return False
        connection = await connections.get_for_update(tx, due[0].business_id, due[0].connection_id)
        # Read again under the lock: another replica may have said it, or the repair may be done.
        case = await cases.find_open(tx, due[0].business_id, due[0].connection_id)
        stage = due_reminder(case, now=now) if case else None
        if case is not None and stage is not None:
            await cases.save(tx, with_reminder(case, now=now))
            await outbox.add(tx, outgoing.reconnect_requested(connection, case, stage=stage, at=now))
            entry = history.Entry(now, "reminded", "system", "connection-svc", {"stage": stage})
            await history.add(tx, connection, entry)
            metrics.reminders.labels(connection.provider, stage).inc()
    return True
