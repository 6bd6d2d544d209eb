"""How the parts run side by side: traffic, havoc, the person who repairs, and whoever watches."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from devstack.demo.show import Storyteller
from devstack.findings import Databases
from devstack.havoc import Havoc
from devstack.playing import at_rest, meanwhile
from devstack.soak.caretaker import Caretaker
from devstack.soak.customers import SECOND_BUSINESS, SECOND_ROLES, BusyCustomer
from devstack.soak.evidence import TO_DO
from devstack.soak.memory import MemoryWatch
from devstack.soak.traffic import Traffic
from devstack.stack import Stack
from devstack.topics import say_members

PROGRESS_EVERY_SECONDS: Final = 10.0


@dataclass
class Soak:
    """One run on a stack that has just been started from empty."""

    stack: Stack
    show: Storyteller
    customers: Sequence[BusyCustomer]
    anna: Caretaker
    traffic: Traffic
    havoc: Havoc
    watch: MemoryWatch

    async def run(self, seconds: float) -> float:
        """Ask and kill for so long; then wait until all is done, and answer how many seconds that took.

        Raises an ExceptionGroup of NotAsTold, DevstackError and httpx2.HTTPError.
        """
        over, began = asyncio.Event(), time.monotonic()
        ended = 0.0
        async with meanwhile(self.anna.repair_for_ever(self.customers), self.watch.run(), self._tell_progress()):
            async with asyncio.TaskGroup() as busy:
                for customer in self.customers:
                    busy.create_task(self.traffic.deliver_steadily(customer, over))
                busy.create_task(self.traffic.time_and_chance(over))
                busy.create_task(self.havoc.run(over, lambda: (time.monotonic() - began) / seconds))
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


async def connect_everybody(stack: Stack, customers: Sequence[BusyCustomer], anna: Caretaker, traffic: Traffic) -> None:
    """Returns when every customer is connected and has lists to book by. She is signed in."""
    say_members(stack.addresses["kafka"], SECOND_BUSINESS, SECOND_ROLES, now=stack.clock.now())
    for customer in customers:
        await anna.connect(customer)
        await traffic.lists_arrive(customer)


async def drained(databases: Databases) -> float:
    """Returns when nothing has been on its way for a moment: since when, in monotonic time. Raises NotAsTold."""
    return await at_rest(partial(databases.left_to_do, TO_DO))
