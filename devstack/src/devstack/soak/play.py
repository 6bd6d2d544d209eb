"""How the parts run side by side: traffic, havoc, the person who repairs, and whoever watches."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from devstack.demo.show import Storyteller
from devstack.demo.story import NotAsTold
from devstack.soak.customers import SECOND_BUSINESS, SECOND_ROLES, Customer
from devstack.soak.evidence import Databases
from devstack.soak.havoc import Havoc
from devstack.soak.memory import MemoryWatch
from devstack.soak.person import Person
from devstack.soak.traffic import Traffic
from devstack.stack import Stack
from devstack.topics import say_members

PROGRESS_EVERY_SECONDS: Final = 10.0
DRAINED_WITHIN_SECONDS: Final = 300.0
"""A provider that failed often is left alone for a minute, and a mail that could not be sent for up to two."""
RESTING_SECONDS: Final = 3.0


@dataclass
class Soak:
    """One run on a stack that has just been started from empty."""

    stack: Stack
    show: Storyteller
    customers: Sequence[Customer]
    anna: Person
    traffic: Traffic
    havoc: Havoc
    watch: MemoryWatch

    async def run(self, seconds: float) -> float:
        """Ask and kill for so long; then wait until all is done, and answer how many seconds that took.

        Raises an ExceptionGroup of NotAsTold, DevstackError and httpx2.HTTPError.
        """
        over = asyncio.Event()
        ended = 0.0
        async with meanwhile(self.anna.repair_for_ever(self.customers), self.watch.run(), self._tell_progress()):
            async with asyncio.TaskGroup() as busy:
                for customer in self.customers:
                    busy.create_task(self.traffic.deliver_steadily(customer, over))
                busy.create_task(self.traffic.time_and_chance(over))
                busy.create_task(self.havoc.run(over))
                await asyncio.sleep(seconds)
                over.set()
                ended = time.monotonic()
            return round(await drained(Databases(self.stack)) - ended, 1)

    async def _tell_progress(self) -> None:
        began, told = time.monotonic(), self.havoc.killed.copy()
        while True:
            await asyncio.sleep(PROGRESS_EVERY_SECONDS)
            victims = [name for name, times in self.havoc.killed.items() if times > told[name]]
            told = self.havoc.killed.copy()
            asked = sum(len(customer.asked) for customer in self.customers)
            self.show.say(
                f"  {time.monotonic() - began:5.0f} s  {asked} documents asked for, access withdrawn "
                f"{self.traffic.withdrawn} times, {self.traffic.years} years gone by, {self.anna.repaired} repairs; "
                f"killed {', '.join(victims) or 'nobody'}"
            )


async def connect_everybody(stack: Stack, customers: Sequence[Customer], anna: Person, traffic: Traffic) -> None:
    """Returns when every customer is connected and has lists to book by. She is signed in."""
    say_members(stack.addresses["kafka"], SECOND_BUSINESS, SECOND_ROLES, now=stack.clock.now())
    for customer in customers:
        await anna.connect(customer)
        await traffic.lists_arrive(customer)


@asynccontextmanager
async def meanwhile(*endless: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run these while the block runs; what one of them raises ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in endless]
        yield
        for task in tasks:
            task.cancel()


async def drained(databases: Databases) -> float:
    """Returns when nothing has been on its way for a moment: since when, in monotonic time. Raises NotAsTold."""
    began = time.monotonic()
    at_rest_since: float | None = None
    while at_rest_since is None or time.monotonic() - at_rest_since < RESTING_SECONDS:
        left = await databases.left_to_do()
        at_rest_since = None if left else at_rest_since or time.monotonic()
        if time.monotonic() - began > DRAINED_WITHIN_SECONDS:
            raise NotAsTold(f"{DRAINED_WITHIN_SECONDS:.0f} s after the last kill something is left: {left}")
        await asyncio.sleep(0.5)
    return at_rest_since
