"""Values in the bodies of calls: money, dates, files."""

import base64
import binascii
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any


def amount_in(value: Any) -> Decimal | None:
    """A number, or a string that is one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def is_date(value: Any) -> bool:
    """Whether it is written as 2026-11-30."""
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def bytes_in(value: Any) -> bytes | None:
    """What base64 stands for; None for anything else."""
    try:
        return base64.b64decode(str(value or ""), validate=True)
    except binascii.Error:
        return None
