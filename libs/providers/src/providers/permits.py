"""The right to call a provider: leased from the organisation's budget, used up one for each call."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from providers.errors import BudgetSpent


@dataclass(frozen=True)
class Leased:
    """`calls` may be sent from `starts_in` on for `valid_for`; with no calls: ask again then."""

    calls: int
    starts_in: timedelta
    valid_for: timedelta


class Permits:
    """Permits of one process for one organisation; `take` is the `permit` of its `Access`. Callers take turns.

    Times count from before they were asked for, so that a permit never ends later here than where it was given.
    """

    def __init__(
        self,
        lease: Callable[[], Awaitable[Leased]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._lease, self._monotonic, self._sleep = lease, monotonic, sleep
        self._left, self._until = 0, 0.0
        self._turn = asyncio.Lock()

    async def take(self) -> None:
        """Wait for the moment when one more call may be sent. Raises BudgetSpent when there is none soon."""
        async with self._turn:
            while self._left == 0 or self._monotonic() >= self._until:
                asked_at = self._monotonic()
                leased = await self._lease()
                if leased.calls == 0:
                    raise BudgetSpent(leased.starts_in)
                await self._sleep(leased.starts_in.total_seconds())
                self._left = leased.calls
                self._until = asked_at + (leased.starts_in + leased.valid_for).total_seconds()
            self._left -= 1
