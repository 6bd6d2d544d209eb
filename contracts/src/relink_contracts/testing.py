"""Builders for tests: valid by default, so that a test says only what matters to it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

from relink_contracts import events
from relink_contracts.envelope import Actor, EventData, Received, Tombstone, parse, read, speaker, to_record
from relink_contracts.ids import new_event_id

NOW: Final = datetime(2026, 11, 12, 9, 30, tzinfo=UTC)
NEXT_YEAR: Final = datetime(2027, 11, 12, 9, 30, tzinfo=UTC)

E = TypeVar("E", bound=EventData)

_BY_NAME: Final[dict[str, Any]] = {
    "action": "redrive",
    "active": True,
    "actor": Actor(type="system", id="connection-svc"),
    "about": "con_1",
    "added": 1,
    "always_ask_organisation": False,
    "asked_by": "usr_ben",
    "attempt": 1,
    "attempt_id": "att_1",
    "auto_publish": False,
    "blames": "provider",
    "business_id": "biz_demo",
    "candidates": (),
    "changed": ("auto_publish",),
    "channel": "web",
    "choice": "create",
    "class_": "validation",
    "code": "denied",
    "coding": events.RuleCoding(connection_id="con_1", references={"accounts": "429"}),
    "connected_at": NOW,
    "connection_id": "con_1",
    "consent_expires_at": NEXT_YEAR,
    "days_left": 30,
    "detected_by": "clock",
    "downtime_seconds": 60,
    "duration_ms": 1200,
    "excluded": 0,
    "expected_organisation_id": "org_1",
    "expired_at": NOW,
    "external_id": "429",
    "failed": 0,
    "from_": events.ListReference(connection_id="con_0", list="accounts", external_id="400"),
    "from_connection_id": "con_0",
    "from_provider": "xero",
    "generation": 1,
    "health": "degraded",
    "held_seconds": 60,
    "intent": "connect",
    "item_id": "itm_1",
    "kind": "supplier",
    "latency_ms": 340,
    "lifecycle": "active",
    "link_expires_at": NEXT_YEAR,
    "linked_accountant": False,
    "list": "accounts",
    "list_version": 1,
    "lists": ("accounts",),
    "lists_kept": True,
    "mappings_total": 1,
    "match": events.RuleMatch(operator="is", text="Northern Paper Ltd"),
    "merge_id": "mrg_1",
    "name": "General expenses",
    "new_connection_id": "con_2",
    "notification_id": "ntc_1",
    "offered_organisation_ids": ("org_2",),
    "organisation_id": "org_1",
    "organisation_name": "Demo Trading Ltd",
    "outcome": "reconnected",
    "plan_hash": None,
    "presence": "missing",
    "provider": "xero",
    "provider_bytes": 40_000,
    "provider_calls": 5,
    "provider_reference": "inv_1",
    "published": 1,
    "reason": "consent_lapsed",
    "recipient_user_id": "usr_anna",
    "recipient_user_ids": ("usr_anna",),
    "reconnect_id": "rec_1",
    "release_id": "rel_1",
    "released_by": "reconnect",
    "requested_by": "usr_ben",
    "result": "done",
    "retryable": True,
    "revoked_at_provider": True,
    "roles": ("admin",),
    "rule_id": "rul_1",
    "rules_paused": 0,
    "rules_total": 1,
    "scopes": ("accounting",),
    "seconds": 12,
    "seconds_open": 60,
    "settings": events.ConnectionSettings(
        warn_new_supplier=True, always_ask_organisation=False, auto_publish=False, default_destination=None
    ),
    "settings_version": 1,
    "since": NOW,
    "stage": "opened",
    "state": "active",
    "status": "queued",
    "supplier_name": "Northern Paper Ltd",
    "symptom": "timeouts",
    "sync_id": "syn_1",
    "target": "list-svc.dlq",
    "to": events.ListReference(connection_id="con_1", list="accounts", external_id="429"),
    "to_provider": "quickbooks",
    "trigger": "schedule",
    "undo_until": NEXT_YEAR,
    "unmatched": 0,
    "user_id": "usr_anna",
    "waiting": 3,
    "was": "expired",
}

_BY_EVENT: Final[dict[type[EventData], dict[str, Any]]] = {
    events.ConnectionExpiring: {"stage": 30},
    events.ConnectionExpired: {"lifecycle": "expired", "consent_expires_at": NOW},
    events.ReconnectRequested: {"lifecycle": "expired", "consent_expires_at": NOW},
    events.ConnectionReconnected: {"generation": 2},
    events.SyncCompleted: {
        "lists": {
            "accounts": events.SyncedList(added=1, updated=0, removed=0, total=1, list_version=1, records_written=1)
        }
    },
    events.MergeSuggestionsPrepared: {
        "lists": {"accounts": events.SuggestionCounts(exact=1, likely=0, possible=0, none=0)}
    },
    events.Mapping: {"state": "applied"},
    events.ItemHeld: {"status": "held", "reason": "connection_expired"},
    events.ItemReleased: {"reason": None},
    events.ItemPublished: {"status": "published", "reason": None},
    events.ItemPublishFailed: {"status": "failed", "reason": "account_archived", "code": "account_archived"},
    events.ItemOutcomeUncertain: {"status": "uncertain", "reason": None},
    events.ItemPublishRequested: {"reason": None},
    events.ItemSupplierFlagged: {"reason": None},
    events.ItemSupplierResolved: {"reason": None},
    events.ReleaseStarted: {"trigger": "reconnect"},
    events.NotificationSent: {"channel": "mail", "stage": "expired"},
    events.NotificationFailed: {"channel": "mail", "stage": "expired", "code": "mailbox_refused"},
}


def a(event: type[E], **changes: Any) -> E:
    """A valid event of that class; `changes` names the fields that matter (by their Python names)."""
    needed = {name: _BY_NAME[name] for name, info in event.model_fields.items() if info.is_required()}
    return event(**{**needed, **_BY_EVENT.get(event, {}), **changes})


@dataclass(frozen=True)
class Record:
    """A consumed record, as `decode` and `parse` take it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    partition: int = 0
    offset: int = 0


