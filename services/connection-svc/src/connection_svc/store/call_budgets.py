"""The calls that are booked for each organisation, on the database's clock."""

from datetime import datetime, timedelta

from chassis.database import Tx
from connection_svc.domain.call_budget import Budget

# An organisation's first call makes its row; the update that changes nothing locks a row that is there.
GET_FOR_UPDATE = """
INSERT INTO call_budgets AS held (provider, organisation_id, booked_until) VALUES ($1, $2, '{}')
ON CONFLICT (provider, organisation_id) DO UPDATE SET provider = $1
RETURNING booked_until, paused_until, clock_timestamp() AS now
"""

SAVE = "UPDATE call_budgets SET booked_until = $3 WHERE provider = $1 AND organisation_id = $2"

PAUSE = """
INSERT INTO call_budgets AS held (provider, organisation_id, booked_until, paused_until)
VALUES ($1, $2, '{}', clock_timestamp() + $3)
ON CONFLICT (provider, organisation_id) DO UPDATE SET paused_until = greatest(held.paused_until, excluded.paused_until)
"""


async def get_for_update(tx: Tx, provider: str, organisation_id: str, *, windows: int) -> tuple[Budget, datetime]:
    """The budget, its row locked, and the database's time. One that was never used is free."""
    row = await tx.fetchrow(GET_FOR_UPDATE, provider, organisation_id)
    assert row is not None
    # Another number of windows: the adapter has learned of another limit, and counting begins anew.
    booked = tuple(row["booked_until"]) if len(row["booked_until"]) == windows else (row["now"],) * windows
    return Budget(booked, row["paused_until"]), row["now"]


async def save(tx: Tx, provider: str, organisation_id: str, budget: Budget) -> None:
    """Keep what is booked."""
    await tx.execute(SAVE, provider, organisation_id, list(budget.booked_until))


async def pause(tx: Tx, provider: str, organisation_id: str, *, wanted: timedelta) -> None:
    """The provider wants no call for so long."""
    await tx.execute(PAUSE, provider, organisation_id, wanted)
