"""Kills what runs, one process after the other, while the story goes on."""

import asyncio
from types import TracebackType
from typing import Final, Self

from devstack.demo.show import Storyteller
from devstack.environments import PROCESSES
from devstack.stack import Stack

WORKERS: Final = tuple(name for name in PROCESSES if name.endswith(".worker"))
# The broker goes once, after the workers have had their turn and while items are still to come.
ROUND: Final = (*WORKERS, "kafka")
BETWEEN_SECONDS: Final = 2.5
AWAY_SECONDS: Final = 0.7


class Chaos:
    """While entered: each worker is killed with SIGKILL in turn, and Kafka once; each is started again.

    Workers are killed round after round until the story ends. Leaving waits until everything is up again.
    """

    def __init__(self, stack: Stack, show: Storyteller) -> None:
        self._stack, self._show = stack, show
        self._over = asyncio.Event()
        self._killing: asyncio.Task[None] | None = None
        self.killed: list[str] = []

    async def __aenter__(self) -> Self:
        self._killing = asyncio.create_task(self._kill_in_turn())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._killing is not None:
            await self._killing
        missing = set(ROUND) - set(self.killed)
        if kind is None and missing:
            raise AssertionError(f"the story was over before these were killed: {', '.join(sorted(missing))}")

    async def _kill_in_turn(self) -> None:
        turn = 0
        while not self._over.is_set():
            name = ROUND[turn] if turn < len(ROUND) else WORKERS[turn % len(WORKERS)]
            await self._kill_and_restart(name)
            turn += 1
            await self._wait(BETWEEN_SECONDS)

    async def _kill_and_restart(self, name: str) -> None:
        await asyncio.to_thread(self._stack.kill, name)
        self.killed.append(name)
        self._show.say(f"       [red]SIGKILL[/] {name}")
        await asyncio.sleep(AWAY_SECONDS)
        await asyncio.to_thread(self._stack.restart, name)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._over.wait(), seconds)
        except TimeoutError:
            return
