"""What is said now, for a process that shows it and keeps nothing."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Collection

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from chassis.kafka import READING, end_for_good, is_reachable
from relink_contracts.envelope import EventData, KafkaRecord, Received, Undecodable, UnknownType

Hear = Callable[[Received[EventData]], Awaitable[None]]
Decode = Callable[[KafkaRecord], Received[EventData]]
_log = structlog.get_logger(__name__)


async def tail(  # noqa: PLR0913 - one thing to say of each
    kafka: str,
    topics: Collection[str],
    on_event: Hear,
    *,
    decode: Decode,
    from_beginning_topics: Collection[str] = (),
    caught_up: asyncio.Event,
) -> None:
    """Tell `on_event` everything said on `topics` from now on, until cancelled; a broker that is away is waited for.

    Before that, `from_beginning_topics` are read from their start; `caught_up` is set when that is done. No group, no
    inbox, no dead letters: what is said during a restart is missed, what cannot be read passed over.
    """
    positions: dict[TopicPartition, int] = {}
    while True:
        consumer = AIOKafkaConsumer(*topics, bootstrap_servers=kafka, **READING)
        try:
            await consumer.start()
            while {each.topic for each in consumer.assignment()} != set(topics):  # noqa: ASYNC110 - not told
                await asyncio.sleep(0.05)
            ends = await consumer.end_offsets(consumer.assignment())
            first = {each: end for each, end in ends.items() if each.topic in from_beginning_topics}
            for partition, end in ends.items():
                consumer.seek(partition, positions.get(partition, 0 if partition in first else end))
            while True:
                positions = {each: await consumer.position(each) for each in ends}
                if not (behind := [each for each, end in first.items() if positions[each] < end]):
                    caught_up.set()
                if not (found := await consumer.getmany(*behind, timeout_ms=1000)) and not await is_reachable(kafka):
                    break  # until it is back aiokafka would take a whole core
                for record in itertools.chain.from_iterable(found.values()):
                    with contextlib.suppress(Undecodable, UnknownType):
                        await on_event(decode(record))
        except KafkaError as error:
            _log.warning("tail.waiting", error=str(error))
        finally:
            await end_for_good(consumer)
        await asyncio.sleep(1)
