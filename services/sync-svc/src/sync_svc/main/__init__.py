"""Builds sync-svc by hand, a module for each command. Here is what they share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import Final

from chassis import observe
from chassis.database import Database
from sync_svc.domain.schedules import Pace
from sync_svc.settings import Settings

SERVICE: Final = "sync-svc"
VERSION: Final = version(SERVICE)


def pace_of(settings: Settings) -> Pace:
    return Pace(timedelta(hours=settings.sync.interval_hours), timedelta(seconds=settings.sync.cool_down_seconds))


@asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[Database]:
    """The service's database, for as long as the process runs; before it, logs and traces."""
    observe.configure_logging(SERVICE, settings.process.log_level)
    observe.trace_to(SERVICE, settings.process.otlp_endpoint)
    database = await Database.connect(settings.database.url.get_secret_value(), max_size=settings.database.max_size)
    try:
        yield database
    finally:
        await database.close()
