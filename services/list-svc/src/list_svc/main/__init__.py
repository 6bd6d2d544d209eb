"""Builds list-svc by hand, a module for each command. Here is what they share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from chassis import observe
from chassis.database import Database
from list_svc.settings import Settings

SERVICE: Final = "list-svc"
VERSION: Final = "0.1.0"


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
