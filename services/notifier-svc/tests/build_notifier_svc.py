"""Builders: valid by default, so that a test says only what matters to it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx2

from notifier_svc.domain.notices import Cause, Channel, Connection, Notice, Stage, State
from notifier_svc.domain.wording import Link, Person

NOON = datetime(2027, 11, 12, 12, 0, tzinfo=UTC)
Call = Callable[..., Awaitable[httpx2.Response]]


def a_connection(**changes: Any) -> Connection:
    facts: dict[str, Any] = {
        "connection_id": "con_1",
        "business_id": "biz_demo",
        "lifecycle": "expired",
        "generation": 1,
        "provider": "xero",
        "organisation_name": "Demo Trading Ltd",
    }
    return Connection(**{**facts, **changes})


def a_cause(**changes: Any) -> Cause:
    facts: dict[str, Any] = {
        "stage": Stage.EXPIRED,
        "connection": a_connection(),
        "generation": 1,
        "happened_at": NOON,
        "correlation_id": "flow-1",
        "event_id": "event-1",
        "reason": "consent_lapsed",
        "reconnect_id": "rec_1",
    }
    return Cause(**{**facts, **changes})


def a_notice(**changes: Any) -> Notice:
    facts: dict[str, Any] = {
        "notice_id": "ntc_1",
        "business_id": "biz_demo",
        "connection_id": "con_1",
        "generation": 1,
        "stage": Stage.EXPIRED,
        "recipient": "usr_anna",
        "channel": Channel.MAIL,
        "state": State.DUE,
        "reason": "consent_lapsed",
        "reconnect_id": "rec_1",
        "happened_at": NOON,
        "created_at": NOON,
        "read_at": None,
        "attempts": 0,
        "next_attempt_at": NOON,
        "correlation_id": "flow-1",
        "causation_id": "event-1",
    }
    return Notice(**{**facts, **changes})


def a_person(**changes: Any) -> Person:
    facts = {"name": "Anna", "email": "anna@demo.example", "time_zone": "Europe/London"}
    return Person(**{**facts, **changes})


def a_link(**changes: Any) -> Link:
    facts: dict[str, Any] = {
        "url": "https://relink.example/r/s3cret",
        "expires_at": datetime(2027, 11, 19, 12, tzinfo=UTC),
    }
    return Link(**{**facts, **changes})
