"""A bill as Xero's ACCPAY invoice, and the proof that one is ours."""

from typing import Any

from providers.bills import supplier_of
from providers.http import json_number
from providers.models import Bill, Destination, Line
from providers.xero.lists import account_code_of

STATUS = {
    Destination.DRAFT: "DRAFT",
    Destination.AWAITING_APPROVAL: "SUBMITTED",
    Destination.AWAITING_PAYMENT: "AUTHORISED",
}
# `Url` is the one field of an ACCPAY invoice that is kept, unused by people and not unique:
# `InvoiceNumber` is the supplier's, `Reference` exists on sales invoices only. It has to be a URL.
REFERENCE_BASE = "https://relink.invalid/"


def invoice_of(bill: Bill) -> dict[str, Any]:
    """The invoice to send. Only the contact's id goes along: a name would match, create or change a contact."""
    invoice = {
        "Type": "ACCPAY",
        "Contact": {"ContactID": supplier_of(bill)},
        "InvoiceNumber": bill.number,
        "Url": reference_url(bill.reference),
        "Date": bill.date.isoformat(),
        "CurrencyCode": bill.currency,
        "Status": STATUS[bill.destination],
        "LineAmountTypes": "Exclusive",
        "LineItems": [_line_item(line) for line in bill.lines],
    }
    return invoice | ({"DueDate": bill.due_date.isoformat()} if bill.due_date else {})


def is_ours(invoice: dict[str, Any], reference: str) -> bool:
    """The proof: a bill whose `Url` is made of our reference. Nobody else writes such an address."""
    return invoice.get("Type") == "ACCPAY" and invoice.get("Url") == reference_url(reference)


def reference_url(reference: str) -> str:
    return REFERENCE_BASE + reference


def _line_item(line: Line) -> dict[str, Any]:
    item = {
        "Description": line.description,
        "Quantity": 1,
        "UnitAmount": json_number(line.amount),
        "AccountCode": account_code_of(line.account_id),
    }
    return item | ({"TaxType": line.tax_rate_id} if line.tax_rate_id else {})
