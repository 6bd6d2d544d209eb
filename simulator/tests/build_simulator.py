"""Bills as clients write them, valid by default."""

from simulator.testing import Api


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
