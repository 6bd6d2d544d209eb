"""Bills as clients write them, and a call as a handler sees it, valid by default."""

from dataclasses import replace
from datetime import UTC, datetime

from simulator.calls import Call
from simulator.testing import Api

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


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
