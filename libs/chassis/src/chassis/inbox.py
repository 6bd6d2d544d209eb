"""Once per event: a row for each event handled, in the transaction of what the handler does."""

from datetime import timedelta

from chassis.database import Database, Tx
from chassis.run import Loop
from relink_contracts.envelope import EventData, Received

_FIRST = "INSERT INTO inbox (consumer, source, event_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"


async def first_time(tx: Tx, consumer: str, event: Received[EventData]) -> bool:
    """Whether `consumer` has not handled this event yet; it has, once `tx` commits.

    Waits for another transaction that handles the same event just now. Remembers for 7 days after the handling.
    """
    return await tx.execute(_FIRST, consumer, event.source, event.id) == "INSERT 0 1"


def upkeep(database: Database) -> Loop:
    """Makes the coming days' partitions and drops what is older than 7 days, every hour."""

    async def step() -> bool:
        async with database.acquire() as connection:
            await connection.execute("SELECT inbox_keep_partitions()")
            await connection.execute("DELETE FROM idempotency_keys WHERE begun_at < now() - interval '24 hours'")
        return False

    return Loop("inbox-upkeep", step, every=timedelta(hours=1))
