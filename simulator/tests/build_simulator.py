"""Bills as clients write them, and a call as a handler sees it, valid by default."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from simulator.calls import Call
from simulator.testing import KNOWN, Api

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


EACH = pytest.mark.parametrize(
    ("provider", "organisation"), [(name, known.organisation) for name, known in KNOWN.items()], ids=list(KNOWN)
)
"""A test of every provider, with the organisation that everybody expects."""


def a_supplier(api: Api) -> dict:
    """Some active contact of practice Xero."""
    return api.get("/Contacts", params={"page": "1", "pageSize": "1"}).json()["Contacts"][0]


def a_xero_bill(contact_id: str, **changes) -> dict:
    line = {"Description": "Paper", "Quantity": 2, "UnitAmount": 10.5, "AccountCode": "429", "TaxType": "INPUT2"}
    bill = {
        "Type": "ACCPAY",
        "Contact": {"ContactID": contact_id},
        "Date": "2026-11-01",
        "DueDate": "2026-11-30",
        "InvoiceNumber": "R-1",
        "LineAmountTypes": "Exclusive",
        "Status": "AUTHORISED",
        "LineItems": [line],
    }
    return {**bill, **changes}


def a_quickbooks_bill(**changes) -> dict:
    detail = {"AccountRef": {"value": "60"}, "TaxCodeRef": {"value": "1"}}
    line = {"DetailType": "AccountBasedExpenseLineDetail", "Amount": 100.1, "AccountBasedExpenseLineDetail": detail}
    bill = {
        "VendorRef": {"value": "1"},
        "TxnDate": "2026-11-01",
        "DueDate": "2026-11-30",
        "DocNumber": "R-1",
        "PrivateNote": "itm_1/1",
        "Line": [line],
    }
    return {**bill, **changes}


def a_sage_invoice(sage: Api, **changes) -> dict:
    """Coded with the first contact and the account of general expenses."""
    accounts = sage.get("/ledger_accounts", params={"attributes": "all", "items_per_page": "200"}).json()["$items"]
    contacts = sage.get("/contacts", params={"contact_type_id": "VENDOR"}).json()["$items"]
    line = {
        "description": "Paper",
        "ledger_account_id": next(one["id"] for one in accounts if one["nominal_code"] == 429),
        "quantity": 1,
        "unit_price": 100.1,
        "tax_rate_id": "GB_STANDARD",
    }
    invoice = {
        "contact_id": contacts[0]["id"],
        "date": "2026-11-01",
        "due_date": "2026-11-30",
        "vendor_reference": "R-1",
        "notes": "itm_1/1",
        "invoice_lines": [line],
    }
    return {"purchase_invoice": {**invoice, **changes}}


def a_freeagent_bill(freeagent: Api, **changes) -> dict:
    item = {
        "category": f"{freeagent.url}/categories/429",
        "description": "Paper",
        "total_value_ex_tax": "100.1",
        "sales_tax_rate": "20.0",
    }
    bill = {
        "contact": f"{freeagent.url}/contacts/1",
        "reference": "R-1",
        "dated_on": "2026-11-01",
        "due_on": "2026-11-30",
        "comments": "itm_1/1",
        "bill_items": [item],
    }
    return {"bill": {**bill, **changes}}


def a_call(**changes) -> Call:
    call = Call(
        provider="xero",
        method="PUT",
        path="/xero/api.xro/2.0/Invoices",
        parts={},
        query={},
        query_text="",
        headers={},
        body=b"{}",
        base_url="http://localhost",
        organisation="an-organisation",
        in_flight=1,
        now=NOON,
        system_now=NOON,
    )
    return replace(call, **changes)
