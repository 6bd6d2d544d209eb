"""Builds list-svc by hand."""

import structlog
from fastapi import FastAPI

from chassis import clock, inbox, migrations, observe, run
from chassis.consume import Consumer
from chassis.database import Database
from chassis.http import create_app
from chassis.relay import Relay
from chassis.service_tokens import Gate
from list_svc.api import routers
from list_svc.handlers import HANDLERS
from list_svc.settings import Settings
from list_svc.work.say_rules_again import say_rules_again, weekly

SERVICE = "list-svc"
VERSION = "0.1.0"

_log = structlog.get_logger(__name__)


async def api(settings: Settings) -> None:
    """Serves the HTTP API until SIGTERM."""
    _observe(settings)
    database = await _database(settings)
    try:
        app = build_app(settings, database)
        await run.serve(http=(app, settings.http.host, settings.http.port))
    finally:
        await database.close()


def build_app(settings: Settings, database: Database) -> FastAPI:
    identity = settings.identity
    gate = Gate(
        SERVICE,
        identity.peers,
        identity.accepts,
        oidc_issuer=identity.oidc_issuer,
        oidc_jwks_url=identity.oidc_jwks_url,
    )
    return create_app(
        SERVICE,
        version=VERSION,
        routers=routers(database, gate, _clock(settings)),
        health={"database": database.ping},
        gate=gate,
        database=database,
    )


async def worker(settings: Settings) -> None:
    """Hears, relays, and says the rules again, until SIGTERM."""
    _observe(settings)
    database = await _database(settings)
    now = _clock(settings)
    try:
        consumer = Consumer(SERVICE, database, settings.kafka.bootstrap_servers, HANDLERS, now, version=VERSION)
        health = create_app(SERVICE, version=VERSION, health={"database": database.ping, "consumer": consumer.is_ready})
        await run.serve(
            consumer,
            Relay(settings.database.direct.get_secret_value(), settings.kafka.bootstrap_servers),
            inbox.upkeep(database),
            weekly(database, now),
            http=(health, settings.http.host, settings.http.port),
        )
    finally:
        await database.close()


async def migrate(settings: Settings) -> None:
    """Brings the database to the newest version."""
    _observe(settings)
    await migrations.migrate(settings.database.direct.get_secret_value(), "list_svc")


async def republish_state(settings: Settings) -> None:
    """Says every rule again; the relay of a worker sends it."""
    _observe(settings)
    database = await _database(settings)
    try:
        _log.info("rules.said_again", rules=await say_rules_again(database, _clock(settings)))
    finally:
        await database.close()


def _observe(settings: Settings) -> None:
    observe.configure_logging(SERVICE, settings.process.log_level)
    observe.trace_to(SERVICE, settings.process.otlp_endpoint)


def _clock(settings: Settings) -> clock.Clock:
    return clock.from_settings(settings.process.environment, settings.process.clock_offset_file)


async def _database(settings: Settings) -> Database:
    return await Database.connect(settings.database.url.get_secret_value(), max_size=settings.database.max_size)
