"""Answers kept under a client's own key, for as long as the provider keeps them (system clock)."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from simulator.calls import Answer, Call
from simulator.clock import to_ms
from simulator.state import Tx


@dataclass(frozen=True)
class Kept:
    fingerprint: str
    answer: Answer


def fingerprint(call: Call) -> str:
    """Equal for calls that ask for the same thing byte by byte."""
    asked = f"{call.method} {call.path}?{call.query_text}\n".encode() + call.body
    return hashlib.sha256(asked).hexdigest()


def find(call: Call, tx: Tx, key: str) -> Kept | None:
    row = tx.execute(
        "SELECT * FROM idempotency WHERE provider = ? AND organisation = ? AND key = ? AND expires_at > ?",
        (call.provider, call.organisation, key, to_ms(call.system_now)),
    ).fetchone()
    return row and Kept(row["fingerprint"], Answer(row["status"], row["body"], row["content_type"]))


def keep(call: Call, tx: Tx, key: str, answer: Answer, *, lifetime: timedelta) -> None:
    tx.execute(
        "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            call.provider,
            call.organisation,
            key,
            fingerprint(call),
            answer.status,
            answer.content_type,
            answer.body,
            to_ms(call.system_now + lifetime),
        ),
    )