def record_of(  # noqa: PLR0913 - each is one attribute of a record
    data: EventData | Tombstone,
    *,
    sequence: int = 1,
    at: datetime = NOW,
    id: UUID | None = None,  # noqa: A002 - it is the event's `id`
    service: str = "test-svc",
    headers: Mapping[str, str | None] | None = None,
) -> Record:
    """The record that says `data`. `headers` replaces single headers, None takes one away."""
    topic, key, value, said = to_record(speaker(service)(data, at=at, id=id or new_event_id()), sequence)
    changed = dict(said)
    for name, text in (headers or {}).items():
        if text is None:
            del changed[name]
        else:
            changed[name] = text.encode()
    return Record(topic, key, value, list(changed.items()))


def received(
    event: type[E] | E,
    sequence: int = 1,
    *,
    at: datetime = NOW,
    id: UUID | None = None,  # noqa: A002 - it is the event's `id`
    **changes: Any,
) -> Received[E]:
    """`event` as a handler gets it, after a trip through a record. A class is built with `changes` first."""
    said = event if isinstance(event, EventData) else a(event, **changes)
    return read(parse(record_of(said, sequence=sequence, at=at, id=id)), type(said), received_at=at)


def received_tombstone(
    event: type[E], subject: str, sequence: int = 1, *, at: datetime = NOW, business_id: str = "biz_demo"
) -> Received[E]:
    """The end of an entity on its state topic, as a handler gets it."""
    gone = Tombstone(event, subject=subject, key=subject, business_id=business_id)
    return read(parse(record_of(gone, sequence=sequence, at=at)), event, received_at=at)


def read_example(file: Path) -> Record:
    """The record that a file of `contracts/examples/` shows."""
    shown = json.loads(file.read_text(encoding="utf-8"))
    value = None if shown["value"] is None else json.dumps(shown["value"]).encode()
    headers = [(name, text.encode()) for name, text in shown["headers"].items()]
    return Record(shown["topic"], shown["key"].encode(), value, headers)
