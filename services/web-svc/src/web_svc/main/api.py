"""`api`: serves the pages until SIGTERM."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import httpx2
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from chassis.clock import SystemClock
from chassis.database import Database
from chassis.http import create_app
from chassis.observe import configure_logging, trace_to
from chassis.run import serve
from chassis.service_tokens import ServiceSigner
from chassis.tail import tail
from relink_contracts import decode
from web_svc.api import (
    change,
    comeback,
    connections,
    disconnect,
    events,
    inbox,
    integration_settings,
    links,
    mobile,
    problems,
    provider_buttons,
    reconnect,
    repairs,
    signin,
)
from web_svc.api.browser import Browser
from web_svc.api.site import Site
from web_svc.clients import Connections, Identity, Items, Rules, Service, Syncs
from web_svc.domain.health import ProvidersHealth
from web_svc.domain.people import Memberships
from web_svc.handlers import FROM_BEGINNING, HEARD, listener
from web_svc.live import Live
from web_svc.main import SERVICE
from web_svc.oidc import IdentityProvider
from web_svc.settings import Settings
from web_svc.store.sessions import StoredSessions

PAGES = (
    signin,
    inbox,
    comeback,  # before `connections`, whose `new/{provider}` would take its `new/organisation`
    reconnect,
    repairs,
    change,
    disconnect,
    integration_settings,
    connections,
    mobile,
    links,
    provider_buttons,
    events,
)
CALL_SECONDS = 10.0


def build_app(site: Site, health: Mapping[str, Callable[[], Awaitable[bool]]]) -> FastAPI:
    """The pages, ready while every check in `health` says so."""
    app = create_app(
        "Relink",
        version=version("web-svc"),
        health=health,
        routers=[each.router for each in PAGES],
    )
    app.state.site = site
    app.mount("/static", StaticFiles(directory=Path(__file__).parents[1] / "static"))
    problems.install(app)
    app.add_middleware(Browser, is_secure=site.is_secure)
    return app


def build_site(settings: Settings, database: Database) -> Site:
    signer = ServiceSigner(SERVICE, settings.identity.service_key.get_secret_value())
    process, addresses, sign_in = settings.process, settings.services, settings.sign_in
    public_url = settings.http.public_url.rstrip("/")

    # One for all: each would read the system's certificates anew, for 40 ms and a megabyte.
    trusted = httpx2.create_ssl_context()

    def client(address: str) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=address, timeout=CALL_SECONDS, verify=trusted)

    def service(name: str, address: str) -> Service:
        return Service(name, client(address), signer)

    return Site(
        public_url=public_url,
        environment=process.environment,
        session_lifetime=timedelta(hours=sign_in.session_hours),
        sessions=StoredSessions(database),
        memberships=Memberships(),
        connections=Connections(service("connection-svc", addresses.connection), SystemClock()),
        syncs=Syncs(service("sync-svc", addresses.sync)),
        rules=Rules(service("list-svc", addresses.list)),
        items=Items(service("publish-svc", addresses.publish)),
        identity=Identity(client(addresses.identity)),
        identity_provider=IdentityProvider(
            issuer=sign_in.issuer,
            inside_url=sign_in.inside_url,
            client_id=sign_in.client_id,
            client_secret=sign_in.client_secret.get_secret_value(),
            redirect_uri=f"{public_url}/sign-in/callback",
            transport=httpx2.AsyncHTTPTransport(verify=trusted),
        ),
        live=Live(),
        health=ProvidersHealth(),
        clock=process.clock(),
        system_clock=SystemClock(),
    )


async def run(settings: Settings) -> None:
    configure_logging(SERVICE, settings.process.log_level)
    # Its info lines hold whole addresses, and that of a reconnect link is a secret.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    trace_to(SERVICE, settings.process.otlp_endpoint)
    database = await Database.connect(settings.database.url.get_secret_value(), max_size=settings.database.max_size)
    site = build_site(settings, database)
    hear = listener(site.memberships, site.health, site.live)
    caught_up = asyncio.Event()
    listening = tail(
        settings.kafka.bootstrap_servers,
        HEARD,
        hear,
        decode=decode,
        from_beginning_topics=FROM_BEGINNING,
        caught_up=caught_up,
    )

    async def knows_who_belongs_where() -> bool:
        return caught_up.is_set()

    health = {"database": database.ping, "memberships": knows_who_belongs_where}
    await serve(listening, site.live, http=(build_app(site, health), settings.http.host, settings.http.port))
    await database.close()
