"""`worker`: hears, relays, and publishes what is due, until SIGTERM."""

import os
import socket
from datetime import timedelta

import httpx2

import providers
from chassis import health, inbox
from chassis.clock import Clock, SystemClock
from chassis.consume import Consumer
from chassis.database import Database
from chassis.relay import Relay
from chassis.run import serve
from chassis.service_tokens import ServiceSigner
from publish_svc.clients import ConnectionService
from publish_svc.documents import HttpDocuments, resolve_by_dns
from publish_svc.domain.lane import Patience
from publish_svc.handlers import HANDLERS
from publish_svc.main import SERVICE, VERSION, database_of
from publish_svc.settings import Settings
from publish_svc.work.lanes import lane_loops
from publish_svc.work.tools import Tools

_CALL = httpx2.Timeout(20, connect=5)


async def run(settings: Settings) -> None:
    now, kafka = settings.process.clock(), settings.kafka.bootstrap_servers
    async with database_of(settings) as database, httpx2.AsyncClient(timeout=_CALL, trust_env=False) as http:
        consumer = Consumer(SERVICE, database, kafka, HANDLERS, now, version=VERSION)
        app = health.create_app({"database": database.ping, "consumer": consumer.is_ready})
        await serve(
            consumer,
            Relay(settings.database.direct.get_secret_value(), kafka),
            inbox.upkeep(database),
            *lane_loops(_tools(settings, database, http, now), settings.publishing.lanes),
            http=(app, settings.http.host, settings.http.port),
        )


def _tools(settings: Settings, database: Database, http: httpx2.AsyncClient, now: Clock) -> Tools:
    adapters = providers.build(settings.providers, http)
    signer = ServiceSigner(SERVICE, settings.identity.service_key.get_secret_value())
    margins = {name: adapter.facts.access_margin for name, adapter in adapters.items()}
    return Tools(
        database=database,
        tokens=ConnectionService(http, settings.services.connection, signer, clock=now, margins=margins),
        documents=HttpDocuments(
            http,
            allowed_origins=settings.documents.allowed_origins,
            max_bytes=settings.documents.max_bytes,
            resolve=resolve_by_dns,
        ),
        providers=adapters,
        clock=now,
        wall=SystemClock(),
        worker=f"{socket.gethostname()}/{os.getpid()}",
        patience=Patience(),
        write_deadline=timedelta(seconds=settings.publishing.write_deadline_seconds),
        lease_time=timedelta(seconds=settings.publishing.lease_seconds),
    )
