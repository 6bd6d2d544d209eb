"""Rate limits in fixed windows, counted durably. A window begins with the first call after the last one ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.calls import Call
from simulator.clock import to_ms
from simulator.state import Tx


@dataclass(frozen=True)
class Window:
    name: str
    calls: int
    seconds: int
    whole_application: bool = False
    """Counted over all organisations together."""


@dataclass(frozen=True)
class Exceeded:
    window: str
    retry_after: int
    """Whole seconds until the window ends."""


@dataclass(frozen=True)
class Counted:
    remaining: dict[str, int]
    exceeded: Exceeded | None


def count(call: Call, tx: Tx, windows: Sequence[Window], *, factor: int) -> Counted:
    """Count one call in every window, unless one of them is full: then the call counts in none."""
    now = to_ms(call.system_now)
    used = {window.name: _current(call, tx, window, now) for window in windows}
    for window in windows:
        started_at, calls = used[window.name]
        if calls >= window.calls * factor:
            retry_after = -(-(started_at + window.seconds * 1000 - now) // 1000)
            remaining = {other.name: max(0, other.calls * factor - used[other.name][1]) for other in windows}
            return Counted(remaining, Exceeded(window.name, max(1, retry_after)))
    for window in windows:
        started_at, calls = used[window.name]
        tx.execute(
            "INSERT OR REPLACE INTO limit_windows VALUES (?, ?, ?, ?, ?)",
            (call.provider, _scope(call, window), window.name, started_at, calls + 1),
        )
    return Counted({window.name: window.calls * factor - used[window.name][1] - 1 for window in windows}, None)


def _scope(call: Call, window: Window) -> str:
    return "" if window.whole_application or call.organisation is None else call.organisation


def _current(call: Call, tx: Tx, window: Window, now: int) -> tuple[int, int]:
    row = tx.execute(
        "SELECT started_at, calls FROM limit_windows WHERE provider = ? AND organisation = ? AND window = ?",
        (call.provider, _scope(call, window), window.name),
    ).fetchone()
    if row is None or now >= row["started_at"] + window.seconds * 1000:
        return now, 0
    return row["started_at"], row["calls"]
