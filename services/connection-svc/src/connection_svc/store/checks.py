"""Reports that a connection may be broken, due to be looked into."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.database import Tx
from connection_svc.domain.connection import DetectedBy

# Several reports of one connection are one check, due at once, about the latest of them.
REPORT = """
INSERT INTO connection_checks (connection_id, business_id, reported_by, reported_at, due_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (connection_id) DO UPDATE
   SET reported_at = greatest(connection_checks.reported_at, $4), due_at = least(connection_checks.due_at, $5)
"""

# Due again by itself when its worker dies.
TAKE = """
UPDATE connection_checks SET due_at = $1::timestamptz + $2::interval
 WHERE connection_id = (SELECT connection_id FROM connection_checks WHERE due_at <= $1 ORDER BY due_at LIMIT 1
                           FOR UPDATE SKIP LOCKED)
RETURNING *
"""

DONE = "DELETE FROM connection_checks WHERE connection_id = $1 AND business_id = $2 AND reported_at = $3"


@dataclass(frozen=True)
class Check:
    """Somebody's failure blamed this connection."""

    connection_id: str
    business_id: str
    reported_by: DetectedBy
    reported_at: datetime


async def report(tx: Tx, check: Check, *, now: datetime) -> None:
    """Have the connection looked into, once for any number of reports. The connection must exist."""
    await tx.execute(REPORT, check.connection_id, check.business_id, check.reported_by, check.reported_at, now)


async def take(tx: Tx, *, now: datetime, again_after: timedelta) -> Check | None:
    """The longest overdue check, of any business; it comes again after that time unless it is done."""
    row = await tx.fetchrow(TAKE, now, again_after)
    if row is None:
        return None
    return Check(row["connection_id"], row["business_id"], DetectedBy(row["reported_by"]), row["reported_at"])


async def done(tx: Tx, check: Check) -> None:
    """Nothing is left to look into, unless somebody has reported anew meanwhile."""
    await tx.execute(DONE, check.connection_id, check.business_id, check.reported_at)
