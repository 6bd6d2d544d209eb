"""A bill as FreeAgent's."""

from typing import Any

from providers.bills import note_of, supplier_of
from providers.errors import Problem, Refused
from providers.freeagent.ids import address_of
from providers.freeagent.lists import UNTAXED
from providers.models import Bill, Line

MOST_LINES = 40


def bill_of(bill: Bill, api_url: str) -> dict[str, Any]:
    """The bill to send. It is open at once, whatever the destination; one without a due date is due on its date.

    `reference` is the supplier's number, which FreeAgent wants to have, and `comments` begin with our reference.
    """
    supplier_id = supplier_of(bill)
    if len(bill.lines) > MOST_LINES:
        raise Refused(Problem("value_invalid", "lines", f"a bill takes {MOST_LINES} lines, this has {len(bill.lines)}"))
    return {
        "contact": address_of(api_url, "contacts", supplier_id),
        "reference": bill.number or bill.reference,
        "dated_on": bill.date.isoformat(),
        "due_on": (bill.due_date or bill.date).isoformat(),
        "currency": bill.currency,
        "comments": note_of(bill),
        "bill_items": [_item(line, api_url) for line in bill.lines],
    }


def _item(line: Line, api_url: str) -> dict[str, str]:
    """Without a tax rate FreeAgent takes the category's own."""
    item = {
        "category": address_of(api_url, "categories", line.account_id),
        "description": line.description,
        "total_value_ex_tax": str(line.amount),
    }
    if line.tax_rate_id in UNTAXED:
        return item | {"sales_tax_status": line.tax_rate_id}
    return item | ({"sales_tax_rate": line.tax_rate_id} if line.tax_rate_id else {})
