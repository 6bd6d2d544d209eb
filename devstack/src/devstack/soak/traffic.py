"""What businesses and their upstream do all day, at a steady rate."""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

import httpx2

from chassis.clock import happens_within
from devstack.clock import StackClock
from devstack.demo.evidence import Practice
from devstack.demo.story import YEAR, NotAsTold
from devstack.demo.upstream import Coding, Outage
from devstack.playing import answered, until
from devstack.soak.customers import BusyCustomer

ITEMS_PER_SECOND: Final = 2.0
"""Over all customers."""
LARGEST_DELIVERY: Final = 4
CHANGES_EVERY, SUPPLIER_EVERY = 5, 7
"""Deliveries to a customer between two changes of its settings and rule, and between two new suppliers."""
BETWEEN_HAPPENINGS_SECONDS: Final = (6.0, 14.0)
TWO_DAYS: Final = timedelta(hours=49)


@dataclass
class Traffic:
    """Everything that is asked for. What runs until `over` ends between two things."""

    customers: Sequence[BusyCustomer]
    practice: Practice
    clock: StackClock
    chance: random.Random
    withdrawn: int = 0
    years: int = 0

    async def lists_arrive(self, customer: BusyCustomer) -> None:
        """Returns when items can be booked, by an account and a supplier of the lists that were read, and by a rule."""

        async def coding() -> Coding | None:
            lists = {each["list"]: each["state"] for each in await customer.upstream.lists(customer.connection_id)}
            is_read = lists.get("accounts") == lists.get("suppliers") == "complete"
            return await customer.upstream.any_coding(customer.connection_id) if is_read else None

        found = await until(coding, f"{customer.name} has its lists")
        add, key = customer.upstream.add_rule, f"rule-{customer.connection_id}"
        await answered(lambda: add(customer.connection_id, "Fuel", found, key), "a rule is added")
        customer.coding = found

    async def deliver_steadily(self, customer: BusyCustomer, over: asyncio.Event) -> None:
        """Deliver some items and ask for them, again and again; settings and lists change in between."""
        due = time.monotonic()
        for turn in itertools.count(1):
            count = self.chance.randint(1, LARGEST_DELIVERY)
            # After an outage it is not made up for: what is asked for is steady, not what was missed.
            due = max(due, time.monotonic()) + count * len(self.customers) / ITEMS_PER_SECOND
            if await happens_within(over, max(0.0, due - time.monotonic())):
                return
            await self._deliver(customer, count)
            if turn % CHANGES_EVERY == 0:
                await self.change_settings(customer)
                await self.reword_a_rule(customer)
            if turn % SUPPLIER_EVERY == 0:
                await self._add_a_supplier(customer, turn)

    async def change_settings(self, customer: BusyCustomer) -> None:
        wanted = {"auto_publish": not customer.settings.get("auto_publish", False)}
        change = customer.upstream.change_settings
        await answered(lambda: change(customer.connection_id, **wanted), "the settings are changed")
        customer.settings |= wanted

    async def reword_a_rule(self, customer: BusyCustomer) -> None:
        reword, match = customer.upstream.reword_rule, f"Fuel {self.chance.randrange(10**6)}"
        await answered(lambda: reword(customer.connection_id, match), "a rule is reworded")

    async def time_and_chance(self, over: asyncio.Event) -> None:
        """In turn access is withdrawn somewhere, two days pass, access is withdrawn again, and a year passes."""
        happenings = itertools.cycle((self._withdraw, self._two_days_pass, self._withdraw, self._a_year_passes))
        for happening in happenings:
            if await happens_within(over, self.chance.uniform(*BETWEEN_HAPPENINGS_SECONDS)):
                return
            await happening()

    async def _withdraw(self) -> None:
        """Somebody removes our access at a provider; we find out by ourselves."""
        customer = self.chance.choice(self.customers)
        take = self.practice.withdraw_access
        await answered(lambda: take(customer.provider, customer.organisation_id), "access is withdrawn")
        self.withdrawn += 1

    async def _two_days_pass(self) -> None:
        """Every list is due, and every access token to be refreshed."""
        self.clock.advance(TWO_DAYS)

    async def _a_year_passes(self) -> None:
        """Every consent ends."""
        self.clock.advance(YEAR)
        self.years += 1

    async def _deliver(self, customer: BusyCustomer, count: int) -> None:
        numbers = customer.numbers(count)
        today = self.clock.now().date().isoformat()
        items = [await answered(self._delivery(customer, number, today), f"{number} is taken") for number in numbers]
        ask = customer.upstream.ask_to_publish
        await answered(lambda: ask(items, f"publish-{numbers[0]}"), f"{numbers[0]} is asked for")
        customer.asked += numbers

    def _delivery(self, customer: BusyCustomer, number: str, today: str) -> Callable[[], Awaitable[str]]:
        coding = customer.coding
        if coding is None:
            raise NotAsTold(f"{customer.name} has no lists yet")
        amount = Decimal(self.chance.randint(100, 99_999)) / 100
        return lambda: customer.upstream.deliver(customer.connection_id, number, amount, coding, today)

    async def _add_a_supplier(self, customer: BusyCustomer, number: int) -> None:
        """Then the lists are asked for; that is refused where they were read a moment ago or cannot be read."""
        add, refresh = self.practice.add_supplier, customer.upstream.refresh_lists
        name = f"Newcomer {number} Ltd"
        await answered(lambda: add(customer.provider, customer.organisation_id, name), f"{name} is added")
        with contextlib.suppress(httpx2.HTTPStatusError, Outage):
            await refresh(customer.connection_id, f"lists-{customer.connection_id}-{number}")
