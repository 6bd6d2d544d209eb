"""Sealed tokens swapped between connections are never handed out: both are quarantined, no other, and nothing expires.

Replicas hand out and refresh all the while. What is swapped may be whole rows, single columns, or keys.
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from faultlib.grants import Granted, line_of
from faultlib.ground import eventually

pytestmark = pytest.mark.quick

CONNECTIONS = 12
SWAPPED = [
    ("key_id", "wrapped_key", "access_token", "refresh_token"),
    ("access_token",),
    ("refresh_token",),
    ("wrapped_key",),
]
_QUARANTINED = "SELECT array_agg(connection_id) FROM grants WHERE quarantined_at IS NOT NULL"


async def test_rows_are_swapped_under_the_hands_of_two_replicas(
    granted: Granted, seed: int, keep: Callable[[dict[str, Any]], None]
) -> None:
    plan = random.Random(seed)
    owners = {await granted.connect("xero", organisation=f"org_{n}"): f"access of org_{n}" for n in range(CONNECTIONS)}
    pair = plan.sample(list(owners), 2)
    replicas = await asyncio.gather(
        *(granted.start("keeper", *owners, name=f"keeper-{n}", rate=60, refreshes=False) for n in range(2))
    )
    await asyncio.sleep(plan.uniform(0.2, 1))
    columns = SWAPPED[seed % len(SWAPPED)]
    await granted.ground.value(
        f"""UPDATE grants mine SET {", ".join(f"{column} = theirs.{column}" for column in columns)}
              FROM grants theirs WHERE (mine.connection_id, theirs.connection_id) IN (($1, $2), ($2, $1))""",
        *pair,
    )
    over = time.monotonic()

    async def both_are_quarantined() -> bool:
        return set(await granted.ground.value(_QUARANTINED) or ()) == set(pair)

    await eventually(both_are_quarantined)
    recovery = time.monotonic() - over
    await asyncio.sleep(0.5)
    answers = [line for replica in replicas for line in replica.history if line["did"] == "answer"]
    foreign = sum(line["is_"] == "usable" and line["access_token"] != owners[line["connection"]] for line in answers)
    checking = {line["connection"] for line in answers if line["is_"] != "usable"}
    line = line_of(events=len(answers), lost=len(checking ^ set(pair)), repeated=foreign, recovery=recovery)
    keep(line)
    assert await granted.said() == {}, "nobody is told that anything expired"
    assert (line["lost"], line["repeated_effects"]) == (0, 0)
