"""Every address of practice QuickBooks Online."""

from starlette.routing import Route

from simulator.calls import METHODS, Answer, Call, Desk, Handler
from simulator.quickbooks import bills, files, lists, names
from simulator.quickbooks.formats import faults, unsupported
from simulator.quickbooks.gateway import FACE, guarded
from simulator.quickbooks.oauth import IntuitIdentity
from simulator.state import Tx

API = "/quickbooks/v3/company/{realm}"

DATA: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/query", lists.run_query),
    ("POST", "/query", lists.run_query),
    ("GET", "/cdc", lists.read_changes),
    ("GET", "/preferences", lists.read_preferences),
    ("POST", "/bill", bills.write_bill),
    ("POST", "/vendor", names.write_vendor),
    ("POST", "/customer", names.write_customer),
    ("POST", "/upload", files.upload),
    ("POST", "/attachable", files.write_attachable),
    ("GET", "/download/{id}", files.download_address),
    ("GET", "/{entity}/{id}", lists.read_one),
)


def routes(desk: Desk, identity: IntuitIdentity, *, limits_factor: int) -> list[Route]:
    found = [
        Route(API + path, desk.endpoint(FACE, guarded(handle, limits_factor=limits_factor)), methods=[method])
        for method, path, handle in DATA
    ]
    unguarded: list[tuple[str, str, Handler]] = [
        ("GET", "/.well-known/openid_configuration", identity.discovery),
        ("GET", "/.well-known/openid_configuration/", identity.discovery),
        ("GET", "/op/v1/jwks", identity.jwks),
        ("POST", "/oauth2/v1/tokens/bearer", identity.token),
        ("POST", "/v2/oauth2/tokens/revoke", identity.revoke),
        ("GET", "/v1/openid_connect/userinfo", identity.userinfo),
        ("GET", "/files/{realm}/{id}", files.serve_file),
    ]
    found += [
        Route("/quickbooks" + path, desk.endpoint(FACE, handle), methods=[method]) for method, path, handle in unguarded
    ]
    return [*found, Route("/quickbooks/{rest:path}", desk.endpoint(FACE, _unknown), methods=METHODS)]


def _unknown(call: Call, _tx: Tx) -> Answer:
    return faults(call.now, unsupported(f"{call.method} {call.path} is not imitated", status=404))
