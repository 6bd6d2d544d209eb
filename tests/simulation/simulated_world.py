"""Processes of ours whose every call to the outside waits until the simulation answers it.

The code under test is the product's: `outbox.add`, `Relay.run`, `Consumer.run` with all that they use. Replaced are its
four edges, in `World.stand_in`: asyncpg, the Kafka consumer, the `Sender` (one class with one method) and the look
whether a broker answers. Each call there becomes an `Asked`; a state machine chooses which is answered next and how:
it succeeds, it fails before or after it took effect, or its process dies before or after it took effect.
What anybody outside can see of all that is in `World.happened`: commits, and records that Kafka took.
"""

import asyncio
import contextlib
import contextvars
import functools
import random
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Any

import aiokafka
import asyncpg
import pytest
from aiokafka.errors import KafkaError
from simulated_kafka import Consumer, Kafka, Sender, Written
from simulated_postgres import Blocked, Committed, Connection, Postgres, Transaction
from simulated_time import VirtualLoop

from chassis import consume, failures, relay
from chassis.database import Database

_process: contextvars.ContextVar[str] = contextvars.ContextVar("process", default="")


class Violation(AssertionError):
    """The product broke a promise."""


def must(promise: str, kept: object) -> None:
    if not kept:
        raise Violation(promise)


@dataclass(eq=False)
class Asked:
    """A call to the outside that is not answered yet. `waits_for` is who holds the lock that it needs."""

    process: str
    what: str
    effect: functools.partial[Any]
    answer: asyncio.Future[Any]
    over: Connection | None = None
    waits_for: Transaction | None = None

    @property
    def may_be_answered(self) -> bool:
        return self.waits_for is None or not self.waits_for.is_open


