"""Kills what runs, one process after the other, while the story goes on."""

import asyncio
import contextlib
from types import TracebackType
from typing import Final, Self

from devstack.demo.show import Storyteller
from devstack.environments import PROCESSES
from devstack.home import DevstackError
from devstack.stack import Stack

WORKERS: Final = tuple(name for name in PROCESSES if name.endswith(".worker"))
ROUND: Final = (*WORKERS[:3], "kafka", *WORKERS[3:])
BETWEEN_SECONDS: Final = 6.0
AWAY_SECONDS: Final = 0.7


class Chaos:
    """While entered: each worker is killed with SIGKILL in turn, and Kafka once; each is started again.

    Leaving waits until everything is up again, and raises DevstackError when the story was over before all of them
    had been killed.
    """

    def __init__(self, stack: Stack, show: Storyteller) -> None:
        self._stack, self._show = stack, show
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.killed: list[str] = []

    async def __aenter__(self) -> Self:
        self._tasks.append(asyncio.create_task(self._kill_in_turn()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        while self._tasks:
            await self._tasks.pop(0)
        missing = sorted(set(ROUND) - set(self.killed))
        if kind is None and missing:
            raise DevstackError(f"the story was over before these were killed: {', '.join(missing)}")

    async def _kill_in_turn(self) -> None:
        for name in ROUND:
            await asyncio.to_thread(self._stack.kill, name)
            self.killed.append(name)
            self._show.say(f"       [red]SIGKILL[/] {name}")
            # Not waited for: the next one is killed while this one still gets up.
            self._tasks.append(asyncio.create_task(self._start_again(name)))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), BETWEEN_SECONDS)
            if self._over.is_set():
                return

    async def _start_again(self, name: str) -> None:
        await asyncio.sleep(AWAY_SECONDS)
        await asyncio.to_thread(self._stack.start, name)
