"""Builds everything by hand; the only reader of settings."""

import os
import socket
from collections.abc import Awaitable, Callable
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
from chassis.settings import load
from providers import build

from sync_svc.api import refresh, status
from sync_svc.clients import ConnectionService
from sync_svc.domain.schedules import Pace
from sync_svc.handlers import handlers
from sync_svc.settings import Settings
from sync_svc.work.ask_due import ask_due
from sync_svc.work.read_lists import Reader
from sync_svc.work.republish_state import republish_state
from sync_svc.work.run_syncs import RunSyncs

SERVICE: Final = "sync-svc"
VERSION: Final = version(SERVICE)
RUNS_AT_ONCE: Final = 2
OWN_CALL_SECONDS: Final = 10


async def api(settings: Settings) -> None:
    """Serve the HTTP API until told to stop."""
    database = await _database(settings)
    now = clock.from_settings(settings.process.environment, settings.process.clock_offset_file)
    gate = _gate(settings)
    routers = [refresh.routes(gate, database, now, _pace(settings)), status.routes(gate, database, now)]
    app = create_app(
        "sync-svc", version=VERSION, health={"database": database.ping}, routers=routers, gate=gate, database=database
    )
    await serve(http=(app, settings.http.host, settings.http.port))
    await database.close()


async def worker(settings: Settings) -> None:
    """Hear, ask for what is due, read, and send, until told to stop."""
    database = await _database(settings)
    now = clock.from_settings(settings.process.environment, settings.process.clock_offset_file)
    pace = _pace(settings)
    signer = ServiceSigner(SERVICE, settings.identity.service_key.get_secret_value())
    timeout = settings.sync.provider_timeout_seconds
    async with httpx2.AsyncClient(timeout=OWN_CALL_SECONDS) as inside, httpx2.AsyncClient(timeout=timeout) as outside:
        reader = Reader(
            ConnectionService(inside, settings.connection_url, signer),
            build(settings.providers, outside),
            now,
            hash_key=settings.hash_key.get_secret_value().encode(),
            full_every=timedelta(days=settings.sync.full_every_days),
        )
        consumer = Consumer(
            SERVICE, database, settings.kafka.bootstrap_servers, handlers(interval=pace.interval), now, version=VERSION
        )
        await serve(
            Relay(settings.database.direct.get_secret_value(), settings.kafka.bootstrap_servers),
            consumer,
            inbox.upkeep(database),
            Loop("ask-due", lambda: ask_due(database, now, interval=pace.interval), every=timedelta(seconds=2)),
            *(
                Loop(f"run-syncs-{n}", _runner(database, now, reader, n), every=timedelta(seconds=0.5))
                for n in range(1, RUNS_AT_ONCE + 1)
            ),
            http=(
                create_app(
                    "sync-svc worker",
                    version=VERSION,
                    health={"database": database.ping, "consumer": consumer.is_ready},
                ),
                settings.http.host,
                settings.http.port,
            ),
        )
    await database.close()


async def migrate(settings: Settings) -> None:
    """Bring the database to this release's schema."""
    await migrations.migrate(settings.database.direct.get_secret_value(), "sync_svc")


async def republish(settings: Settings) -> None:
    """Say every list entry again; the worker's relay sends it."""
    database = await _database(settings)
    now = clock.from_settings(settings.process.environment, settings.process.clock_offset_file)
    count = await republish_state(database, now)
    structlog.get_logger(__name__).info("state.republished", entries=count)
    await database.close()


COMMANDS: Final[dict[str, Callable[[Settings], Awaitable[None]]]] = {
    "api": api,
    "worker": worker,
    "migrate": migrate,
    "republish-state": republish,
}


async def run(command: str) -> None:
    """One of COMMANDS, with the settings of the environment."""
    settings = load(Settings)
    observe.configure_logging(SERVICE, settings.process.log_level)
    observe.trace_to(SERVICE, settings.process.otlp_endpoint)
    await COMMANDS[command](settings)


def _runner(database: Database, now: clock.Clock, reader: Reader, number: int) -> Callable[[], Awaitable[bool]]:
    return RunSyncs(database, now, reader, holder=f"{socket.gethostname()}/{os.getpid()}/{number}").step


def _pace(settings: Settings) -> Pace:
    return Pace(timedelta(hours=settings.sync.interval_hours), timedelta(seconds=settings.sync.cool_down_seconds))


async def _database(settings: Settings) -> Database:
    return await Database.connect(settings.database.url.get_secret_value(), max_size=settings.database.max_size)


def _gate(settings: Settings) -> Gate:
    identity = settings.identity
    return Gate(
        SERVICE,
        identity.peers,
        identity.accepts,
        oidc_issuer=identity.oidc_issuer,
        oidc_jwks_url=identity.oidc_jwks_url,
    )
