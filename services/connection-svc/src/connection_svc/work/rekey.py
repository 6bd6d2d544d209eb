"""After a change of the ring's current key: every data key wrapped under it, while the service runs."""

import structlog

from chassis import failpoints
from chassis.database import Database
from connection_svc.store import sealed_rows
from connection_svc.store.sealing import Vault

_log = structlog.get_logger(__name__)


async def rekey(database: Database, vault: Vault, *, batch: int) -> int:
    """Wrap all data keys that are not under the current key; how many rows are left because they do not open.

    Each `batch` of rows is a transaction: killed at any moment and run again it goes on with what is left, and two at
    once share the work. Passes are repeated until one finds nothing, since a process with the former settings may
    still be sealing.
    """
    async with database.acquire() as tx:
        _log.info("rekey.begun", key_id=vault.current, left=await sealed_rows.left(tx, vault))
    while await _pass(database, vault, batch):
        pass
    async with database.acquire() as tx:
        return await sealed_rows.left(tx, vault)


async def _pass(database: Database, vault: Vault, limit: int) -> int:
    """Go once through every table; how many data keys were wrapped."""
    wrapped = 0
    for table in sealed_rows.OWNER_COLUMNS:
        last: str | None = ""
        while last is not None:
            async with database.transaction() as tx:
                batch = await sealed_rows.wrap_anew(tx, vault, table, after=last, limit=limit)
                failpoints.reach("rekey.wrapped")
            wrapped, last = wrapped + batch.wrapped, batch.last
            if batch.wrapped:
                _log.info("rekey.wrapped", table=table, wrapped=batch.wrapped, up_to=last)
            for owner in batch.damaged:
                _log.error("rekey.undecipherable", table=table, owner=owner)
    return wrapped
