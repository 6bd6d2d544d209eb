"""`republish-state`: says every connection's state again; the relay of a worker sends it."""

import structlog

from connection_svc.main import database_of
from connection_svc.settings import Settings
from connection_svc.work.republish_state import republish_state

_log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    async with database_of(settings) as database:
        _log.info("states.said_again", connections=await republish_state(database, settings.process.clock()))
