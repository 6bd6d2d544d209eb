"""From a command over HTTP to what another service did about it, beside the parts of that way, each alone.

The whole: `POST /things/{number}`, authorised by a service token, a row and an event in its transaction; the relay; the
topic; another service's consumer, whose handler adds a row once per event (`bench.pair`: real processes). Its parts:

- HTTP: the same command, from the moment it is due to its answer, with no relay;
- relay: events that transactions of this process add to an outbox, from the end of the commit to the topic;
- handler: events that this process produces, from the topic to the commit of the handler's row.

All meet the same arrivals: open loop (no command waits for the one before), at random moments of one seed, 150 in a
second on average. The machine has one clock: PostgreSQL notes by it the moments of commits (track_commit_timestamp) and
the broker those of records (LogAppendTime, in whole milliseconds: what the relay's part loses by that, the handler's
wins). The processes of a part idle while another is measured.
"""

import asyncio
import json
import math
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from itertools import count
from typing import Final, Self

import httpx2
from aiokafka import AIOKafkaProducer
from joserfc.jwk import OKPKey

from bench import pair
from bench.ground import Ground, connected
from bench.runner import ROUNDS, AtMost, Case, interleaved
from chassis.database import Database
from chassis.service_tokens import ServiceSigner
from devstack.ports import free_port
from devstack.topics import read_to_end
from relink_contracts.envelope import to_record

PER_SECOND, SECONDS = 150, 10
PER_SECOND_SMALL, SECONDS_SMALL = 50, 5
SETTLED_SECONDS: Final = 30
_COMMITTED: Final = "SELECT number, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS moment FROM things"

Act = Callable[[int], Coroutine[None, None, None]]
"""Begins the command of that number."""
Moments = dict[int, float]
"""Seconds since 1970, by the number of the command."""


async def run(ground: Ground, *, small: bool) -> list[Case]:
    await ground.restart_postgres(track_commit_timestamp="on")
    arrivals = _arrivals(PER_SECOND_SMALL, SECONDS_SMALL) if small else _arrivals(PER_SECOND, SECONDS)
    async with Way(ground, arrivals) as way:
        sides = way.http, way.relay, way.handler, way.whole
        http, relay, handler, whole = await interleaved(*sides, rounds=3 if small else ROUNDS)
    parts = [sum(each) for each in zip(http, relay, handler, strict=True)]
    return [
        Case("p99 of the whole, beside the sum of its parts' p99", "ms", whole, parts, AtMost(2)),
        Case("p99 of HTTP", "ms", http, [], None),
        Case("p99 of the relay", "ms", relay, [], None),
        Case("p99 of the handler", "ms", handler, [], None),
    ]


