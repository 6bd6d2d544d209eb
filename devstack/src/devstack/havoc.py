"""Kills every process of the stack again and again, and brings it back: at once, or after some seconds."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Collection
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


class Victims:
    """Who is killed next, by `chance`: the least often killed first."""

    def __init__(self, chance: random.Random) -> None:
        shuffled = chance.sample(EVERY_PROCESS, len(EVERY_PROCESS))
        self._chance = chance
        self._left_alone = {name: place % PARTS for place, name in enumerate(shuffled)}
        self.killed = dict.fromkeys(EVERY_PROCESS, 0)

    def next(self, *, share: float, away: Collection[str]) -> str:
        """`share` of the run is over, and these processes are away."""
        part = int(PARTS * share)
        there = [name for name in EVERY_PROCESS if self._left_alone[name] != part and name not in away]
        victim = min(self._chance.sample(there, len(there)), key=self.killed.__getitem__)
        self.killed[victim] += 1
        return victim


@dataclass
class Havoc:
    """One run's kills."""

    stack: Stack
    chance: random.Random
    tell: Callable[[str], None]
    ended_alone: list[str] = field(default_factory=list)
    """Processes that nobody killed and that ended nevertheless; each was started again."""
    _away: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._victims = Victims(self.chance)

    @property
    def killed(self) -> dict[str, int]:
        """How often each process was."""
        return self._victims.killed

    async def run(self, over: asyncio.Event, share: Callable[[], float]) -> None:
        """Until `over`, then until everything is back. `share` tells how much of the run is behind us, from 0 to 1.

        Raises DevstackError for what does not come back.
        """
        async with asyncio.TaskGroup() as strikes:
            watching = strikes.create_task(self._bring_back_what_ends())
            while not await happens_within(over, self.chance.uniform(*BETWEEN_KILLS_SECONDS)):
                if len(self._away) < DOWN_AT_ONCE:
                    victim = self._victims.next(share=share(), away=self._away)
                    strikes.create_task(self._strike(victim, self.chance.choice(AWAY_SECONDS)))
            watching.cancel()

    async def _strike(self, name: str, seconds: float) -> None:
        self._away.add(name)
        with contextlib.suppress(DevstackError):  # it ended by itself in this very moment
            await asyncio.to_thread(self.stack.kill, name)
        await asyncio.sleep(seconds)
        await self._bring_back(name)

    async def _bring_back_what_ends(self) -> None:
        while True:
            away = set(self._away)
            for name in set(await asyncio.to_thread(self.stack.processes.stale)) - away - self._away:
                self._away.add(name)
                self._has_ended_alone(name)
                await self._bring_back(name)
            await asyncio.sleep(1)

    async def _bring_back(self, name: str) -> None:
        """Whatever it needs may be away as well: then it is ready once that is back."""
        end = time.monotonic() + BACK_WITHIN_SECONDS
        while True:
            try:
                await asyncio.to_thread(self.stack.start, name)
            except DevstackError:
                if time.monotonic() > end:
                    raise
                if self.stack.processes.running(name) is None:
                    self._has_ended_alone(name)
                    await asyncio.sleep(1)
            else:
                self._away.discard(name)
                return

    def _has_ended_alone(self, name: str) -> None:
        self.ended_alone.append(name)
        self.tell(f"{name} ended, although nobody killed it; its last words are in {self.stack.log_of(name)}")
