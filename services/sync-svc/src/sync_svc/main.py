"""Builds sync-svc by hand."""

import os
import socket
from datetime import timedelta
from importlib.metadata import version
from typing import Final

import httpx2
import structlog

from chassis import clock, inbox, migrations, observe
from chassis.consume import Consumer
from chassis.database import Database
from chassis.http import create_app
from chassis.relay import Relay
from chassis.run import Loop, serve
from chassis.service_tokens import Gate, ServiceSigner
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
    database, now = await _database(settings), _clock(settings)
    identity = settings.identity
    gate = Gate(
        SERVICE,
        identity.peers,
        identity.accepts,
        oidc_issuer=identity.oidc_issuer,
        oidc_jwks_url=identity.oidc_jwks_url,
    )
    routers = [refresh.routes(gate, database, now, _pace(settings)), status.routes(gate, database, now)]
    health = {"database": database.ping}
    app = create_app(SERVICE, version=VERSION, routers=routers, health=health, gate=gate, database=database)
    try:
        await serve(http=(app, settings.http.host, settings.http.port))
    finally:
        await database.close()


async def worker(settings: Settings) -> None:
    """Hears, asks for what is due, reads lists, and relays, until SIGTERM."""
    database, now, pace = await _database(settings), _clock(settings), _pace(settings)
    kafka, holder = settings.kafka.bootstrap_servers, f"{socket.gethostname()}/{os.getpid()}"
    consumer = Consumer(SERVICE, database, kafka, handlers(interval=pace.interval), now, version=VERSION)
    health = create_app(SERVICE, version=VERSION, health={"database": database.ping, "consumer": consumer.is_ready})
    inside = httpx2.AsyncClient(timeout=OWN_CALL_SECONDS)
    outside = httpx2.AsyncClient(timeout=settings.sync.provider_timeout_seconds)
    async with inside, outside:
        reader = _reader(settings, inside, outside, now)
        runners = [RunSyncs(database, now, reader, holder=f"{holder}/{n}") for n in range(RUNS_AT_ONCE)]
        try:
            await serve(
                consumer,
                Relay(settings.database.direct.get_secret_value(), kafka),
                inbox.upkeep(database),
                ask_due.loop(database, now, interval=pace.interval),
                republish_state.weekly(database, now, holder=holder),
                *(Loop("run-syncs", runner.step, every=timedelta(seconds=0.5)) for runner in runners),
                http=(health, settings.http.host, settings.http.port),
            )
        finally:
            await database.close()


async def migrate(settings: Settings) -> None:
    """Brings the database to the newest version."""
    _observe(settings)
    await migrations.migrate(settings.database.direct.get_secret_value(), "sync_svc")


async def say_state_again(settings: Settings) -> None:
    """Says every list entry again; the relay of a worker sends it."""
    database = await _database(settings)
    try:
        _log.info("entries.said_again", entries=await republish_state.republish_state(database, _clock(settings)))
    finally:
        await database.close()


def _reader(settings: Settings, inside: httpx2.AsyncClient, outside: httpx2.AsyncClient, now: clock.Clock) -> Reader:
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


def _observe(settings: Settings) -> None:
    observe.configure_logging(SERVICE, settings.process.log_level)
    observe.trace_to(SERVICE, settings.process.otlp_endpoint)


def _clock(settings: Settings) -> clock.Clock:
    return clock.from_settings(settings.process.environment, settings.process.clock_offset_file)


async def _database(settings: Settings) -> Database:
    _observe(settings)
    return await Database.connect(settings.database.url.get_secret_value(), max_size=settings.database.max_size)
