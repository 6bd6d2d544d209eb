"""`worker`: hears, relays and sends mail, until SIGTERM."""

import os
import socket
from datetime import timedelta

import httpx2

from chassis import health, inbox
from chassis.consume import Consumer
from chassis.database import Database
from chassis.relay import Relay
from chassis.run import serve
from chassis.service_tokens import ServiceSigner
from notifier_svc.clients import ConnectionService, IdentitySystem
from notifier_svc.handlers import HANDLERS
from notifier_svc.mail import Mailer
from notifier_svc.main import SERVICE, VERSION, database_of
from notifier_svc.settings import Settings
from notifier_svc.work import send_mail


async def run(settings: Settings) -> None:
    now, kafka = settings.process.clock(), settings.kafka.bootstrap_servers
    async with database_of(settings) as database, httpx2.AsyncClient() as http:
        consumer = Consumer(SERVICE, database, kafka, HANDLERS, now, version=VERSION)
        app = health.create_app({"database": database.ping, "consumer": consumer.is_ready})
        await serve(
            consumer,
            Relay(settings.database.direct.get_secret_value(), kafka),
            inbox.upkeep(database),
            send_mail.loop(_mail_room(settings, database, http)),
            http=(app, settings.http.host, settings.http.port),
        )


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
