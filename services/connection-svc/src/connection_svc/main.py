"""Builds connection-svc by hand; the only reader of its settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from uuid import uuid4

import httpx2
import structlog
from fastapi import FastAPI

import providers
from chassis import inbox, migrations, observe, run
from chassis.consume import Consumer
from chassis.database import Database
from chassis.http import create_app
from chassis.relay import Relay
from chassis.run import Loop
from connection_svc.api import (
    access_tokens,
    attempts,
    connection_settings,
    connections,
    disconnect,
    oauth,
    reconnect_links,
)
from connection_svc.api.confirm import Confirmations
from connection_svc.api.parts import Addresses, Parts
from connection_svc.handlers import HANDLERS
from connection_svc.settings import Settings
from connection_svc.store.sealing import Vault
from connection_svc.work.check_reported import check_reported
from connection_svc.work.end_attempts import end_attempts
from connection_svc.work.refresh_idle import refresh_idle
from connection_svc.work.remind import remind
from connection_svc.work.republish_state import republish_state as say_states_again
from connection_svc.work.republish_state import say_states_weekly
from connection_svc.work.token_keeper import TokenKeeper
from connection_svc.work.watch_consents import watch_consents

SERVICE = "connection-svc"
VERSION = version("connection-svc")
ROUTERS = (connections, connection_settings, attempts, disconnect, access_tokens, reconnect_links, oauth)

_log = structlog.get_logger(__name__)


async def api(settings: Settings) -> None:
    """Serves the HTTP API until SIGTERM."""
    async with _database(settings) as database, _http() as http:
        app = build_app(settings, database, http)
        await run.serve(http=(app, settings.http.host, settings.http.port))


def build_app(settings: Settings, database: Database, http: httpx2.AsyncClient) -> FastAPI:
    """The HTTP API on this database; providers are called through `http`."""
    now, vault, gate = settings.process.clock(), _vault(settings), settings.identity.gate(SERVICE)
    known = providers.build(settings.providers, http)
    parts = Parts(
        database=database,
        gate=gate,
        clock=now,
        vault=vault,
        providers=known,
        tokens=TokenKeeper(database, vault, known, now),
        confirmations=Confirmations(vault, settings.consent),
        addresses=Addresses(settings.http.public_url.rstrip("/"), settings.web_url.rstrip("/")),
        issuers=settings.issuers,
    )
    return create_app(
        SERVICE,
        version=VERSION,
        routers=[module.router(parts) for module in ROUTERS],
        health={"database": database.ping},
        gate=gate,
        database=database,
    )


async def worker(settings: Settings) -> None:
    """Hears, relays, and does what the clock starts, until SIGTERM."""
    async with _database(settings) as database, _http() as http:
        now, kafka = settings.process.clock(), settings.kafka.bootstrap_servers
        consumer = Consumer(SERVICE, database, kafka, HANDLERS, now, version=VERSION)
        health = create_app(SERVICE, version=VERSION, health={"database": database.ping, "consumer": consumer.is_ready})
        keeper = TokenKeeper(database, _vault(settings), providers.build(settings.providers, http), now)
        second, minute = timedelta(seconds=1), timedelta(minutes=1)
        await run.serve(
            consumer,
            Relay(settings.database.direct.get_secret_value(), kafka),
            inbox.upkeep(database),
            Loop("watch-consents", lambda: watch_consents(database, now), every=second),
            Loop("check-reported", lambda: check_reported(database, keeper, now), every=second),
            Loop("remind", lambda: remind(database, now), every=second),
            Loop("end-attempts", lambda: end_attempts(database, now), every=second),
            Loop("refresh-idle", lambda: refresh_idle(database, keeper, now), every=minute),
            Loop("say-states", lambda: say_states_weekly(database, now, holder=uuid4().hex), every=60 * minute),
            http=(health, settings.http.host, settings.http.port),
        )


async def migrate(settings: Settings) -> None:
    """Brings the database to the newest version."""
    observe.configure_logging(SERVICE, settings.process.log_level)
    await migrations.migrate(settings.database.direct.get_secret_value(), "connection_svc")


async def republish_state(settings: Settings) -> None:
    """Says every connection's state again; the relay of a worker sends it."""
    async with _database(settings) as database:
        _log.info("states.said_again", connections=await say_states_again(database, settings.process.clock()))


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    observe.configure_logging(SERVICE, settings.process.log_level)
    observe.trace_to(SERVICE, settings.process.otlp_endpoint)
    database = await Database.connect(settings.database.url.get_secret_value(), max_size=settings.database.max_size)
    try:
        yield database
    finally:
        await database.close()


def _http() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(timeout=httpx2.Timeout(10, connect=5))


def _vault(settings: Settings) -> Vault:
    return Vault(settings.key_ring.key_bytes(), current=settings.key_ring.current)
