"""Ends journeys whose half hour is over, and forgets what they brought."""

from chassis import outbox
from chassis.clock import Clock
from chassis.database import Database
from connection_svc import metrics, outgoing
from connection_svc.domain.attempt import AttemptStatus, Problem
from connection_svc.store import attempts, connections, history

BATCH = 50


async def end_attempts(database: Database, clock: Clock) -> bool:
    """Time out up to 50 attempts. True when more may be overdue."""
    now = clock.now()
    async with database.transaction() as tx:
        overdue = await attempts.lock_overdue(tx, now=now, limit=BATCH)
        for attempt in overdue:
            connection = await connections.get_for_update(tx, attempt.business_id, attempt.connection_id)
            ended = attempt.end(AttemptStatus.TIMED_OUT, Problem.TIMED_OUT)
            await attempts.save(tx, ended)
            await attempts.forget_tokens(tx, ended)
            await outbox.add(tx, outgoing.authorisation_failed(connection, ended, Problem.TIMED_OUT, at=now))
            by, details = outgoing.starter(ended), ended.facts | {"problem": Problem.TIMED_OUT.value}
            await history.add(tx, connection, history.Entry(now, "login_failed", by.type, by.id, details))
            metrics.count_attempt(ended, Problem.TIMED_OUT)
    return len(overdue) == BATCH
