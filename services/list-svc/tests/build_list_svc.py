"""Builders: valid by default, so that a test says only what matters to it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx2

from list_svc.domain.lists import ListPicture, ListRun
from list_svc.domain.rules import Coding, Draft, Kind, Match, Operator, Rule, State

Call = Callable[..., Awaitable[httpx2.Response]]

NOON = datetime(2026, 11, 12, 12, 0, tzinfo=UTC)


def a_run(**changes: Any) -> ListRun:
    facts: dict[str, Any] = {
        "connection_id": "con_1",
        "list": "accounts",
        "business_id": "biz_demo",
        "list_version": 7,
        "total": 104,
        "said": 4,
        "added": 3,
        "updated": 1,
        "removed": 1,
        "completed_at": NOON,
    }
    return ListRun(**{**facts, **changes})


def a_picture(**changes: Any) -> ListPicture:
    facts: dict[str, Any] = {"list": "accounts", "entries": 104, "entries_of_run": 4, "run": a_run()}
    return ListPicture(**{**facts, **changes})


def a_draft(
    text: str = "Harbour Print Works", *, references: dict[str, str] | None = None, connection_id: str = "con_1"
) -> Draft:
    return Draft(
        kind=Kind.SUPPLIER,
        match=Match(Operator.IS, text),
        coding=Coding(connection_id, references if references is not None else {"accounts": "429"}),
        auto_publish=False,
        state=State.ACTIVE,
    )


def a_rule(rule_id: str = "rul_1", **changes: Any) -> Rule:
    facts: dict[str, Any] = {
        "rule_id": rule_id,
        "business_id": "biz_demo",
        "draft": a_draft(),
        "merge_id": None,
        "revision": 1,
        "changed_by": "usr_anna",
        "changed_at": NOON,
    }
    return Rule(**{**facts, **changes})


def a_body(**changes: Any) -> dict[str, Any]:
    """The JSON of a rule, as the API takes it."""
    return {
        "kind": "supplier",
        "match": {"operator": "is", "text": "Harbour Print Works"},
        "coding": {"connection_id": "con_1", "references": {"accounts": "429"}},
        **changes,
    }
