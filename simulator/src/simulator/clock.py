"""The two clocks of the simulator.

Consents, provider tokens and dates of documents follow the domain clock, which an offset file may move by a year.
Rate limits, idempotency keys and sign-in tokens follow the system clock, as their readers do.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path


class Clocks:
    def __init__(self, offset_file: Path | None) -> None:
        self._offset_file = offset_file
        self._offset = timedelta(0)

    def system(self) -> datetime:
        return datetime.now(UTC)

    def domain(self) -> datetime:
        """The system's time plus the seconds that the offset file holds now; no file means no offset."""
        self._offset = self._read_offset()
        return self.system() + self._offset

    def _read_offset(self) -> timedelta:
        if self._offset_file is None or not self._offset_file.exists():
            return timedelta(0)
        text = self._offset_file.read_text().strip()
        # An empty file is one that somebody is just rewriting: time must not jump back for that moment.
        return timedelta(seconds=float(text)) if text else self._offset


def to_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
