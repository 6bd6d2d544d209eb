"""`rekey`: wraps every row's data key under the ring's current key, while the service runs."""

from typing import Final

import structlog

from connection_svc.main import database_of, vault_of
from connection_svc.settings import Settings
from connection_svc.work.rekey import rekey

BATCH: Final = 200  # rows that are locked for some milliseconds

_log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    async with database_of(settings) as database:
        left = await rekey(database, vault_of(settings), batch=BATCH)
    _log.info("rekey.done", key_id=settings.key_ring.current, left=left)
    if left:
        raise SystemExit(f"{left} rows do not open under the key they name: see docs/runbooks/token-key-rotation.md")
