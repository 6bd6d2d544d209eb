"""Sending so that a failure is known per record and a broken producer never used again, and what readers share."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from chassis import failpoints, metrics
from relink_contracts.envelope import RecordToSend

# Fetching: above any record a topic takes. aiokafka steps over one that does not fit, with a line in the log.
READING: Final[dict[str, Any]] = {"auto_offset_reset": "earliest", "max_partition_fetch_bytes": 4_000_000}
_ACCEPT_SECONDS, _SEND_SECONDS = 5.0, 10.0
_BATCH_BYTES: Final = 500_000  # what any topic takes at once; a larger record travels alone
_Answers: TypeAlias = dict[asyncio.Future[object], list[int]]  # each with the places of the records it is about


class Sender:
    """One idempotent producer (acks=all). Used by one task at a time.

    After any error it is thrown away: aiokafka's may be poisoned for ever after a clean broker stop that outlasts its
    request timeout (OutOfOrderSequenceNumber on every later send). What was not confirmed is the caller's to repeat.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._producer: AIOKafkaProducer | None = None
        self._refused: dict[str, tuple[float, Exception]] = {}

    async def send(self, records: Sequence[RecordToSend]) -> list[BaseException | None]:
        """Send all, pipelined and in order; for each None once every in-sync replica has it, or what went wrong.

        Raises KafkaError when no producer can be started at all. What failed may have arrived all the same. A topic
        that accepts nothing for 5 s, such as one that is missing, is left alone for 10 s: it must not hold up others.
        """
        self._producer = self._producer or await self._started()
        now = asyncio.get_running_loop().time()
        self._refused = {topic: refusal for topic, refusal in self._refused.items() if refusal[0] > now}
        results: list[BaseException | None] = [None] * len(records)
        places: dict[str, list[int]] = defaultdict(list)
        for place, record in enumerate(records):
            places[record.topic].append(place)
        sent: _Answers = {}
        try:
            for topic, wanted in places.items():
                try:
                    await self._hand_over(topic, wanted, records, sent)
                except (KafkaError, TimeoutError) as error:
                    refusal = self._refused.setdefault(topic, (now + _SEND_SECONDS, error))[1]
                    for place in wanted:
                        results[place] = refusal
            late = (await asyncio.wait(sent, timeout=_SEND_SECONDS))[1] if sent else set()
        except asyncio.CancelledError:
            await self._discard()
            raise
        for answer, held in sent.items():
            failure = TimeoutError("no answer") if answer in late else answer.exception()
            answer.cancel()
            for place in held:
                results[place] = failure
        if any(results):
            await self._discard()
        return results

    async def _hand_over(self, topic: str, places: list[int], records: Sequence[RecordToSend], sent: _Answers) -> None:
        """Give the producer the records at these places, all of one topic; adds the answers to come to `sent`."""
        if topic in self._refused:
            raise self._refused[topic][1]
        assert self._producer is not None
        async with asyncio.timeout(_ACCEPT_SECONDS):
            partitions = sorted(await self._producer.partitions_for(topic))
        for partition, batch, held in _batches(self._producer, partitions, places, records):
            async with asyncio.timeout(_ACCEPT_SECONDS):
                sent[await self._producer.send_batch(batch, topic, partition=partition)] = held
            for _ in held:
                failpoints.reach("sender.accepted")

    async def close(self) -> None:
        if self._producer is not None:
            await self._discard()  # everything sent was awaited

    async def _discard(self) -> None:
        producer, self._producer = self._producer, None
        assert producer is not None
        metrics.producers_discarded.inc()
        # KeyError: its sender trips over a batch that it was about to send again and that fail_all() has ended.
        with contextlib.suppress(KafkaError, TimeoutError, KeyError):
            async with asyncio.timeout(5):
                # stop() alone would first wait, spinning, for batches that cannot be delivered.
                await producer.client.close()
                producer._message_accumulator.fail_all(KafkaError("discarded"))  # noqa: SLF001
                await producer.stop()

    async def _started(self) -> AIOKafkaProducer:
        limits = {"max_batch_size": _BATCH_BYTES, "request_timeout_ms": int(_SEND_SECONDS * 1000)}
        servers = self._bootstrap_servers
        producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True, **limits)
        try:
            await producer.start()
        except KafkaError:
            await producer.stop()
            raise
        return producer


def _batches(
    producer: AIOKafkaProducer, partitions: Sequence[int], places: Iterable[int], records: Sequence[RecordToSend]
) -> list[tuple[int, BatchBuilder, list[int]]]:
    """The records at these places in batches for their partitions, in order; each with the places that it holds.

    Built here since the producer's own send() takes each record through a coroutine and a future: five times the work.
    """
    batches: list[tuple[int, BatchBuilder, list[int]]] = []
    last: dict[int, tuple[int, BatchBuilder, list[int]]] = {}
    for place in places:
        _, key, value, headers = records[place]
        partition = partitions[_hash(key) % len(partitions)]
        batch = last.get(partition)
        while batch is None or not batch[1].append(timestamp=None, key=key, value=value, headers=headers):
            batch = last[partition] = (partition, producer.create_batch(), [])
            batches.append(batch)
        batch[2].append(place)
    return batches


@lru_cache(maxsize=10_000)
def _hash(key: bytes | None) -> int:
    """What every Kafka client chooses a key's partition by."""
    return int(murmur2(key or b"")) & 0x7FFF_FFFF


async def is_reachable(bootstrap_servers: str) -> bool:
    """Whether any broker takes a connection: asked before work, since without one the client takes a whole core."""
    for host, _, port in (address.strip().rpartition(":") for address in bootstrap_servers.split(",")):
        with contextlib.suppress(OSError):
            async with asyncio.timeout(2):
                _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            return True
    return False


async def end_for_good(consumer: AIOKafkaConsumer) -> None:
    """Stop it for good: while a broker is away, aiokafka's own stop cancels itself and leaves its client running."""
    await asyncio.wait([asyncio.create_task(consumer.stop())])
    await consumer._client.close()  # noqa: SLF001
