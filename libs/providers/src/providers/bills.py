"""What the bills of several providers have in common."""

from providers.errors import Problem, Refused
from providers.models import Bill


def supplier_of(bill: Bill) -> str:
    """The supplier's id. A bill without one is refused before anything is sent."""
    if bill.supplier_id is None:
        raise Refused(Problem("supplier_missing", "supplier_id", f"{bill.supplier_name} is not known there yet"))
    return bill.supplier_id


def note_of(bill: Bill) -> str:
    """For providers that keep a free text: our reference alone on the first line, the whole number after it."""
    return f"{bill.reference}\nNumber: {bill.number}"


def is_noted(note: str | None, reference: str) -> bool:
    """The proof: our reference is the note's first line. People can edit the note, and nobody else writes this."""
    return str(note or "").split("\n", 1)[0].strip() == reference


def ending_of(number: str, *, limit: int) -> str:
    """What of a number fits. The end is kept: numbers of one supplier differ there."""
    return number[-limit:]
