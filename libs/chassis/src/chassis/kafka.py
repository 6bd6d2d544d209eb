"""Sending to Kafka so that a failure is known per record, and a broken producer is never used again."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from relink_contracts.envelope import RecordToSend

from chassis import metrics

_SEND_SECONDS: Final = 20.0
# What dead-letter topics take: any record of another topic (1 MB) together with the headers added to it.
_MAX_BYTES: Final = 2_000_000


class Sender:
    """One idempotent producer (acks=all). Used by one task at a time.

    After any error it is thrown away: aiokafka's may be poisoned for ever after a clean broker stop that outlasts its
    request timeout (OutOfOrderSequenceNumber on every later send). What was not confirmed is the caller's to repeat.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._producer: AIOKafkaProducer | None = None

    async def send(self, records: Sequence[RecordToSend]) -> list[BaseException | None]:
        """Send all, pipelined and in order; for each None once every in-sync replica has it, or what went wrong.

        Raises KafkaError when no producer can be started at all. A record behind one of its own topic that was not
        even accepted is not sent. What failed may have arrived all the same.
        """
        self._producer = self._producer or await self._started()
        refused: dict[str, Exception] = {}
        sent: list[asyncio.Future[object] | Exception] = []
        try:
            for topic, key, value, headers in records:
                try:
                    if topic in refused:
                        raise refused[topic]
                    sent.append(await self._producer.send(topic, value, key=key, headers=headers))
                except (KafkaError, TimeoutError) as error:
                    sent.append(refused.setdefault(topic, error))
            futures = [each for each in sent if isinstance(each, asyncio.Future)]
            late = (await asyncio.wait(futures, timeout=_SEND_SECONDS))[1] if futures else set()
        except asyncio.CancelledError:
            await self._discard()
            raise
        results = [
            each if isinstance(each, Exception) else TimeoutError("no answer") if each in late else each.exception()
            for each in sent
        ]
        if any(results):
            await self._discard()
        return results

    async def is_reachable(self) -> bool:
        """Asked before sending: with work in hand and no broker, the client takes a whole core for nothing."""
        return any([await _listens(address) for address in self._bootstrap_servers.split(",")])

    async def close(self) -> None:
        if self._producer is not None:
            await self._discard()  # everything sent was awaited

    async def _discard(self) -> None:
        producer, self._producer = self._producer, None
        assert producer is not None
        metrics.producers_discarded.inc()
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(5):
                # stop() alone would first wait, spinning, for batches that cannot be delivered.
                await producer.client.close()
                producer._message_accumulator.fail_all(KafkaError("discarded"))  # noqa: SLF001
                await producer.stop()

    async def _started(self) -> AIOKafkaProducer:
        limits = {"max_request_size": _MAX_BYTES, "request_timeout_ms": int(_SEND_SECONDS * 1000)}
        servers = self._bootstrap_servers
        producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True, **limits)
        try:
            await producer.start()
        except KafkaError:
            await producer.stop()
            raise
        return producer


async def _listens(address: str) -> bool:
    host, _, port = address.strip().rpartition(":")
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
