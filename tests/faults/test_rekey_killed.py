"""A change of keys killed at any moment and run again leaves every token as it was, readable with the new key alone.

Meanwhile a replica that was told the new key refreshes, so that rows change under the command's hands.
"""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from faultlib.grants import BUSINESS, RING, Granted, line_of

from connection_svc.store import grants
from connection_svc.store.sealing import Undecipherable, Vault

pytestmark = pytest.mark.quick

CONNECTIONS, BATCH = 120, 10


async def test_a_change_of_keys_is_killed_again_and_again(
    granted: Granted, seed: int, keep: Callable[[dict[str, Any]], None]
) -> None:
    plan = random.Random(seed)
    kept = {name: await granted.connect("xero", organisation=name) for name in map(str, range(CONNECTIONS))}
    refreshed = await granted.connect("sage")
    await granted.start("keeper", refreshed, key="new", rate=10)
    kills = plan.randint(1, 3)
    for number in range(kills):
        place = f"rekey.wrapped:{plan.randint(1, 5)}:SIGKILL"
        killed = await granted.start("rekeyer", name=f"killed-{number}", key="new", writers=BATCH, failpoints=place)
        assert await killed.ended() < 0
    begun = time.monotonic()
    last = await granted.start("rekeyer", name="last", key="new", writers=BATCH)
    await last.ended()
    recovery = time.monotonic() - begun

    unreadable = 0
    async with granted.database.acquire() as tx:
        for name, connection in kept.items():
            unreadable += await _refresh_token(tx, connection) != f"refresh of {name}"
        unreadable += await _refresh_token(tx, refreshed) is None
    line = line_of(events=CONNECTIONS + 1, lost=unreadable, repeated=granted.overlaps(), recovery=recovery)
    keep(line)
    assert [line["number"] for line in last.history if line["did"] == "left"] == [0]
    assert (line["lost"], line["repeated_effects"]) == (0, 0)


async def _refresh_token(tx: Any, connection: str) -> str | None:
    """As it opens with the new key alone."""
    only_new = Vault({"new": bytes.fromhex(RING["new"])}, current="new")
    try:
        grant = await grants.find(tx, only_new, BUSINESS, connection)
    except Undecipherable:
        return None
    return grant.tokens.refresh_token if grant else None
