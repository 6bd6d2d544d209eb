"""Builds notifier-svc by hand."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2
from fastapi import FastAPI

from chassis import inbox, migrations, observe, run
from chassis.consume import Consumer
from chassis.database import Database
from chassis.http import create_app
from chassis.relay import Relay
from chassis.service_tokens import ServiceSigner
from notifier_svc.api import notices
from notifier_svc.clients import ConnectionService, IdentitySystem
from notifier_svc.handlers import HANDLERS
from notifier_svc.mail import Mailer
from notifier_svc.settings import Settings
from notifier_svc.work import send_mail

SERVICE = "notifier-svc"
VERSION = "0.1.0"


async def api(settings: Settings) -> None:
    """Serves the HTTP API until SIGTERM."""
    async with _database(settings) as database:
        await run.serve(http=(build_app(settings, database), settings.http.host, settings.http.port))


def build_app(settings: Settings, database: Database) -> FastAPI:
    gate = settings.identity.gate(SERVICE)
    return create_app(
        SERVICE,
        version=VERSION,
        routers=[notices.router(database, gate, settings.process.clock())],
        health={"database": database.ping},
        gate=gate,
        database=database,
    )


async def worker(settings: Settings) -> None:
    """Hears, relays and sends mail, until SIGTERM."""
    now, kafka = settings.process.clock(), settings.kafka.bootstrap_servers
    async with _database(settings) as database, httpx2.AsyncClient() as http:
        consumer = Consumer(SERVICE, database, kafka, HANDLERS, now, version=VERSION)
        health = create_app(SERVICE, version=VERSION, health={"database": database.ping, "consumer": consumer.is_ready})
        await run.serve(
            consumer,
            Relay(settings.database.direct.get_secret_value(), kafka),
            inbox.upkeep(database),
            send_mail.loop(_mail_room(settings, database, http)),
            http=(health, settings.http.host, settings.http.port),
        )


async def migrate(settings: Settings) -> None:
    """Brings the database to the newest version."""
    observe.configure_logging(SERVICE, settings.process.log_level)
    await migrations.migrate(settings.database.direct.get_secret_value(), "notifier_svc")


def _mail_room(settings: Settings, database: Database, http: httpx2.AsyncClient) -> send_mail.MailRoom:
    signer = ServiceSigner(SERVICE, settings.identity.service_key.get_secret_value())
    return send_mail.MailRoom(
        database=database,
        clock=settings.process.clock(),
        people=IdentitySystem(settings.services.identity, http),
        connection_svc=ConnectionService(settings.services.connection, http, signer),
        mailer=Mailer(settings.mail.host, settings.mail.port, settings.mail.sender),
        holder=f"{socket.gethostname()}:{os.getpid()}",
        lease_time=timedelta(seconds=settings.mail.lease_seconds),
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
