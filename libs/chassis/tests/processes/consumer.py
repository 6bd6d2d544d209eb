"""A worker that notes each event in the table `things`. SERVICE DATABASE KAFKA TOPIC MILLISECONDS."""

import asyncio
import random
import sys
from typing import Any

from build_chassis import NOON, ThingHappened, eventually, on, run, say

from chassis.consume import Consumer, knows
from chassis.database import Database, Tx
from chassis.run import serve
from chassis.testing import FrozenClock

_NOTE = "UPDATE things SET seen = seen || $2::bigint WHERE id = $1"


async def main(service: str, url: str, kafka: str, topic: str, milliseconds: str) -> None:
    database = await Database.connect(url)

    async def note(event: Any, tx: Tx) -> None:
        await asyncio.sleep(random.random() * int(milliseconds) / 1000)
        await tx.execute(_NOTE, event.subject, event.data.number)

    handlers = [knows(on(topic, ThingHappened), note)]
    consumer = Consumer(service, database, kafka, handlers, FrozenClock(NOON), version="1")

    async def tell() -> None:
        await eventually(consumer.is_ready)
        say("ready")

    await serve(consumer, tell())
    await database.close()


run(main(*sys.argv[1:]))
