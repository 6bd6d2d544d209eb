"""FreeAgent's refusals in our words. There is only a sentence, so each pattern is a word it can hardly do without."""

from typing import Any

import httpx2

from providers.errors import Problem
from providers.http import parsed_if_json

BY_STATUS: dict[int, str] = {httpx2.codes.FORBIDDEN: "permission_missing", httpx2.codes.NOT_FOUND: "document_missing"}
WORDS = (
    ("sales tax", "tax_mismatch", "tax_rate_id"),
    ("category", "category_missing", "account_id"),
    ("contact", "supplier_missing", "supplier_id"),
    ("currency", "currency_unsupported", "currency"),
    ("locked", "period_locked", "date"),
)


def problems_in(response: httpx2.Response) -> tuple[Problem, ...]:
    """Every problem a refusal names; at least one."""
    sentences = _sentences(parsed_if_json(response)) or [response.text[:500] or f"HTTP {response.status_code}"]
    if code := BY_STATUS.get(response.status_code):
        return (Problem(code, None, "; ".join(sentences)),)
    return tuple(problem_of(sentence) for sentence in sentences)


def problem_of(sentence: str) -> Problem:
    """The first word that occurs decides; a sentence nobody has seen is `value_invalid`, with its own words."""
    for word, code, field in WORDS:
        if word in sentence.lower():
            return Problem(code, field, sentence)
    return Problem("value_invalid", None, sentence)


def _sentences(body: Any) -> list[str]:
    """From `{"errors": {"error": {"message"}}}` and from an array of messages: both are seen."""
    errors = body.get("errors") if isinstance(body, dict) else None
    found = errors.get("error") if isinstance(errors, dict) else errors
    listed = found if isinstance(found, list) else [found]
    return [str(one["message"]) for one in listed if isinstance(one, dict) and one.get("message")]