class World:
    """One PostgreSQL, one Kafka, and processes between them."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.loop.set_task_factory(self._new_task)
        self.postgres, self.kafka = Postgres(self), Kafka(self)
        self.open: list[Asked] = []
        self.happened: list[Committed | Written] = []
        """What became true for everybody, in that order."""
        self.history: list[str] = []
        """Every answer, every death: to be read when a run has failed."""
        self._tasks: dict[str, list[asyncio.Task[Any]]] = defaultdict(list)
        self._dead: set[str] = set()
        self._names: dict[str, int] = defaultdict(int)

    def stand_in(self, patch: pytest.MonkeyPatch) -> None:
        """Put the stand-ins in the place of what they stand in for. A process is known by the address it is given."""
        patch.setattr(asyncpg, "connect", self.postgres.connect)
        patch.setattr(aiokafka, "AIOKafkaConsumer", lambda **settings: Consumer(self.kafka, **settings))
        for module in (relay, failures):
            patch.setattr(module, "Sender", lambda servers: Sender(self.kafka, servers))
        for module in (relay, consume):
            patch.setattr(module, "is_reachable", self.kafka.is_reachable)
        patch.setattr(relay, "_BATCH", 4)  # so that what waits is more than one batch

    def database(self, process: str) -> Database:
        return Database(self.postgres.pool(process))  # type: ignore[arg-type]

    # Processes

    def name(self, kind: str) -> str:
        """For a process that has not been: a second start is another process."""
        self._names[kind] += 1
        return f"{kind}-{self._names[kind]:03}"

    def start(self, process: str, main: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        context = contextvars.copy_context()
        context.run(_process.set, process)
        task = self.loop.create_task(main, context=context)
        self.loop.run_until_idle()
        return task

    def kill(self, process: str, *, after: Callable[[], Any] | None = None) -> None:
        """SIGKILL: from now on nothing that it does reaches anybody. Its connections fall, its membership runs out.

        `after` is what took effect of its last call, which it does not learn.
        """
        self._unanswered(after)
        self.history.append(f"{process} is killed")
        self._dead.add(process)
        self.open = [asked for asked in self.open if asked.process != process]
        self.postgres.hang_up(self.postgres.sessions(process))
        self.kafka.falls_silent(process)
        for task in self._tasks.pop(process, []):
            task.cancel()
        self.loop.run_until_idle()

    def cut(self, process: str, connections: Collection[Connection], *, after: Callable[[], Any] | None = None) -> None:
        """These connections of it to the database end. `after` as with `kill`, of a statement over one of them."""
        self._unanswered(after)
        self.history.append(f"{process} is cut off")
        self.postgres.hang_up(connections)

    def _unanswered(self, effect: Callable[[], Any] | None) -> None:
        if effect is not None:
            with contextlib.suppress(Blocked, asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError, OSError):
                effect()

    def is_alive(self, process: str) -> bool:
        return process not in self._dead

    # Their calls to the outside

    async def ask(self, process: str, what: str, effect: functools.partial[Any], over: Connection | None = None) -> Any:
        """Called by the stand-ins: answers when the simulation does."""
        if process in self._dead:
            raise asyncio.CancelledError
        asked = Asked(process, what, effect, self.loop.create_future(), over)
        self.open.append(asked)
        try:
            return await asked.answer
        finally:
            if asked in self.open:
                self.open.remove(asked)

    def asked_by(self, process: str) -> list[Asked]:
        """What may be answered now, in the order in which it was asked; by all processes whose names begin so."""
        return [asked for asked in self.open if asked.process.startswith(process) and asked.may_be_answered]

    def answer(self, asked: Asked, effect: Callable[[], Any] | None = None) -> None:
        """Let it take effect (or `effect` in its stead) and its process go on. It may turn out to wait for a lock."""
        if self.take_effect(asked, effect):
            self.loop.run_until_idle()

    def take_effect(self, asked: Asked, effect: Callable[[], Any] | None = None) -> bool:
        try:
            result = (effect or asked.effect)()
        except Blocked as blocked:
            asked.waits_for = blocked.by
            return False
        except Exception as error:  # noqa: BLE001 - it is the answer
            asked.answer.set_exception(error)
            self.history.append(f"{asked.process} {asked.what}: {type(error).__name__}")
        else:
            asked.answer.set_result(result)
            self.history.append(f"{asked.process} {asked.what}")
        self.open.remove(asked)
        return True

    def go_on(self, process: str, calls: int, choose: random.Random, *, until: str = "") -> Asked | None:
        """Answer up to so many of its calls, in any order where it has several open; not the one named `until`."""
        for _ in range(calls):
            if not (open_ := self.asked_by(process)):
                return None
            asked = choose.choice(open_)
            if asked.what == until:
                return asked
            self.answer(asked)
        return None

    # All of them

    def pass_time(self, seconds: float) -> None:
        self.history.append(f"{seconds} s pass")
        self.loop.run_for(seconds)

    def live(self, seconds: float, choose: random.Random, *, only: str = "") -> None:
        """Answer every call (of a process of such a name), and let so much time pass."""
        end = self.loop.time() + seconds
        while True:
            if open_ := self.asked_by(only):
                self.answer(choose.choice(open_))
            elif not self.loop.run_to_next_timer(before=end):
                return

    def settle(self, done: Callable[[], bool], *, within: float, only: str = "") -> None:
        """Answer every call in turn, and let time pass where there is none, until `done`."""
        end = self.loop.time() + within
        while not done():
            if open_ := self.asked_by(only):
                self.answer(open_[0])
            else:
                must(f"it is done within {within} s when nothing fails any more", self.loop.run_to_next_timer(end))

    def close(self) -> None:
        """End what still runs."""
        for process in list(self._tasks):
            self.kill(process)
        self.loop.run_for(200)
        self.loop.close()

    def _new_task(
        self, loop: asyncio.AbstractEventLoop, work: Any, context: contextvars.Context | None = None
    ) -> asyncio.Task[Any]:
        context = contextvars.copy_context() if context is None else context
        task = asyncio.Task(work, loop=loop, context=context)
        self._tasks[context.get(_process, "")].append(task)
        return task
