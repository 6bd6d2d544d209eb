"""Every row with something sealed in it, as far as its data key goes."""

from dataclasses import dataclass

from chassis.database import Tx
from connection_svc.store.sealing import Place, Undecipherable, Vault

OWNER_COLUMNS = {"grants": "connection_id", "attempts": "id", "attempt_grants": "attempt_id"}


@dataclass(frozen=True)
class Batch:
    """What became of some rows. `damaged`: owners whose data key did not open; `last`: the owner to go on after."""

    wrapped: int
    damaged: tuple[str, ...]
    last: str | None


async def wrap_anew(tx: Tx, vault: Vault, table: str, *, after: str, limit: int) -> Batch:
    """Wrap up to `limit` data keys of a table under the ring's current key, in the order of their owners.

    What is sealed under the data keys stays as it is, and so do versions: a refresh under way is not disturbed.
    """
    owner = OWNER_COLUMNS[table]
    rows = await tx.fetch(
        f"SELECT {owner} AS owner_id, business_id, key_id, wrapped_key FROM {table}"  # noqa: S608 - names of our own
        f" WHERE key_id <> $1 AND {owner} > $2 ORDER BY {owner} LIMIT $3 FOR UPDATE",
        vault.current,
        after,
        limit,
    )
    wrapped, damaged = [], []
    for row in rows:
        place = Place(table, row["business_id"], row["owner_id"])
        try:
            wrapped.append((place.owner_id, vault.current, vault.wrap_anew(place, row["key_id"], row["wrapped_key"])))
        except Undecipherable:
            damaged.append(place.owner_id)
    await tx.executemany(f"UPDATE {table} SET key_id = $2, wrapped_key = $3 WHERE {owner} = $1", wrapped)  # noqa: S608
    return Batch(len(wrapped), tuple(damaged), rows[-1]["owner_id"] if rows else None)


async def left(tx: Tx, vault: Vault) -> int:
    """How many rows have a data key under another key than the current one."""
    count = "SELECT count(*) FROM {} WHERE key_id <> $1"
    return sum([await tx.fetchval(count.format(table), vault.current) for table in OWNER_COLUMNS])
