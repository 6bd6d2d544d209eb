"""A bill as QuickBooks' Bill, and the proof that one is ours."""

from typing import Any

from providers.errors import Problem, Refused
from providers.http import json_number
from providers.models import Bill, Line

LONGEST_NUMBER = 21


def document_of(bill: Bill) -> dict[str, Any]:
    """The Bill to send. QuickBooks has no drafts: it is posted at once, whatever the destination."""
    if bill.supplier_id is None:
        raise Refused(Problem("supplier_missing", "supplier_id", f"{bill.supplier_name} is no vendor yet"))
    document: dict[str, Any] = {
        "VendorRef": {"value": bill.supplier_id},
        "TxnDate": bill.date.isoformat(),
        "DocNumber": short_number(bill.number),
        "PrivateNote": private_note(bill),
        "CurrencyRef": {"value": bill.currency},
        "Line": [_line(line) for line in bill.lines],
    }
    if bill.due_date:
        document["DueDate"] = bill.due_date.isoformat()
    if any(line.tax_rate_id for line in bill.lines):  # US companies have no purchase tax and refuse the field
        document["GlobalTaxCalculation"] = "TaxExcluded"
    return document


def short_number(number: str) -> str:
    """What fits into DocNumber. The end is kept: numbers of one supplier differ there."""
    return number[-LONGEST_NUMBER:]


def private_note(bill: Bill) -> str:
    """Our reference alone on the first line, the whole number after it."""
    return f"{bill.reference}\nNumber: {bill.number}"


def is_ours(found: dict[str, Any], reference: str) -> bool:
    """The proof: our reference is the note's first line. People can edit the note, and nobody else writes this."""
    return str(found.get("PrivateNote") or "").split("\n", 1)[0].strip() == reference


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
