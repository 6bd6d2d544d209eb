"""Every call a provider took, in order, with what it changed: the evidence that tests and demos read."""

from dataclasses import dataclass
from datetime import datetime

from simulator.clock import from_ms, to_ms
from simulator.encoding import Json
from simulator.state import Tx


@dataclass(frozen=True)
class Effect:
    """What a call changed. The reference is the client's own mark on a document, if it left one."""

    kind: str
    id: str
    reference: str | None = None


@dataclass(frozen=True)
class Entry:
    at: datetime
    provider: str
    method: str
    path: str
    query: str
    status: int | None
    organisation: str | None
    effect: Effect | None
    fault: str | None


def note(tx: Tx, entry: Entry) -> None:
    effect = (entry.effect.kind, entry.effect.id, entry.effect.reference) if entry.effect else (None, None, None)
    tx.execute(
        "INSERT INTO journal (at, provider, method, path, query, status, organisation,"
        " effect_kind, effect_id, effect_reference, fault) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            to_ms(entry.at),
            entry.provider,
            entry.method,
            entry.path,
            entry.query,
            entry.status,
            entry.organisation,
            *effect,
            entry.fault,
        ),
    )


def read(tx: Tx, provider: str | None, organisation: str | None, after: int) -> list[Json]:
    """The entries behind number `after`, oldest first."""
    rows = tx.execute(
        "SELECT * FROM journal WHERE seq > ? AND (? IS NULL OR provider = ?) AND (? IS NULL OR organisation = ?)"
        " ORDER BY seq",
        (after, provider, provider, organisation, organisation),
    )
    return [
        {
            "seq": row["seq"],
            "at": from_ms(row["at"]).isoformat(),
            "provider": row["provider"],
            "method": row["method"],
            "path": row["path"],
            "query": row["query"],
            "status": row["status"],
            "organisation": row["organisation"],
            "effect": row["effect_kind"]
            and {"kind": row["effect_kind"], "id": row["effect_id"], "reference": row["effect_reference"]},
            "fault": row["fault"],
        }
        for row in rows
    ]
