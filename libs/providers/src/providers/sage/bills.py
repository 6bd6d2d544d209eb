"""A bill as Sage's purchase invoice."""

import hashlib
from typing import Any

from providers.bills import ending_of, note_of, supplier_of
from providers.http import json_number
from providers.models import Bill, Line

LONGEST_NUMBER = 31


def invoice_of(bill: Bill, key: str) -> dict[str, Any]:
    """The invoice to send. It is posted at once, whatever the destination; one without a due date is due on its date.

    `vendor_reference` is the supplier's number, `notes` begin with our reference: `reference` is too short for it.
    """
    return {
        "contact_id": supplier_of(bill),
        "date": bill.date.isoformat(),
        "due_date": (bill.due_date or bill.date).isoformat(),
        "vendor_reference": ending_of(bill.number, limit=LONGEST_NUMBER),
        "notes": note_of(bill),
        "currency_id": bill.currency,
        "idempotency_id": idempotency_id(key),
        "invoice_lines": [_line(line) for line in bill.lines],
    }


def idempotency_id(key: str) -> str:
    """The key in the only form that Sage takes: 32 hexadecimal digits."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _line(line: Line) -> dict[str, Any]:
    shaped = {
        "description": line.description,
        "ledger_account_id": line.account_id,
        "quantity": 1,
        "unit_price": json_number(line.amount),
    }
    return shaped | ({"tax_rate_id": line.tax_rate_id} if line.tax_rate_id else {})
