"""Sending to Kafka so that a failure is known per record, and a broken producer is never used again."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from chassis import failpoints, metrics
from relink_contracts.envelope import RecordToSend

_ACCEPT_SECONDS, _SEND_SECONDS = 5.0, 10.0
_MAX_BYTES: Final = 2_000_000  # of dead-letter topics: any record of another (1 MB) with the headers added to it


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
        sent: list[asyncio.Future[object] | Exception] = []
        try:
            for topic, key, value, headers in records:
                try:
                    if topic in self._refused:
                        raise self._refused[topic][1]
                    async with asyncio.timeout(_ACCEPT_SECONDS):
                        sent.append(await self._producer.send(topic, value, key=key, headers=headers))
                    failpoints.reach("sender.accepted")
                except (KafkaError, TimeoutError) as error:
                    sent.append(self._refused.setdefault(topic, (now + _SEND_SECONDS, error))[1])
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


async def is_reachable(bootstrap_servers: str) -> bool:
    """Whether any broker takes a connection: asked before work, since without one the client takes a whole core."""
    for host, _, port in (address.strip().rpartition(":") for address in bootstrap_servers.split(",")):
        with contextlib.suppress(OSError):
            async with asyncio.timeout(2):
                _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            return True
    return False
