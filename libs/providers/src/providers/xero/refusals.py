"""Xero's refusals in our words. Its sentences vary, so each pattern is the part that has stayed the same."""

import re
from typing import Any

from providers.errors import Problem

FORBIDDEN = 403
UNAUTHORIZED = 401
NOT_FOUND = 404

PATTERNS: tuple[tuple[re.Pattern[str], str, str | None], ...] = (
    (re.compile(r"tax\s?type code", re.IGNORECASE), "tax_mismatch", "tax_rate_id"),
    (re.compile(r"account code", re.IGNORECASE), "category_missing", "account_id"),
    (re.compile(r"lock date", re.IGNORECASE), "period_locked", "date"),
    (re.compile(r"already assigned to another contact", re.IGNORECASE), "duplicate", "supplier_name"),
    (re.compile(r"must be unique", re.IGNORECASE), "duplicate", "number"),
    (re.compile(r"not subscribed to currency", re.IGNORECASE), "currency_unsupported", "currency"),
    (re.compile(r"\bcontact\b", re.IGNORECASE), "supplier_missing", "supplier_id"),
)


def problem_of(message: str) -> Problem:
    """The first pattern that fits decides; a sentence nobody has seen is `value_invalid`, with its own words."""
    for pattern, code, field in PATTERNS:
        if pattern.search(message):
            return Problem(code, field, message)
    return Problem("value_invalid", None, message)


def problems_in(status: int, body: Any, text: str) -> tuple[Problem, ...]:
    """Every problem a refusal names; at least one."""
    if status in {UNAUTHORIZED, FORBIDDEN}:
        return (Problem("permission_missing", None, gateway_detail(body)),)
    if status == NOT_FOUND:
        return (Problem("document_missing", None, text[:500]),)
    if not isinstance(body, dict):
        return (Problem("value_invalid", None, text[:500] or f"HTTP {status}"),)
    found = [problem for element in body.get("Elements") or () for problem in problems_of_element(element)]
    return tuple(found) or (problem_of(str(body.get("Message") or gateway_detail(body))),)


def problems_of_element(element: dict[str, Any]) -> list[Problem]:
    """The problems of one submitted document; also a 200 can bring some."""
    return [problem_of(error["Message"]) for error in element.get("ValidationErrors") or ()]


def gateway_detail(body: Any) -> str:
    """The `Detail` of a gateway's refusal, whose keys come capitalised and not."""
    if not isinstance(body, dict):
        return ""
    lowered = {key.lower(): value for key, value in body.items()}
    return str(lowered.get("detail") or lowered.get("title") or "")
