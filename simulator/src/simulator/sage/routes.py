"""Every address of practice Sage Accounting."""

from starlette.routing import Route

from simulator.calls import METHODS, Answer, Call, Desk, Handler
from simulator.sage import contacts, files, invoices, lists
from simulator.sage.formats import API, NOT_FOUND, errors
from simulator.sage.gateway import FACE, guarded
from simulator.sage.oauth import SageIdentity
from simulator.state import Tx

OF_A_BUSINESS: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/financial_settings", lists.financial_settings),
    ("POST", "/contacts", contacts.create),
    ("POST", "/purchase_invoices", invoices.create),
    ("POST", "/attachments", files.create),
    *(("GET", f"/{kind}", lists.read_all(kind)) for kind in lists.FILTERS),
    *(("GET", f"/{kind}/{{id}}", lists.read_one(kind)) for kind in lists.FILTERS),
)
OF_A_PERSON: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/businesses", lists.businesses),
    ("GET", "/businesses/lead", lists.lead_business),
    ("GET", "/businesses/{id}", lists.business),
)


def routes(desk: Desk, identity: SageIdentity, *, limits_factor: int) -> list[Route]:
    def route(path: str, method: str, handle: Handler) -> Route:
        return Route(path, desk.endpoint(FACE, handle), methods=[method])

    calls = [(call, True) for call in OF_A_BUSINESS] + [(call, False) for call in OF_A_PERSON]
    return [
        *(
            route(API + path, method, guarded(handle, limits_factor=limits_factor, of_a_business=of_a_business))
            for (method, path, handle), of_a_business in calls
        ),
        route("/sage/token", "POST", identity.token),
        route("/sage/revoke", "POST", identity.revoke),
        Route("/sage/{rest:path}", desk.endpoint(FACE, _unknown), methods=METHODS),
    ]


def _unknown(_call: Call, _tx: Tx) -> Answer:
    return errors(404, [NOT_FOUND])
