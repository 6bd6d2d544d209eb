"""Builds publish-svc by hand."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2
from fastapi import FastAPI

import providers
from chassis import inbox, migrations, observe, run
from chassis.clock import Clock, SystemClock
from chassis.consume import Consumer
from chassis.database import Database
from chassis.http import create_app
from chassis.relay import Relay
from chassis.service_tokens import ServiceSigner
from publish_svc.api import routers
from publish_svc.clients import ConnectionService
from publish_svc.documents import HttpDocuments, resolve_by_dns
from publish_svc.domain.lane import Patience
from publish_svc.handlers import HANDLERS
from publish_svc.outgoing import SERVICE
from publish_svc.settings import Settings
from publish_svc.work.lanes import lane_loops
from publish_svc.work.tools import Tools

VERSION = "0.1.0"
_CALL = httpx2.Timeout(20, connect=5)


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
    """Hears, relays, and publishes what is due, until SIGTERM."""
    now, kafka = settings.process.clock(), settings.kafka.bootstrap_servers
    async with _database(settings) as database, httpx2.AsyncClient(timeout=_CALL, trust_env=False) as http:
        consumer = Consumer(SERVICE, database, kafka, HANDLERS, now, version=VERSION)
        health = create_app(SERVICE, version=VERSION, health={"database": database.ping, "consumer": consumer.is_ready})
        await run.serve(
            consumer,
            Relay(settings.database.direct.get_secret_value(), kafka),
            inbox.upkeep(database),
            *lane_loops(_tools(settings, database, http, now), settings.publishing.lanes),
            http=(health, settings.http.host, settings.http.port),
        )


async def migrate(settings: Settings) -> None:
    """Brings the database to the newest version."""
    observe.configure_logging(SERVICE, settings.process.log_level)
    await migrations.migrate(settings.database.direct.get_secret_value(), "publish_svc")


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


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    observe.configure_logging(SERVICE, settings.process.log_level)
    observe.trace_to(SERVICE, settings.process.otlp_endpoint)
    database = await Database.connect(settings.database.url.get_secret_value(), max_size=settings.database.max_size)
    try:
        yield database
    finally:
        await database.close()
