"""Sending to Kafka so that a failure is known per record, and a broken producer is never used again."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError
from relink_contracts.envelope import RecordToSend

from chassis import metrics

SEND_SECONDS: Final = 20.0
_DEAD_LETTER_BYTES: Final = 2_000_000
"""What dead-letter topics take: any record of a topic (1 MB) together with the headers added to it."""


class Sender:
    """One idempotent producer (acks=all). Used by one task at a time.

    After any error it is thrown away: aiokafka's may be poisoned for ever after a clean broker stop that outlasts its
    request timeout (OutOfOrderSequenceNumber on every later send). What was not confirmed is the caller's to repeat.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._producer: AIOKafkaProducer | None = None
        self._confirmed_at = 0.0

    async def send(self, records: Sequence[RecordToSend]) -> list[BaseException | None]:
        """Send all, pipelined and in order; for each None once every in-sync replica has it, or what went wrong.

        Raises KafkaError when no producer can be started at all. A record behind one of its own topic that was not
        even accepted is not sent. What failed may have arrived all the same.
        """
        producer = self._producer = self._producer or await self._start()
        futures: list[asyncio.Future[object]] = []
        refused: dict[str, BaseException] = {}
        for record in records:
            if record.topic not in refused:
                try:
                    accepted = await producer.send(
                        record.topic, record.value, key=record.key, headers=list(record.headers)
                    )
                except (KafkaError, TimeoutError) as error:
                    refused[record.topic] = error
            if record.topic in refused:
                accepted = asyncio.get_running_loop().create_future()
                accepted.set_exception(refused[record.topic])
            futures.append(accepted)
        try:
            await asyncio.wait(futures, timeout=SEND_SECONDS)
            results = [
                future.exception() if future.done() else TimeoutError(f"no answer in {SEND_SECONDS} s")
                for future in futures
            ]
        except asyncio.CancelledError:
            await self.discard()
            raise
        if any(results):
            await self.discard()
        else:
            self._confirmed_at = time.monotonic()
        return results

    async def is_reachable(self) -> bool:
        """Whether a broker answers, or confirmed something within the last second.

        Asked before sending: with work in hand and the broker away, the client takes a whole core for nothing.
        """
        if self._producer is not None and time.monotonic() - self._confirmed_at < 1:
            return True
        return await is_reachable(self._bootstrap_servers)

    async def discard(self) -> None:
        """Forget the producer and what it has in hand."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        metrics.producers_discarded.inc()
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(5):
                # stop() alone would first wait, spinning, for batches that cannot be delivered.
                await producer.client.close()
                producer._message_accumulator.fail_all(KafkaError("discarded"))  # noqa: SLF001
                await producer.stop()

    async def close(self) -> None:
        """Everything sent was awaited, so there is nothing to flush."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(5):
                    await producer.stop()

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            max_request_size=_DEAD_LETTER_BYTES,
            request_timeout_ms=int(SEND_SECONDS * 1000),
        )
        try:
            await producer.start()
        except KafkaError:
            await producer.stop()
            raise
        return producer


async def is_reachable(bootstrap_servers: str) -> bool:
    """Whether any of the brokers takes a connection. A broker opens its port only when it is ready."""
    for address in bootstrap_servers.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            async with asyncio.timeout(2):
                _, writer = await asyncio.open_connection(host, int(port))
                writer.close()
        except (OSError, TimeoutError):
            continue
        return True
    return False


def size_of(record: ConsumerRecord) -> int:
    """Bytes of key, value and headers, as the contract counts them."""
    headers = sum(len(name) + len(value) for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers
