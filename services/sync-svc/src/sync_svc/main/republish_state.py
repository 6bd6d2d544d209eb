"""`republish-state`: says every list entry again; the relay of a worker sends it."""

import structlog

from sync_svc.main import database_of
from sync_svc.settings import Settings
from sync_svc.work import republish_state

_log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    async with database_of(settings) as database:
        entries = await republish_state.republish_state(database, settings.process.clock())
        _log.info("entries.said_again", entries=entries)
