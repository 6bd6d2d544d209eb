"""Sage's errors in our words. `$dataCode` says what kind it is, the end of `$source` which field; sentences vary."""

from typing import Any

import httpx2

from providers.errors import Problem
from providers.http import parsed_if_json

CODES = {"MultiUserAccessDenied": "permission_missing", "RecordNotFound": "document_missing"}
FIELDS = {
    "ledger_account_id": ("category_missing", "account_id"),
    "tax_rate_id": ("tax_mismatch", "tax_rate_id"),
    "contact_id": ("supplier_missing", "supplier_id"),
    "currency_id": ("currency_unsupported", "currency"),
}
SUBSCRIPTION = "subscription"
LOCKDOWN = "lockdown"


def errors_in(response: httpx2.Response) -> list[dict[str, Any]]:
    """The errors of a refusal, at least one: an array as a rule, one object, or something that is no JSON."""
    body = parsed_if_json(response)
    errors = [one for one in (body if isinstance(body, list) else [body]) if isinstance(one, dict)]
    return errors or [{"$message": response.text[:500] or f"HTTP {response.status_code}"}]


def problem_of(error: dict[str, Any]) -> Problem:
    message, source = sentence_of(error), str(error.get("$source") or "").rpartition(".")[2]
    if SUBSCRIPTION in message.lower():
        return Problem("subscription_ended", None, message)
    if known := CODES.get(str(error.get("$dataCode"))):
        return Problem(known, None, message)
    if source == "date" and LOCKDOWN in message.lower():
        return Problem("period_locked", "date", message)
    code, field = FIELDS.get(source, ("value_invalid", source or None))
    return Problem(code, field, message)


def sentence_of(error: dict[str, Any]) -> str:
    """The error's sentence with the field it is about, since "This field is required." says little alone."""
    told = (str(error.get(name) or "") for name in ("$source", "$message"))
    return ": ".join(part for part in told if part) or str(error.get("$dataCode") or "no reason given")


def speaks_of_the_subscription(errors: list[dict[str, Any]]) -> bool:
    """A 401 also answers a business whose subscription has ended: "No active subscription. (MSE)"."""
    return any(SUBSCRIPTION in sentence_of(error).lower() for error in errors)
