"""Builds the simulator by hand."""

from functools import partial

from fastapi import FastAPI

from simulator import admin, around, oidc, pages
from simulator.calls import Desk
from simulator.clock import Clocks
from simulator.freeagent import admin as freeagent_admin
from simulator.freeagent import oauth as freeagent_oauth
from simulator.freeagent import routes as freeagent_routes
from simulator.freeagent import seed as freeagent_seed
from simulator.keys import SigningKey, signing_key
from simulator.practice import PracticeProvider, seed_what_is_empty
from simulator.quickbooks import admin as quickbooks_admin
from simulator.quickbooks import oauth as quickbooks_oauth
from simulator.quickbooks import routes as quickbooks_routes
from simulator.quickbooks import seed as quickbooks_seed
from simulator.sage import admin as sage_admin
from simulator.sage import oauth as sage_oauth
from simulator.sage import routes as sage_routes
from simulator.sage import seed as sage_seed
from simulator.settings import SimulatorSettings
from simulator.state import State, Tx
from simulator.xero import admin as xero_admin
from simulator.xero import oauth as xero_oauth
from simulator.xero import routes as xero_routes
from simulator.xero import seed as xero_seed


def create_app(settings: SimulatorSettings) -> FastAPI:
    """The whole simulator, with its state opened and, at the first start, filled."""
    state, clocks = State(settings.state_file), Clocks(settings.clock_offset_file)
    public_url = settings.public_url.rstrip("/")
    with state.transaction() as tx:
        key = signing_key(tx)
    providers = _providers(settings, public_url, key)

    def seed(tx: Tx) -> None:
        seed_what_is_empty(tx, providers, clocks.domain())

    with state.transaction() as tx:
        seed(tx)
    desk = Desk(state, clocks)
    issuer = oidc.Issuer(f"{public_url}/oidc", settings.oidc, key)

    app = FastAPI(title="Practice providers", docs_url="/sim/docs", redoc_url=None, openapi_url="/sim/openapi.json")
    books = {provider.name: provider.books for provider in providers}
    app.include_router(admin.router(state, clocks, books, issuer, seed))
    app.include_router(around.router)
    app.router.routes.append(pages.style_route())
    for provider in providers:
        app.router.routes += [*pages.routes(provider.face, state, clocks), *provider.routes(desk)]
    app.router.routes += oidc.routes(issuer, oidc.SignInPages(settings.oidc, state, clocks), desk)
    return app


def _providers(settings: SimulatorSettings, public_url: str, key: SigningKey) -> tuple[PracticeProvider, ...]:
    factor = settings.limits_factor
    xero = xero_oauth.XeroIdentity(settings.xero, f"{public_url}/xero", key, factor)
    intuit = quickbooks_oauth.IntuitIdentity(settings.quickbooks, f"{public_url}/quickbooks", key)
    sage = sage_oauth.SageIdentity(settings.sage)
    freeagent = freeagent_oauth.FreeAgentIdentity(settings.freeagent, factor)
    return (
        PracticeProvider(
            xero_oauth.login_face(settings.xero),
            xero_admin.BOOKS,
            xero_seed.seed,
            partial(xero_routes.routes, identity=xero, limits_factor=factor),
        ),
        PracticeProvider(
            quickbooks_oauth.login_face(settings.quickbooks),
            quickbooks_admin.BOOKS,
            quickbooks_seed.seed,
            partial(quickbooks_routes.routes, identity=intuit, limits_factor=factor),
        ),
        PracticeProvider(
            sage_oauth.login_face(settings.sage),
            sage_admin.BOOKS,
            sage_seed.seed,
            partial(sage_routes.routes, identity=sage, limits_factor=factor),
        ),
        PracticeProvider(
            freeagent_oauth.login_face(settings.freeagent),
            freeagent_admin.BOOKS,
            freeagent_seed.seed,
            partial(freeagent_routes.routes, identity=freeagent, limits_factor=factor),
        ),
    )
