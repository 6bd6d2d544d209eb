"""Kills every process of the stack again and again, and brings it back: at once, or after some seconds."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from chassis.clock import happens_within
from devstack.home import DevstackError
from devstack.stack import EVERY_PROCESS, Stack

BETWEEN_KILLS_SECONDS: Final = (3.0, 9.0)
AWAY_SECONDS: Final = (0.0, 0.0, 1.0, 4.0)
"""What each absence is chosen from: half of the killed are started again at once."""
DOWN_AT_ONCE: Final = 3
BACK_WITHIN_SECONDS: Final = 120.0
PARTS: Final = 3
"""Of the run. In each another third of the processes is left alone: a leak shows only in a life that is long enough."""


@dataclass
class Havoc:
    """Chooses victims by `chance`, the least often killed first. `seconds` is the length of the run."""

    stack: Stack
    chance: random.Random
    seconds: float
    tell: Callable[[str], None]
    killed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(EVERY_PROCESS, 0))
    ended_alone: list[str] = field(default_factory=list)
    """Processes that nobody killed and that ended nevertheless; each was started again."""
    _away: set[str] = field(default_factory=set)

    async def run(self, over: asyncio.Event) -> None:
        """Until `over`, then until everything is back. Raises DevstackError for what does not come back."""
        shuffled = self.chance.sample(EVERY_PROCESS, len(EVERY_PROCESS))
        left_alone = {name: place % PARTS for place, name in enumerate(shuffled)}
        began = time.monotonic()
        async with asyncio.TaskGroup() as strikes:
            watching = strikes.create_task(self._bring_back_what_ends())
            while not await happens_within(over, self.chance.uniform(*BETWEEN_KILLS_SECONDS)):
                part = int(PARTS * (time.monotonic() - began) / self.seconds)
                victims = [name for name in EVERY_PROCESS if left_alone[name] != part and name not in self._away]
                if len(self._away) < DOWN_AT_ONCE:
                    victim = min(self.chance.sample(victims, len(victims)), key=self.killed.__getitem__)
                    strikes.create_task(self._strike(victim, self.chance.choice(AWAY_SECONDS)))
            watching.cancel()

    async def _strike(self, name: str, seconds: float) -> None:
        self._away.add(name)
        self.killed[name] += 1
        with contextlib.suppress(DevstackError):  # it ended by itself in this very moment
            await asyncio.to_thread(self.stack.kill, name)
        await asyncio.sleep(seconds)
        await self._bring_back(name)

    async def _bring_back_what_ends(self) -> None:
        while True:
            for name in set(await asyncio.to_thread(self.stack.processes.stale)) - self._away:
                self.ended_alone.append(name)
                self.tell(f"{name} ended, although nobody killed it; its last words are in {self.stack.log_of(name)}")
                self._away.add(name)
                await self._bring_back(name)
            await asyncio.sleep(1)

    async def _bring_back(self, name: str) -> None:
        """Start it until it stays: one that ends because its database is away is started again by any platform."""
        end = time.monotonic() + BACK_WITHIN_SECONDS
        while True:
            try:
                await asyncio.to_thread(self.stack.start, name)
            except DevstackError:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(1)
            else:
                self._away.discard(name)
                return
