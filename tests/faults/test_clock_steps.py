"""A clock that jumps ten minutes forth and back around each stage says every stage once, in order, and expires once.

Two replicas of the watcher follow the same clock. The hour of some connections comes within the jump.
"""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from faultlib.grants import DAY, YEAR, Granted, line_of
from faultlib.ground import eventually

pytestmark = pytest.mark.quick

STAGES = [30, 14, 7, 1, 0]
JUMP = timedelta(minutes=10)
CONNECTIONS = 20


async def test_the_clock_jumps_around_each_stage(
    granted: Granted, seed: int, keep: Callable[[dict[str, Any]], None]
) -> None:
    plan, now = random.Random(seed), datetime.now(UTC)
    connections = [
        await granted.connect("xero", organisation=f"org_{n}", consented_at=now + plan.uniform(-1, 1) * JUMP)
        for n in range(CONNECTIONS)
    ]
    replicas = await asyncio.gather(*(granted.start("watcher", name=f"watcher-{n}") for n in range(2)))
    for days in STAGES:
        for jump in (-1, 1, -1, plan.uniform(-1, 1), 1.5):
            granted.move_clock(YEAR - days * DAY + jump * JUMP)
            looked = [replica.did("looked") for replica in replicas]
            for replica, before in zip(replicas, looked, strict=True):
                await eventually(lambda replica=replica, before=before: replica.did("looked") >= before + 3)
    said = await granted.said()
    stages = {
        connection: [data.get("stage") or 0 for event, data in said[connection] if "expir" in event]
        for connection in connections
    }
    line = line_of(
        events=sum(len(each) for each in stages.values()),
        lost=sum(len(set(STAGES) - set(each)) for each in stages.values()),
        repeated=sum(len(each) - len(set(each)) for each in stages.values()) + await granted.repeated_expiries(),
        order=sum(each != sorted(each, reverse=True) for each in stages.values()),
    )
    keep(line)
    assert (line["lost"], line["repeated_effects"], line["order_violations"]) == (0, 0, 0)
