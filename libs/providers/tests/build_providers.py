"""Valid by default: providers whose answers a test writes down, grants, bills."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx2

from providers import ProviderSettings
from providers.freeagent.adapter import FreeAgent
from providers.models import Access, Bill, Document, Grant, Line
from providers.quickbooks.adapter import QuickBooks
from providers.sage.adapter import Sage
from providers.xero.adapter import Xero

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
TENANT = "11111111-2222-3333-4444-555555555555"
REALM = "9130350000000001"
BUSINESS = "7a1c4e0f92b84d6fa35e0c1d8b964271"
COMPANY = "4100001"
ACCESS = Access("an-access-token", TENANT)
BUSINESS_ACCESS = Access("an-access-token", BUSINESS)
COMPANY_ACCESS = Access("an-access-token", COMPANY)
REALM_ACCESS = Access("an-access-token", REALM)
PDF = Document("bill.pdf", "application/pdf", b"%PDF-1.4 a bill")

SETTINGS = ProviderSettings.model_validate(
    {
        "xero": {
            "authorize_url": "http://xero.test/authorize",
            "token_url": "http://xero.test/connect/token",
            "revoke_url": "http://xero.test/connect/revocation",
            "connections_url": "http://xero.test/connections",
            "api_url": "http://xero.test/api.xro/2.0",
            "client_id": "relink-xero",
            "client_secret": "a-client-secret",
        },
        "quickbooks": {
            "authorize_url": "http://quickbooks.test/authorize",
            "token_url": "http://quickbooks.test/tokens/bearer",
            "revoke_url": "http://quickbooks.test/tokens/revoke",
            "api_url": "http://quickbooks.test/v3",
            "client_id": "relink-quickbooks",
            "client_secret": "a-client-secret",
        },
        "sage": {
            "authorize_url": "http://sage.test/central?filter=apiv3.1",
            "token_url": "http://sage.test/token",
            "revoke_url": "http://sage.test/revoke",
            "api_url": "http://sage.test/v3.1",
            "client_id": "relink-sage",
            "client_secret": "a-client-secret",
        },
        "freeagent": {
            "authorize_url": "http://freeagent.test/v2/approve_app",
            "token_url": "http://freeagent.test/v2/token_endpoint",
            "api_url": "http://freeagent.test/v2",
            "client_id": "relink-freeagent",
            "client_secret": "a-client-secret",
        },
    }
)

Answer = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]


class Practice:
    """A provider that gives the written answers, one per call and path, the last one for ever, and keeps the calls."""

    def __init__(self, **answers: Answer | list[Answer]) -> None:
        self.calls: list[httpx2.Request] = []
        self._answers = {path: list(given) if isinstance(given, list) else [given] for path, given in answers.items()}
        self.http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))

    @property
    def xero(self) -> Xero:
        return Xero(SETTINGS.xero, self.http)

    @property
    def quickbooks(self) -> QuickBooks:
        return QuickBooks(SETTINGS.quickbooks, self.http)

    @property
    def sage(self) -> Sage:
        return Sage(SETTINGS.sage, self.http)

    @property
    def freeagent(self) -> FreeAgent:
        return FreeAgent(SETTINGS.freeagent, self.http)

    def sent(self, index: int = -1) -> Any:
        """The JSON body of a call."""
        return json.loads(self.calls[index].content)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.calls.append(request)
        path = request.url.path.lower()
        # What ends like this comes before what only contains it.
        ending = (name for name in self._answers if path.endswith(f"/{name.lower()}"))
        name = next(ending, None) or next(name for name in self._answers if f"/{name.lower()}" in path)
        answers = self._answers[name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx2.Response) else answer(request)


class Endless:
    """An answer of 100 MB, or one that never ends; `sent` counts what was taken of it."""

    def __init__(self, *, pause: float = 0) -> None:
        self.pause, self.sent = pause, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.sent < 100_000_000:
            await asyncio.sleep(self.pause)
            self.sent += 1_000_000
            yield b" " * 1_000_000


def ok(body: Any) -> httpx2.Response:
    return httpx2.Response(200, json=body)


def soon() -> float:
    return time.monotonic() + 30


def a_grant(**changes: Any) -> Grant:
    grant = Grant("an-access-token", "a-refresh-token", NOON, None, (), None, "a-login")
    return replace(grant, **changes)


def a_bill(**changes: Any) -> Bill:
    bill = Bill(
        reference="itm_0192/1",
        supplier_id="supplier-7",
        supplier_name="Office Supplies Ltd",
        number="INV-2026-0042",
        date=date(2026, 11, 1),
        due_date=date(2026, 11, 30),
        currency="GBP",
        lines=(Line("Paper", Decimal("120.45"), "429", "INPUT2"),),
    )
    return replace(bill, **changes)


def an_invoice(**changes: Any) -> dict[str, Any]:
    """A bill as Xero gives it back."""
    return {
        "InvoiceID": "invoice-1",
        "Type": "ACCPAY",
        "Url": "https://relink.invalid/itm_0192/1",
        "HasErrors": False,
        "StatusAttributeString": "OK",
    } | changes


def invoices(*found: dict[str, Any]) -> httpx2.Response:
    return ok({"Invoices": list(found), "pagination": {"page": 1, "pageSize": 100, "pageCount": 1, "itemCount": 1}})


def rows(entity: str, *found: dict[str, Any]) -> httpx2.Response:
    """A page of a QuickBooks query; an empty one names no entity."""
    return ok({"QueryResponse": {entity: list(found)} if found else {}, "time": "2026-11-02T04:00:00.000-08:00"})


def fault(code: str, message: str, detail: str = "", *, status: int = 400, gateway: bool = False) -> httpx2.Response:
    if gateway:
        error = {"message": message, "detail": detail, "code": code, "element": None}
        return httpx2.Response(status, json={"warnings": None, "fault": {"error": [error], "type": "SERVICE"}})
    error = {"Message": message, "Detail": detail, "code": code, "element": ""}
    return httpx2.Response(status, json={"Fault": {"Error": [error], "type": "ValidationFault"}})


def validation(message: str) -> httpx2.Response:
    element = {"ValidationErrors": [{"Message": message}], "HasErrors": True}
    body = {"ErrorNumber": 10, "Type": "ValidationException", "Message": "A validation exception occurred"}
    return httpx2.Response(400, json=body | {"Elements": [element]})


def sage_page(*items: dict[str, Any], more: bool = False) -> httpx2.Response:
    return ok({"$total": len(items), "$page": 1, "$next": "/x?page=2" if more else None, "$items": list(items)})


def sage_error(status: int, code: str, message: str, source: str = "") -> httpx2.Response:
    error = {"$severity": "error", "$dataCode": code, "$message": message, "$source": source}
    return httpx2.Response(status, json=[error])


def company(company_id: str = COMPANY) -> httpx2.Response:
    """FreeAgent's, which the token opens."""
    body = {"id": int(company_id), "name": "Demo Trading Ltd", "currency": "GBP", "sales_tax_rates": ["20.0", "0.0"]}
    return ok({"company": body})


def freeagent_rows(name: str, *rows: dict[str, Any], more: bool = False) -> httpx2.Response:
    links = {"Link": '<http://freeagent.test/v2/x?page=2>; rel="next"'} if more else {}
    return httpx2.Response(200, json={name: list(rows)}, headers=links)


def freeagent_refusal(*sentences: str, status: int = 422) -> httpx2.Response:
    messages = [{"message": sentence} for sentence in sentences]
    return httpx2.Response(status, json={"errors": {"error": messages[0]} if len(messages) == 1 else messages})


def gateway(status: int, detail: str) -> httpx2.Response:
    return httpx2.Response(status, json={"Type": None, "Title": "Forbidden", "Status": status, "Detail": detail})
