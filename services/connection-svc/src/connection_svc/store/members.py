"""Our picture of who belongs to which business, which the identity system owns."""

from collections.abc import Iterable

from chassis.database import Tx
from connection_svc.domain.people import Member

REMEMBER = """
INSERT INTO memberships AS known (business_id, user_id, roles, linked_accountant, sequence) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (business_id, user_id) DO UPDATE
   SET roles = excluded.roles, linked_accountant = excluded.linked_accountant, gone = false,
       sequence = excluded.sequence
 WHERE known.sequence < excluded.sequence
"""

FORGET = """
INSERT INTO memberships AS known (business_id, user_id, roles, linked_accountant, gone, sequence)
VALUES ($1, $2, '{}', false, true, $3)
ON CONFLICT (business_id, user_id) DO UPDATE SET gone = true, sequence = excluded.sequence
 WHERE known.sequence < excluded.sequence
"""

OF_BUSINESS = "SELECT * FROM memberships WHERE business_id = $1 AND NOT gone ORDER BY user_id"


async def remember(tx: Tx, said: Iterable[tuple[str, Member, int]]) -> None:
    """Keep each business's member as it was said with the highest sequence."""
    rows = [(business, each.user_id, each.roles, each.linked_accountant, sequence) for business, each, sequence in said]
    await tx.executemany(REMEMBER, rows)


async def forget(tx: Tx, gone: Iterable[tuple[str, str, int]]) -> None:
    """These people left these businesses, unless a record with a higher sequence said something else."""
    await tx.executemany(FORGET, gone)


async def of_business(tx: Tx, business_id: str) -> list[Member]:
    """Everybody of the business, as far as we heard."""
    rows = await tx.fetch(OF_BUSINESS, business_id)
    return [Member(row["user_id"], tuple(row["roles"]), row["linked_accountant"]) for row in rows]
