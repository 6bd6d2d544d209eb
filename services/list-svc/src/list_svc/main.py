"""Builds list-svc by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI

from chassis import inbox, migrations, observe, run
from chassis.consume import Consumer
from chassis.database import Database
from chassis.http import create_app
from chassis.relay import Relay
from list_svc.api import routers
from list_svc.handlers import HANDLERS
from list_svc.settings import Settings
from list_svc.work.say_rules_again import say_rules_again, weekly

SERVICE = "list-svc"
VERSION = "0.1.0"

_log = structlog.get_logger(__name__)


async def api(settings: Settings) -> None:
    """Serves the HTTP API until SIGTERM."""
    async with _database(settings) as database:
        await run.serve(http=(build_app(settings, database), settings.http.host, settings.http.port))


def build_app(settings: Settings, database: Database) -> FastAPI:
    gate = settings.identity.gate(SERVICE)
    return create_app(
        SERVICE,
        version=VERSION,
        routers=routers(database, gate, settings.process.clock()),
        health={"database": database.ping},
        gate=gate,
        database=database,
    )


async def worker(settings: Settings) -> None:
    """Hears, relays, and says the rules again, until SIGTERM."""
    now, kafka = settings.process.clock(), settings.kafka.bootstrap_servers
    async with _database(settings) as database:
        consumer = Consumer(SERVICE, database, kafka, HANDLERS, now, version=VERSION)
        health = create_app(SERVICE, version=VERSION, health={"database": database.ping, "consumer": consumer.is_ready})
        await run.serve(
            consumer,
            Relay(settings.database.direct.get_secret_value(), kafka),
            inbox.upkeep(database),
            weekly(database, now),
            http=(health, settings.http.host, settings.http.port),
        )


async def migrate(settings: Settings) -> None:
    """Brings the database to the newest version."""
    observe.configure_logging(SERVICE, settings.process.log_level)
    await migrations.migrate(settings.database.direct.get_secret_value(), "list_svc")


async def republish_state(settings: Settings) -> None:
    """Says every rule again; the relay of a worker sends it."""
    async with _database(settings) as database:
        _log.info("rules.said_again", rules=await say_rules_again(database, settings.process.clock()))


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    observe.configure_logging(SERVICE, settings.process.log_level)
    observe.trace_to(SERVICE, settings.process.otlp_endpoint)
    database = await Database.connect(settings.database.url.get_secret_value(), max_size=settings.database.max_size)
    try:
        yield database
    finally:
        await database.close()
