"""Every address of practice FreeAgent, with the permission level that each asks for."""

from starlette.routing import Route

from simulator.calls import METHODS, Answer, Call, Desk, Handler
from simulator.freeagent import bills, contacts, lists
from simulator.freeagent.formats import API, refusal
from simulator.freeagent.gateway import FACE, guarded
from simulator.freeagent.oauth import FreeAgentIdentity
from simulator.state import Tx

CALLS: tuple[tuple[str, str, int, Handler], ...] = (
    ("GET", "/users/me", 1, lists.me),
    ("GET", "/company", 1, lists.company),
    ("GET", "/categories", 1, lists.categories),
    ("GET", "/contacts", 3, lists.read_all("contacts")),
    ("POST", "/contacts", 3, contacts.create),
    ("GET", "/contacts/{id}", 3, lists.read_one("contacts")),
    ("GET", "/projects", 3, lists.read_all("projects")),
    ("GET", "/projects/{id}", 3, lists.read_one("projects")),
    ("GET", "/bills", 5, lists.read_all("bills")),
    ("POST", "/bills", 5, bills.create),
    ("GET", "/bills/{id}", 5, lists.read_one("bills")),
    ("PUT", "/bills/{id}", 5, bills.change_one),
    ("GET", "/attachments/{id}", 5, bills.read_file),
    ("GET", "/bank_accounts", 6, lists.read_all("bank_accounts")),
    ("GET", "/bank_accounts/{id}", 6, lists.read_one("bank_accounts")),
)


def routes(desk: Desk, identity: FreeAgentIdentity, *, limits_factor: int) -> list[Route]:
    found = [
        Route(API + path, desk.endpoint(FACE, guarded(level, handle, limits_factor=limits_factor)), methods=[method])
        for method, path, level, handle in CALLS
    ]
    return [
        *found,
        Route(f"{API}/token_endpoint", desk.endpoint(FACE, identity.token), methods=["POST"]),
        Route("/freeagent/{rest:path}", desk.endpoint(FACE, _unknown), methods=METHODS),
    ]


def _unknown(_call: Call, _tx: Tx) -> Answer:
    return refusal(404, "Resource not found")
