"""Kills what runs, one process after the other, while the story goes on."""

import asyncio
import itertools
from types import TracebackType
from typing import Final, Self

from devstack.demo.show import Storyteller
from devstack.environments import PROCESSES
from devstack.home import DevstackError
from devstack.stack import Stack

WORKERS: Final = tuple(name for name in PROCESSES if name.endswith(".worker"))
ROUND: Final = (*WORKERS, "kafka")
EVERY_STEPS: Final = 2
INTO_THE_STEP_SECONDS: Final = 0.3
AWAY_SECONDS: Final = 0.7


class Chaos:
    """While entered, every second step of the story loses a process to SIGKILL while it runs, and gets it back.

    Each worker has its turn, then Kafka once, then the workers again. Leaving waits until everything is up, and raises
    DevstackError when the story was over before each had its turn.
    """

    def __init__(self, stack: Stack, show: Storyteller) -> None:
        self._stack, self._show = stack, show
        self._next = itertools.chain(ROUND, itertools.cycle(WORKERS))
        self._steps = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.killed: list[str] = []

    async def __aenter__(self) -> Self:
        self._show.on_step = self._step_begins
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*self._tasks)
        missing = sorted(set(ROUND) - set(self.killed))
        if kind is None and missing:
            raise DevstackError(f"the story was over before these were killed: {', '.join(missing)}")

    def _step_begins(self) -> None:
        self._steps += 1
        if self._steps % EVERY_STEPS == 0:
            self._tasks.append(asyncio.create_task(self._kill_and_start_again(next(self._next))))

    async def _kill_and_start_again(self, name: str) -> None:
        await asyncio.sleep(INTO_THE_STEP_SECONDS)
        await asyncio.to_thread(self._stack.kill, name)
        self.killed.append(name)
        self._show.say(f"       [red]SIGKILL[/] {name}")
        await asyncio.sleep(AWAY_SECONDS)
        await asyncio.to_thread(self._stack.start, name)