class Way:
    """The whole way and each part, with processes, databases and topics of their own. Figures are p99 in ms."""

    def __init__(self, ground: Ground, arrivals: Sequence[float]) -> None:
        self._ground, self._arrivals, self._numbers = ground, arrivals, count(1)
        self._cleanup = AsyncExitStack()

    async def __aenter__(self) -> Self:
        key = OKPKey.generate_key("Ed25519")
        self._signer = ServiceSigner("bench", json.dumps(key.as_dict(private=True)))
        self._peers = json.dumps({"bench": key.as_dict(private=False)})
        self._http = await self._cleanup.enter_async_context(
            httpx2.AsyncClient(trust_env=False, timeout=SETTLED_SECONDS)
        )
        topic = [
            await self._ground.topic("bench.pair.events", message_timestamp_type="LogAppendTime") for _ in range(3)
        ]
        self._relayed, self._heard, self._passed = topic
        self._asked, self._spoken, self._reacted, own, self._last = [await self._ground.database() for _ in range(5)]
        self._speaking = await Database.connect(self._spoken)
        self._cleanup.push_async_callback(self._speaking.close)
        self._producer = AIOKafkaProducer(bootstrap_servers=self._ground.kafka, acks="all")
        await self._producer.start()
        self._cleanup.push_async_callback(self._producer.stop)
        self._command = await self._api(self._asked, "bench.pair.unsent")
        await self._process("relay", self._spoken, self._ground.kafka)
        await self._process("worker", self._reacted, self._ground.kafka, self._heard)
        self._begin = await self._api(own, self._passed)
        await self._process("relay", own, self._ground.kafka)
        await self._process("worker", self._last, self._ground.kafka, self._passed)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    async def http(self) -> float:
        answered: Moments = {}

        async def command(number: int) -> None:
            await self._command(number)
            answered[number] = time.time()

        due = await self._meet(command)
        async with connected(self._asked) as connection:
            await connection.execute("TRUNCATE outbox")
        return _p99(due, answered)

    async def relay(self) -> float:
        event, committed = pair.on(self._relayed), Moments()

        async def speak(number: int) -> None:
            async with self._speaking.transaction() as tx:
                await pair.add(tx, event, number)
            committed[number] = time.time()

        await self._meet(speak)
        return _p99(committed, await self._all(committed, self._appended, self._relayed))

    async def handler(self) -> float:
        event = pair.on(self._heard)

        async def produce(number: int) -> None:
            topic, key, value, headers = to_record(pair.thing_added(event, number), sequence=1)
            await self._producer.send_and_wait(topic, value, key=key, headers=headers)

        due = await self._meet(produce)
        appended = await self._all(due, self._appended, self._heard)
        return _p99({number: appended[number] for number in due}, await self._all(due, self._committed, self._reacted))

    async def whole(self) -> float:
        due = await self._meet(self._begin)
        return _p99(due, await self._all(due, self._committed, self._last))

    async def _meet(self, act: Act) -> Moments:
        """Do it when it is due, whatever became of what was due before; answers when that was."""
        due: Moments = {}
        begun, own_begun = time.time(), time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for after in self._arrivals:
                await asyncio.sleep(own_begun + after - time.monotonic())
                number = next(self._numbers)
                due[number] = begun + after
                tasks.create_task(act(number))
        return due

    async def _all(self, wanted: Moments, look: Callable[[str], Awaitable[Moments]], place: str) -> Moments:
        """What is found in that place, once all of it is there. Raises TimeoutError when that takes too long."""
        async with asyncio.timeout(SETTLED_SECONDS):
            while not wanted.keys() <= (found := await look(place)).keys():  # noqa: ASYNC110 - nobody would tell
                await asyncio.sleep(0.2)
        return found

    async def _appended(self, topic: str) -> Moments:
        def read() -> Moments:
            records = [
                (record.key() or b"", record.timestamp()[1]) for record in read_to_end(self._ground.kafka, topic)
            ]
            return {pair.number_of(bytes(key).decode()): moment / 1000 for key, moment in reversed(records)}

        return await asyncio.to_thread(read)

    async def _committed(self, database_url: str) -> Moments:
        async with connected(database_url) as connection:
            rows = await connection.fetch(_COMMITTED)
        return {row["number"]: row["moment"] for row in rows}

    async def _api(self, database_url: str, topic: str) -> Act:
        """Start one; answers how to command it."""
        port = free_port()
        await self._process("api", database_url, topic, self._peers, str(port))

        async def command(number: int) -> None:
            token = self._signer.token(pair.SERVICE, "bench", "biz_bench", "service")
            headers = {"Authorization": f"Bearer {token}"}
            answer = await self._http.post(f"http://127.0.0.1:{port}/things/{number}", headers=headers)
            answer.raise_for_status()

        return command

    async def _process(self, *arguments: str) -> None:
        await self._cleanup.enter_async_context(self._ground.process("bench.pair", *arguments))


def _arrivals(per_second: float, seconds: float) -> Sequence[float]:
    """Seconds from the start at which something is due: by chance, and the same ones every time."""
    chance, due = random.Random(1), [0.0]  # noqa: S311 - no secret
    while due[-1] < seconds:
        due.append(due[-1] + chance.expovariate(per_second))
    return due[:-1]


def _p99(begun: Moments, ended: Moments) -> float:
    taken = sorted(ended[number] - moment for number, moment in begun.items())
    return 1000 * taken[math.ceil(0.99 * len(taken)) - 1]
