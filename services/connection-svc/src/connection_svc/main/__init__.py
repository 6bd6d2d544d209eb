"""Builds connection-svc by hand, a module for each command. Here is what they share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

import httpx2

from chassis import observe
from chassis.database import Database
from connection_svc.settings import Settings
from connection_svc.store.sealing import Vault

SERVICE: Final = "connection-svc"
VERSION: Final = version(SERVICE)


def http_client() -> httpx2.AsyncClient:
    """What providers are called through."""
    return httpx2.AsyncClient(timeout=httpx2.Timeout(10, connect=5))


def vault_of(settings: Settings) -> Vault:
    return Vault(settings.key_ring.key_bytes(), current=settings.key_ring.current)


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
