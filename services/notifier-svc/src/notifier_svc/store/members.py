"""Our picture of who belongs to which business, which the identity system owns."""

from chassis.database import Tx
from notifier_svc.domain.notices import Member

_REMEMBER = """INSERT INTO memberships AS known (business_id, user_id, roles, linked_accountant, sequence)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (business_id, user_id) DO UPDATE
    SET roles = excluded.roles, linked_accountant = excluded.linked_accountant, gone = false,
        sequence = excluded.sequence
    WHERE known.sequence < excluded.sequence"""
_FORGET = """INSERT INTO memberships AS known (business_id, user_id, roles, linked_accountant, gone, sequence)
    VALUES ($1, $2, '{}', false, true, $3)
    ON CONFLICT (business_id, user_id) DO UPDATE SET gone = true, sequence = excluded.sequence
    WHERE known.sequence < excluded.sequence"""
_KNOWS = "SELECT EXISTS (SELECT FROM memberships WHERE business_id = $1)"
_OF_BUSINESS = "SELECT * FROM memberships WHERE business_id = $1 AND NOT gone ORDER BY user_id"


async def remember(tx: Tx, business_id: str, member: Member, sequence: int) -> None:
    """Keeps the membership with the highest sequence."""
    await tx.execute(_REMEMBER, business_id, member.user_id, member.roles, member.linked_accountant, sequence)


async def forget(tx: Tx, business_id: str, user_id: str, sequence: int) -> None:
    """The person left, unless a record with a higher sequence said something else."""
    await tx.execute(_FORGET, business_id, user_id, sequence)


async def knows_business(tx: Tx, business_id: str) -> bool:
    """Whether anybody was ever a member of it, as far as we heard."""
    return bool(await tx.fetchval(_KNOWS, business_id))


async def of_business(tx: Tx, business_id: str) -> list[Member]:
    rows = await tx.fetch(_OF_BUSINESS, business_id)
    return [Member(row["user_id"], tuple(row["roles"]), row["linked_accountant"]) for row in rows]
