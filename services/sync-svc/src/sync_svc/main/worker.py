"""`worker`: hears, asks for what is due, reads lists, and relays, until SIGTERM."""

import os
import socket
from datetime import timedelta
from typing import Final

import httpx2

from chassis import health, inbox
from chassis.clock import Clock
from chassis.consume import Consumer
from chassis.relay import Relay
from chassis.run import Loop, serve
from chassis.service_tokens import ServiceSigner
from providers import build
from sync_svc.clients import ConnectionService
from sync_svc.handlers import handlers
from sync_svc.main import SERVICE, VERSION, database_of, pace_of
from sync_svc.settings import Settings
from sync_svc.work import ask_due, republish_state
from sync_svc.work.read_lists import Reader
from sync_svc.work.run_syncs import RunSyncs

RUNS_AT_ONCE: Final = 2
OWN_CALL_SECONDS: Final = 30  # connection-svc may have to refresh the token first


async def run(settings: Settings) -> None:
    now, pace = settings.process.clock(), pace_of(settings)
    kafka, holder = settings.kafka.bootstrap_servers, f"{socket.gethostname()}/{os.getpid()}"
    trusted = httpx2.create_ssl_context()  # one for both: each would read the system's certificates anew
    inside = httpx2.AsyncClient(timeout=OWN_CALL_SECONDS, verify=trusted)
    outside = httpx2.AsyncClient(timeout=settings.sync.provider_timeout_seconds, verify=trusted)
    async with database_of(settings) as database, inside, outside:
        consumer = Consumer(SERVICE, database, kafka, handlers(interval=pace.interval), now, version=VERSION)
        app = health.create_app({"database": database.ping, "consumer": consumer.is_ready})
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
            http=(app, settings.http.host, settings.http.port),
        )


def _reader(settings: Settings, inside: httpx2.AsyncClient, outside: httpx2.AsyncClient, now: Clock) -> Reader:
    signer = ServiceSigner(SERVICE, settings.identity.service_key.get_secret_value())
    return Reader(
        ConnectionService(inside, settings.services.connection, signer),
        build(settings.providers, outside),
        now,
        hash_key=settings.hash_key.get_secret_value().encode(),
        full_every=timedelta(days=settings.sync.full_every_days),
    )
