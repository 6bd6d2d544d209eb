"""The domain clock of the local stack: the system's time plus the seconds in one file, which every process reads."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from devstack.home import write_whole


@dataclass(frozen=True)
class StackClock:
    """Moves time for every process of the stack at once. Time never goes back."""

    file: Path

    @property
    def offset(self) -> timedelta:
        try:
            return timedelta(seconds=float(self.file.read_text()))
        except FileNotFoundError:
            return timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def advance(self, by: timedelta) -> datetime:
        """Let this much time pass and answer the new time; ValueError for a negative one."""
        if by < timedelta(0):
            raise ValueError("the clock of the local stack only goes forward")
        write_whole(self.file, f"{(self.offset + by).total_seconds()}\n")
        return self.now()
