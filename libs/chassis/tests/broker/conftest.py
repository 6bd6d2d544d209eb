import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from build_chassis import NOON, ThingState, committed, drop_topics, everything_on, make_topic, on

from chassis.consume import Consumer, Handler
from chassis.database import Database
from chassis.testing import FrozenClock


@dataclass
class Stage:
    """A service of one test: its topics, and its consumer as often as it is started."""

    service: str
    kafka: str
    database: Database
    topic: str
    state_topic: str
    Happened: type[Any]
    State: type[Any]

    @asynccontextmanager
    async def consuming(self, *handlers: Handler) -> AsyncIterator[Consumer]:
        consumer = Consumer(self.service, self.database, self.kafka, handlers, FrozenClock(NOON), version="1.2.3")
        stopping = asyncio.Event()
        task = asyncio.create_task(consumer.run(stopping))
        try:
            yield consumer
        finally:
            stopping.set()
            await task

    async def dead_letters(self) -> list[ConsumerRecord]:
        return await everything_on(self.kafka, f"{self.service}.dlq")

    async def committed(self) -> int:
        """The group's offset in the first partition of the events topic."""
        return await committed(self.kafka, self.service, self.topic) or 0

    def all_committed(self, offset: int) -> Callable[[], Awaitable[bool]]:
        async def check() -> bool:
            return await self.committed() == offset

        return check

    async def has(self, query: str) -> bool:
        async with self.database.acquire() as tx:
            return await tx.fetchrow(query) is not None


@pytest.fixture
def service() -> str:
    return f"stub-{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def stage(service: str, kafka: str, database: Database) -> AsyncIterator[Stage]:
    """One partition per topic, so that offsets are easily spoken of; records of 3 MB are let in, unlike in truth."""
    topic = await make_topic(kafka, f"{service}.thing.events.v1", **{"max.message.bytes": "3000000"})
    state = await make_topic(kafka, f"{service}.thing.state.v1", partitions=2, **{"cleanup.policy": "compact"})
    dead = await make_topic(kafka, f"{service}.dlq", **{"max.message.bytes": "2000000"})
    yield Stage(service, kafka, database, topic, state, on(topic), on(state, ThingState))
    await drop_topics(kafka, [topic, state, dead])
