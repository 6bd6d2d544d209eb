"""`republish-state`: says every rule again; the relay of a worker sends it."""

import structlog

from list_svc.main import database_of
from list_svc.settings import Settings
from list_svc.work.say_rules_again import say_rules_again

_log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    async with database_of(settings) as database:
        _log.info("rules.said_again", rules=await say_rules_again(database, settings.process.clock()))
