"""Access withdrawn at the provider while replicas refresh: one expiry, one case, one repair asked for, and none before.

Before that the token endpoint fails some of them, which proves nothing.
One repair asked for is one notice for each recipient: notifier-svc keeps that by itself, whatever comes twice.
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from faultlib.grants import Granted, line_of
from faultlib.ground import eventually

from simulator.testing import KNOWN

pytestmark = pytest.mark.quick

_VERSION = "SELECT version FROM grants WHERE connection_id = $1"


async def test_access_is_withdrawn_while_three_replicas_refresh(
    granted: Granted, seed: int, keep: Callable[[dict[str, Any]], None]
) -> None:
    plan = random.Random(seed)
    provider = ["xero", "quickbooks", "sage", "freeagent"][seed % 4]
    connection = await granted.connect(provider)
    replicas = await asyncio.gather(
        *(granted.start("keeper", connection, name=f"keeper-{n}", rate=15) for n in range(3))
    )
    practice, organisation = granted.practice.running, KNOWN[provider].organisation
    token_endpoint = urlsplit(practice.settings()[provider]["token_url"]).path
    action = {"status": plan.choice([500, 503, 400]), "body": "not now"}
    await asyncio.to_thread(
        practice.fault, provider=provider, path_regex=token_endpoint, times=plan.randint(1, 2), action=action
    )
    armed_at = await granted.ground.value(_VERSION, connection)

    async def refreshes_succeed_again() -> bool:
        # One more was perhaps under way: the second that is stored has come after those that failed.
        return await granted.ground.value(_VERSION, connection) >= armed_at + 2

    await eventually(refreshes_succeed_again)
    await asyncio.sleep(plan.uniform(0, 1))
    assert await granted.lifecycle(connection) == "active", "nothing has ended it"
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
