"""QuickBooks' faults in our words. Codes decide, never the fault's type or its text as a whole."""

from typing import Any

from providers.errors import Problem

CODES: dict[str, tuple[str, str | None]] = {
    "6240": ("duplicate", "supplier_name"),
    "6140": ("duplicate", "number"),
    "6210": ("period_locked", "date"),
    "6190": ("subscription_ended", None),
    "120": ("permission_missing", None),
    "3100": ("permission_missing", None),
}
# 2500 and 610 say only "invalid reference" and "not found": of what, one word of the detail tells.
UNKNOWN_REFERENCE = {"2500", "610"}
REFERENCES = (
    ("account", "category_missing", "account_id"),
    ("vendor", "supplier_missing", "supplier_id"),
    ("taxcode", "tax_mismatch", "tax_rate_id"),
    ("currency", "currency_unsupported", "currency"),
)
BUSINESS_RULE = "6000"
BROKEN = {"10000"}
"""Codes that say that QuickBooks failed, not that we did."""


def errors_in(body: Any) -> list[dict[str, Any]]:
    """The errors of a fault, with lower-case keys: the gateway writes `fault.error`, the data service `Fault.Error`."""
    if not isinstance(body, dict):
        return []
    fault = _lowered(body).get("fault")
    errors = _lowered(fault).get("error") if isinstance(fault, dict) else None
    return [_lowered(error) for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def problem_of(error: dict[str, Any]) -> Problem:
    """One error of a fault, its keys lowered."""
    code, detail = str(error.get("code") or ""), str(error.get("detail") or "")
    message = ": ".join(part for part in (str(error.get("message") or ""), detail) if part) or f"error {code}"
    if code in UNKNOWN_REFERENCE:
        said = f"{message} {error.get('element') or ''}".lower()
        for word, missing, of in REFERENCES:
            if word in said:
                return Problem(missing, of, message)
        return Problem("document_missing" if code == "610" else "value_invalid", None, message)
    if code == BUSINESS_RULE and "currency" in message.lower():
        return Problem("currency_unsupported", "currency", message)
    ours, field = CODES.get(code, ("value_invalid", str(error.get("element") or "") or None))
    return Problem(ours, field, message)


def _lowered(mapping: dict[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in mapping.items()}
