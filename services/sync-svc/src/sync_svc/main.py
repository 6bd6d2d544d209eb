"""Builds sync-svc by hand."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import Final

import httpx2
import structlog

from chassis import inbox, migrations, observe
from chassis.clock import Clock
from chassis.consume import Consumer
from chassis.database import Database
from chassis.http import create_app
from chassis.relay import Relay
from chassis.run import Loop, serve
from chassis.service_tokens import ServiceSigner
from providers import build
from sync_svc.api import refresh, status
from sync_svc.clients import ConnectionService
from sync_svc.domain.schedules import Pace
from sync_svc.handlers import handlers
from sync_svc.settings import Settings
from sync_svc.work import ask_due, republish_state
from sync_svc.work.read_lists import Reader
from sync_svc.work.run_syncs import RunSyncs

SERVICE: Final = "sync-svc"
VERSION: Final = version(SERVICE)
RUNS_AT_ONCE: Final = 2
OWN_CALL_SECONDS: Final = 30  # connection-svc may have to refresh the token first

_log = structlog.get_logger(__name__)


async def api(settings: Settings) -> None:
    """Serves the HTTP API until SIGTERM."""
    now, gate = settings.process.clock(), settings.identity.gate(SERVICE)
    async with _database(settings) as database:
        routers = [refresh.routes(gate, database, now, _pace(settings)), status.routes(gate, database, now)]
        health = {"database": database.ping}
        app = create_app(SERVICE, version=VERSION, routers=routers, health=health, gate=gate, database=database)
        await serve(http=(app, settings.http.host, settings.http.port))


async def worker(settings: Settings) -> None:
    """Hears, asks for what is due, reads lists, and relays, until SIGTERM."""
    now, pace = settings.process.clock(), _pace(settings)
    kafka, holder = settings.kafka.bootstrap_servers, f"{socket.gethostname()}/{os.getpid()}"
    inside = httpx2.AsyncClient(timeout=OWN_CALL_SECONDS)
    outside = httpx2.AsyncClient(timeout=settings.sync.provider_timeout_seconds)
    async with _database(settings) as database, inside, outside:
        consumer = Consumer(SERVICE, database, kafka, handlers(interval=pace.interval), now, version=VERSION)
        health = create_app(SERVICE, version=VERSION, health={"database": database.ping, "consumer": consumer.is_ready})
        reader = _reader(settings, inside, outside, now)
        lease_time = timedelta(seconds=settings.sync.lease_seconds)
        runners = [
            RunSyncs(database, now, reader, holder=f"{holder}/{n}", lease_time=lease_time) for n in range(RUNS_AT_ONCE)
        ]
        await serve(
            consumer,
            Relay(settings.database.direct.get_secret_value(), kafka),
            inbox.upkeep(database),
            ask_due.loop(database, now, interval=pace.interval),
            republish_state.weekly(database, now, holder=holder),
            *(Loop("run-syncs", runner.step, every=timedelta(seconds=0.5)) for runner in runners),
            http=(health, settings.http.host, settings.http.port),
        )


async def migrate(settings: Settings) -> None:
    """Brings the database to the newest version."""
    observe.configure_logging(SERVICE, settings.process.log_level)
    await migrations.migrate(settings.database.direct.get_secret_value(), "sync_svc")


async def say_state_again(settings: Settings) -> None:
    """Says every list entry again; the relay of a worker sends it."""
    async with _database(settings) as database:
        entries = await republish_state.republish_state(database, settings.process.clock())
        _log.info("entries.said_again", entries=entries)


def _reader(settings: Settings, inside: httpx2.AsyncClient, outside: httpx2.AsyncClient, now: Clock) -> Reader:
    signer = ServiceSigner(SERVICE, settings.identity.service_key.get_secret_value())
    return Reader(
        ConnectionService(inside, settings.services.connection, signer),
        build(settings.providers, outside),
        now,
        hash_key=settings.hash_key.get_secret_value().encode(),
        full_every=timedelta(days=settings.sync.full_every_days),
    )


def _pace(settings: Settings) -> Pace:
    return Pace(timedelta(hours=settings.sync.interval_hours), timedelta(seconds=settings.sync.cool_down_seconds))


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    observe.configure_logging(SERVICE, settings.process.log_level)
    observe.trace_to(SERVICE, settings.process.otlp_endpoint)
    database = await Database.connect(settings.database.url.get_secret_value(), max_size=settings.database.max_size)
    try:
        yield database
    finally:
        await database.close()
