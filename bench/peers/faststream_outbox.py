"""faststream-outbox as its documentation shows a relay to Kafka.

`python -m bench.peers.faststream_outbox DATABASE KAFKA WORKERS BATCH`. A row's bytes and headers go out as they stand,
under the key and to the topic that two of its headers name.
"""

import asyncio
import sys
import time
from typing import Final

import asyncpg
import uvloop
from faststream import FastStream
from faststream.kafka import KafkaBroker
from faststream_outbox import OutboxBroker, make_outbox_table
from faststream_outbox.annotations import OutboxMessage
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine

QUEUE: Final = "events"
_PUT_BACK: Final = f"""INSERT INTO faststream_outbox (queue, payload, headers)
    SELECT '{QUEUE}', payload, headers::jsonb || jsonb_build_object('topic', $1::text) FROM kept
    WHERE id > $2 AND id <= $3 ORDER BY id"""  # noqa: S608 - constants
_WAKE: Final = "SELECT pg_notify('outbox_faststream_outbox', $1)"


async def put_back(connection: asyncpg.Connection, topic: str, rows: int, *, after: int = 0) -> float:
    """As `bench.backlog.put_back`, for the table that this relay reads."""
    async with connection.transaction():
        await connection.execute(_PUT_BACK, topic, after, after + rows)
        await connection.execute(_WAKE, QUEUE)
        return time.time()


async def main(database_url: str, kafka_address: str, workers: int, batch: int) -> None:
    metadata = MetaData()
    table = make_outbox_table(metadata, table_name="faststream_outbox")
    address = database_url.replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(address, pool_size=workers + 2)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    kafka = KafkaBroker(kafka_address, acks="all", enable_idempotence=True, logger=None)
    outbox = OutboxBroker(engine, outbox_table=table, logger=None)

    @outbox.subscriber(QUEUE, max_workers=workers, fetch_batch_size=batch, terminal_flush_batch_size=batch)
    async def relay(row: OutboxMessage) -> None:
        headers = dict(row.headers)
        topic, key = headers.pop("topic"), headers["ce_partitionkey"].encode()
        await kafka.publish(row.body, topic, key=key, headers=headers)

    async def stop() -> None:
        await kafka.stop()

    async def ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    app = FastStream(outbox, on_startup=[kafka.connect], after_startup=[ready], on_shutdown=[stop], logger=None)
    await app.run()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
