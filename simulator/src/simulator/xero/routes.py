"""Every address of practice Xero."""

from starlette.routing import Route

from simulator.calls import METHODS, Desk, Handler
from simulator.xero import contacts, files, invoices, lists
from simulator.xero.formats import not_found
from simulator.xero.gateway import FACE, guarded
from simulator.xero.oauth import XeroIdentity

API = "/xero/api.xro/2.0"
INVOICE_FILES = "/Invoices/{id}/Attachments"

ACCOUNTING: tuple[tuple[str, str, str, Handler], ...] = (
    ("GET", "/Organisation", "accounting.settings", lists.organisation),
    ("GET", "/Organisations", "accounting.settings", lists.organisation),
    ("GET", "/Currencies", "accounting.settings", lists.currencies),
    ("GET", "/Users", "accounting.settings", lists.users),
    ("GET", "/TaxRates", "accounting.settings", lists.tax_rates),
    ("GET", "/TaxRates/{tax_type}", "accounting.settings", lists.tax_rates),
    *(("GET", f"/{plural}", "accounting.settings", lists.read_all(plural)) for plural in lists.LISTS),
    *(("GET", f"/{plural}/{{id}}", "accounting.settings", lists.read_one(plural)) for plural in lists.LISTS),
    ("GET", "/Contacts", "accounting.contacts", contacts.read_all),
    ("PUT", "/Contacts", "accounting.contacts", contacts.create),
    ("POST", "/Contacts", "accounting.contacts", contacts.create_or_update),
    ("GET", "/Contacts/{id}", "accounting.contacts", contacts.read_one),
    ("POST", "/Contacts/{id}", "accounting.contacts", contacts.create_or_update),
    ("GET", "/Invoices", "accounting.invoices", invoices.read_all),
    ("PUT", "/Invoices", "accounting.invoices", invoices.create),
    ("POST", "/Invoices", "accounting.invoices", invoices.create_or_update),
    ("GET", "/Invoices/{id}", "accounting.invoices", invoices.read_one),
    ("POST", "/Invoices/{id}", "accounting.invoices", invoices.create_or_update),
    ("GET", "/Invoices/{id}/History", "accounting.invoices", files.read_history),
    ("PUT", "/Invoices/{id}/History", "accounting.invoices", files.write_history),
    ("GET", INVOICE_FILES, "accounting.attachments", files.list_files),
    ("GET", f"{INVOICE_FILES}/{{file:path}}", "accounting.attachments", files.download),
    ("PUT", f"{INVOICE_FILES}/{{file:path}}", "accounting.attachments", files.upload),
    ("POST", f"{INVOICE_FILES}/{{file:path}}", "accounting.attachments", files.upload),
)
"""Method, path, the scope that writing needs, and who answers."""


def routes(desk: Desk, identity: XeroIdentity, *, limits_factor: int) -> list[Route]:
    found = [
        Route(API + path, desk.endpoint(FACE, guarded(scope, handle, limits_factor=limits_factor)), methods=[method])
        for method, path, scope, handle in ACCOUNTING
    ]
    identity_calls: list[tuple[str, str, Handler]] = [
        ("POST", "/connect/token", identity.token),
        ("POST", "/connect/revocation", identity.revoke),
        ("GET", "/connect/userinfo", identity.userinfo),
        ("GET", "/.well-known/openid-configuration", identity.discovery),
        ("GET", "/.well-known/openid-configuration/jwks", identity.jwks),
        # Clients write it in both letter cases.
        ("GET", "/connections", identity.connections),
        ("GET", "/Connections", identity.connections),
        ("DELETE", "/connections/{connection_id}", identity.disconnect),
        ("DELETE", "/Connections/{connection_id}", identity.disconnect),
    ]
    found += [
        Route("/xero" + path, desk.endpoint(FACE, handle), methods=[method]) for method, path, handle in identity_calls
    ]
    return [*found, Route("/xero/{rest:path}", desk.endpoint(FACE, lambda _call, _tx: not_found()), methods=METHODS)]
