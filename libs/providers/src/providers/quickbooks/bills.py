"""A bill as QuickBooks' Bill."""

from typing import Any

from providers.bills import ending_of, note_of, supplier_of
from providers.http import json_number
from providers.models import Bill, Line

LONGEST_NUMBER = 21


def document_of(bill: Bill) -> dict[str, Any]:
    """The Bill to send. QuickBooks has no drafts: it is posted at once, whatever the destination."""
    document: dict[str, Any] = {
        "VendorRef": {"value": supplier_of(bill)},
        "TxnDate": bill.date.isoformat(),
        "DocNumber": short_number(bill.number),
        "PrivateNote": note_of(bill),
        "CurrencyRef": {"value": bill.currency},
        "Line": [_line(line) for line in bill.lines],
    }
    if bill.due_date:
        document["DueDate"] = bill.due_date.isoformat()
    if any(line.tax_rate_id for line in bill.lines):  # US companies have no purchase tax and refuse the field
        document["GlobalTaxCalculation"] = "TaxExcluded"
    return document


def short_number(number: str) -> str:
    """What fits into DocNumber."""
    return ending_of(number, limit=LONGEST_NUMBER)


def _line(line: Line) -> dict[str, Any]:
    detail: dict[str, Any] = {"AccountRef": {"value": line.account_id}}
    if line.tax_rate_id:
        detail["TaxCodeRef"] = {"value": line.tax_rate_id}
    return {
        "DetailType": "AccountBasedExpenseLineDetail",
        "Amount": json_number(line.amount),
        "Description": line.description,
        "AccountBasedExpenseLineDetail": detail,
    }
