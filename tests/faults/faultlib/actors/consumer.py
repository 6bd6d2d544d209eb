"""A consumer whose handler leaves one row for each effect, and a line for each delivery."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

from chassis import consume
from chassis.clock import SystemClock
from chassis.consume import Consumer, Handler
from chassis.database import Database, Tx
from chassis.http import create_app
from chassis.run import serve
from faultlib.actors.common import Told, run
from faultlib.events import on
from faultlib.history import History
from relink_contracts.envelope import Received

_EFFECT = """INSERT INTO effects (event_id, account, sequence, worker, partition, "offset")
    VALUES ($1, $2, $3, $4, $5, $6)"""


@dataclass(frozen=True)
class NotedHandler(Handler):
    """Notes what it is given, and what the inbox let through. The transaction may still fail after that."""

    history: History = field(kw_only=True)

    async def deliver(self, event: Received[Any], tx: Tx, consumer: str) -> bool:
        self.history.note("given", event=event.id, partition=event.partition, offset=event.offset)
        is_first = await super().deliver(event, tx, consumer)
        self.history.note("handled" if is_first else "known", event=event.id)
        return is_first


async def main(told: Told, history: History) -> None:
    database = await Database.connect(told.database)
    chance = random.Random(told.seed)

    if told.poll_seconds:
        consume._MEMBER["max_poll_interval_ms"] = int(told.poll_seconds * 1000)

    async def take_effect(event: Received[Any], tx: Tx) -> None:
        if event.subject in told.fails:
            raise RuntimeError("a bug in a handler")
        await asyncio.sleep(told.slow.get(event.subject, chance.uniform(*told.work)))
        await tx.execute(_EFFECT, event.id, event.subject, event.sequence, told.name, event.partition, event.offset)

    handlers = [NotedHandler(on(told.topic), take_effect, once=True, history=history)]
    consumer = Consumer(told.service, database, told.kafka, handlers, SystemClock(), version="1")

    async def tell() -> None:
        while not await consumer.is_ready():  # noqa: ASYNC110 - it has no event for it
            await asyncio.sleep(0.02)
        history.note("ready")

    health = {"database": database.ping, "consumer": consumer.is_ready}
    app = create_app(told.service, version="1", health=health)
    await serve(consumer, tell(), http=(app, "127.0.0.1", told.port) if told.port else None)
    await database.close()


if __name__ == "__main__":
    run(main)
