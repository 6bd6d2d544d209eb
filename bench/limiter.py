"""One organisation's budget of 60 calls a minute, wanted by 64 callers in six processes, for how much of it is used.

Three replicas each of sync-svc and publish-svc: processes with the client and the `Permits` that these services call
providers with (`bench.calling`), as themselves, through one process of connection-svc's API. Each caller makes its next
call as soon as it may; a call takes no time, so that nothing but the budget holds it. One machine, one clock: each call
notes when it was sent.

- use: calls between the first and the last, over those that 60 a minute would have allowed in that time, after five
  seconds in which 64 callers begin at once;
- overshoot: by how many calls the fullest minute, wherever it begins, exceeds 60. A short run has no whole minute.

There is no other side: the limit is the provider's, and to reach it without passing it is all there is to win.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from bench.connections import connection_svc
from bench.ground import Ground, said, tell
from bench.runner import AtLeast, Case, Exactly

LIMIT, WINDOW = 60, 60.0  # Xero's, for one application and organisation
SERVICES: Final = ("sync-svc", "publish-svc")
REPLICAS, CALLERS = 3, 64
SECONDS, SECONDS_SMALL, WARM_UP = 240, 30, 5


async def run(ground: Ground, *, small: bool) -> list[Case]:
    calls = await _calls(ground, SECONDS_SMALL if small else SECONDS)
    steady = [moment for moment in calls if moment > calls[0] + WARM_UP]
    use = (len(steady) - 1) / (steady[-1] - steady[0]) * WINDOW / LIMIT
    cases = [Case("use of the budget", "of the limit", [use], [], AtLeast(0.95))]
    return cases if small else [*cases, Case("overshoot", "calls", [overshoot(calls)], [], Exactly(0))]


async def _calls(ground: Ground, seconds: int) -> list[float]:
    """When each call was sent, in order."""
    async with connection_svc(ground, RELINK_LIMITS_FACTOR="1") as service, AsyncExitStack() as stack:
        connection_id, replicas = await service.connect(), REPLICAS * len(SERVICES)
        processes = [
            await stack.enter_async_context(
                ground.process(
                    "bench.calling", each, service.url, service.key_of(each), connection_id, _share(number, replicas)
                )
            )
            for number, each in enumerate(SERVICES * REPLICAS)
        ]
        for process in processes:
            tell(process, f"{seconds}")
        told = await asyncio.gather(*(said(process, seconds + 60) for process in processes))
    return sorted(moment for line in told for moment in json.loads(line))


def _share(number: int, replicas: int) -> str:
    """How many of the callers the replica of this number has."""
    return str(CALLERS // replicas + (number < CALLERS % replicas))


def overshoot(calls: Sequence[float]) -> int:
    """By how many calls the fullest window exceeds the limit."""
    fullest, first = 0, 0
    for last, moment in enumerate(calls):
        while calls[first] <= moment - WINDOW:
            first += 1
        fullest = max(fullest, last - first + 1)
    return max(0, fullest - LIMIT)
