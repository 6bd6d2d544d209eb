"""Builds the simulator by hand."""

from fastapi import FastAPI

from simulator import admin, around, oidc, pages
from simulator.calls import Desk
from simulator.clock import Clocks
from simulator.keys import signing_key
from simulator.quickbooks import admin as quickbooks_admin
from simulator.quickbooks import oauth as quickbooks_oauth
from simulator.quickbooks import routes as quickbooks_routes
from simulator.quickbooks import seed as quickbooks_seed
from simulator.settings import SimulatorSettings
from simulator.state import State, Tx
from simulator.xero import admin as xero_admin
from simulator.xero import oauth as xero_oauth
from simulator.xero import routes as xero_routes
from simulator.xero import seed as xero_seed


def create_app(settings: SimulatorSettings) -> FastAPI:
    """The whole simulator, with its state opened and, at the first start, filled."""
    state, clocks = State(settings.state_file), Clocks(settings.clock_offset_file)

    def seed(tx: Tx) -> None:
        xero_seed.seed(tx, at=clocks.domain())
        quickbooks_seed.seed(tx, at=clocks.domain())

    with state.transaction() as tx:
        key = signing_key(tx)
        if tx.execute("SELECT 1 FROM organisations").fetchone() is None:
            seed(tx)
    public_url, factor = settings.public_url.rstrip("/"), settings.limits_factor
    desk = Desk(state, clocks)
    issuer = oidc.Issuer(f"{public_url}/oidc", settings.oidc, key)
    xero = xero_oauth.XeroIdentity(settings.xero, f"{public_url}/xero", key, factor)
    quickbooks = quickbooks_oauth.IntuitIdentity(settings.quickbooks, f"{public_url}/quickbooks", key)

    app = FastAPI(title="Practice providers", docs_url="/sim/docs", redoc_url=None, openapi_url="/sim/openapi.json")
    books = {"xero": xero_admin.BOOKS, "quickbooks": quickbooks_admin.BOOKS}
    app.include_router(admin.router(state, clocks, books, issuer, seed))
    app.include_router(around.router)
    app.router.routes += [
        pages.style_route(),
        *pages.routes(xero_oauth.login_face(settings.xero), state, clocks),
        *pages.routes(quickbooks_oauth.login_face(settings.quickbooks), state, clocks),
        *xero_routes.routes(desk, xero, limits_factor=factor),
        *quickbooks_routes.routes(desk, quickbooks, limits_factor=factor),
        *oidc.routes(issuer, oidc.SignInPages(settings.oidc, state, clocks), desk),
    ]
    return app
