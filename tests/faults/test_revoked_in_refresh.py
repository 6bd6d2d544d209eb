"""Access withdrawn at the provider while replicas refresh: one expiry, one case, one repair asked for.

One repair asked for is one notice for each recipient: notifier-svc keeps that by itself, whatever comes twice.
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from faultlib.grants import Granted, line_of
from faultlib.ground import eventually

from simulator.testing import KNOWN

pytestmark = pytest.mark.quick


async def test_access_is_withdrawn_while_three_replicas_refresh(
    granted: Granted, seed: int, keep: Callable[[dict[str, Any]], None]
) -> None:
    plan = random.Random(seed)
    provider = ["xero", "quickbooks", "sage", "freeagent"][seed % 4]
    connection = await granted.connect(provider)
    replicas = await asyncio.gather(
        *(granted.start("keeper", connection, name=f"keeper-{n}", rate=15) for n in range(3))
    )
    await asyncio.sleep(plan.uniform(0.3, 2))
    assert await granted.lifecycle(connection) == "active"
    practice, organisation = granted.practice.running, KNOWN[provider].organisation
    # At Xero a withdrawn organisation leaves the grant alive; it ends when it expires there.
    ends = practice.expire if provider == "xero" else plan.choice([practice.withdraw, practice.expire])
    await asyncio.to_thread(ends, provider, organisation)
    over = time.monotonic()

    async def is_over() -> bool:
        return await granted.lifecycle(connection) != "active"

    await eventually(is_over)
    recovery = time.monotonic() - over
    await asyncio.sleep(0.5)
    refreshes = sum(replica.did("refresh.begun") for replica in replicas)
    line = line_of(
        events=refreshes, lost=0, repeated=await granted.repeated_expiries() + granted.overlaps(), recovery=recovery
    )
    keep(line)
    assert line["repeated_effects"] == 0
