"""The domain's clock: an argument everywhere, so that a year can pass in a second."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Consent, schedules and reminders ask this one. Leases ask the database, tokens and back-off the system."""

    def now(self) -> datetime: ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class OffsetClock:
    """The system's time plus the seconds that stand in a file, read anew each time. No file: no offset."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        """Raises ValueError when the file holds anything but a number."""
        text = self._path.read_text() if self._path.exists() else ""
        return datetime.now(UTC) + timedelta(seconds=float(text.strip() or 0))


async def happens_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event, but no longer than `seconds` of the system's time."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
