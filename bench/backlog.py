"""Rows for relays: said once through `chassis.outbox`, then put back into the outbox as often as they are needed."""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import asyncpg

from chassis import outbox
from chassis.database import Database
from devstack.topics import read_to_end
from relink_contracts.envelope import speaker
from relink_contracts.events import ItemPublished
from relink_contracts.testing import a

KEYS: Final = 1000
COLUMNS: Final = "event_id, aggregatetype, aggregateid, aggregate_seq, type, topic, shard, payload, headers"
_SAID_AT_ONCE: Final = 1000
_KEEP: Final = f"""CREATE TABLE kept AS SELECT id, {COLUMNS} FROM outbox; TRUNCATE outbox;
    ALTER TABLE kept ADD PRIMARY KEY (id); ANALYZE kept"""  # noqa: S608 - constants
_PUT_BACK: Final = f"""INSERT INTO outbox ({COLUMNS})
    SELECT event_id, aggregatetype, aggregateid, aggregate_seq, type, $1, shard, payload, headers FROM kept
    WHERE id > $2 AND id <= $3 ORDER BY id"""  # noqa: S608


async def keep(database_url: str, rows: int) -> None:
    """Say `rows` events of 1,000 entities in turns (some 700 bytes each) and keep them in `kept`."""
    say, now = speaker("publish-svc"), datetime.now(UTC)
    database = await Database.connect(database_url)
    for first in range(0, rows, _SAID_AT_ONCE):
        numbers = range(first, min(first + _SAID_AT_ONCE, rows))
        said = [say(a(ItemPublished, item_id=f"itm_{number % KEYS:032x}", attempt=1), at=now) for number in numbers]
        async with database.transaction() as tx:
            await outbox.add(tx, *said)
    async with database.acquire() as connection:
        await connection.execute(_KEEP)
    await database.close()


async def put_back(connection: asyncpg.Connection, topic: str, rows: int, *, after: int = 0) -> float:
    """Add so many kept rows to the outbox, those after the first `after`; answers the moment just before COMMIT."""
    async with connection.transaction():
        await connection.execute(_PUT_BACK, topic, after, after + rows)
        await connection.execute(f"NOTIFY {outbox.CHANNEL}")
        return time.time()


@dataclass(frozen=True)
class Read:
    """What a topic holds of the kept rows."""

    missing: int
    repeated: int
    inversions: int
    """First deliveries behind a later event of the same key."""


async def read_back(kafka: str, topic: str, rows: int) -> Read:
    """Compare the topic with the rows that were put back for it."""
    return await asyncio.to_thread(_read_back, kafka, topic, rows)


def _read_back(kafka: str, topic: str, rows: int) -> Read:
    seen: set[bytes] = set()
    newest: defaultdict[bytes, int] = defaultdict(int)
    records = inversions = 0
    for record in read_to_end(kafka, topic):
        headers, key = dict(record.headers() or []), record.key()
        records += 1
        event_id, sequence = headers["ce_id"], headers["ce_sequence"]
        assert isinstance(event_id, bytes)
        assert isinstance(sequence, bytes)
        assert isinstance(key, bytes)
        if event_id not in seen:
            inversions += int(sequence) < newest[key]
            newest[key] = max(int(sequence), newest[key])
            seen.add(event_id)
    return Read(rows - len(seen), records - len(seen), inversions)
