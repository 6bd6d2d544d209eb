"""One synchronisation of a connection's lists, from being asked for to its end."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

MOST_ATTEMPTS = 5
FIRST_PAUSE = timedelta(seconds=30)


class RunState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class Blame(StrEnum):
    """Whose failure it is; decides who is told and whether to repeat."""

    PROVIDER = "provider"
    CONNECTION = "connection"
    US = "us"


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed. `is_lasting`: the same again cannot succeed before somebody acts."""

    code: str
    blames: Blame
    is_lasting: bool = False


@dataclass(frozen=True)
class ListResult:
    """What a run did to one list."""

    added: int
    updated: int
    removed: int
    total: int
    list_version: int
    records_written: int


@dataclass(frozen=True)
class Result:
    """What a run found and cost."""

    lists: Mapping[str, ListResult]
    duration_ms: int
    provider_calls: int
    provider_bytes: int


@dataclass(frozen=True)
class Run:
    """`due_at` is when to begin while it waits, and when somebody should look after it while it runs."""

    id: str
    business_id: str
    connection_id: str
    generation: int
    trigger: str
    lists: tuple[str, ...]
    requested_at: datetime
    due_at: datetime
    state: RunState = RunState.WAITING
    attempts: int = 0
    ended_at: datetime | None = None
    failure: Failure | None = None
    result: Result | None = None
    revision: int = 0

    def begin(self, *, look_after_at: datetime) -> "Run":
        return replace(self, state=RunState.RUNNING, attempts=self.attempts + 1, due_at=look_after_at)

    def leave_until(self, at: datetime) -> "Run":
        """Somebody has it in hand: look again then."""
        return replace(self, due_at=at)

    def wait_until(self, at: datetime) -> "Run":
        """It was asked to wait, which is no failure and counts as no attempt."""
        return replace(self, state=RunState.WAITING, attempts=self.attempts - 1, due_at=at)

    def fail(self, failure: Failure, *, now: datetime) -> "Run":
        """To be tried again after a pause that doubles, or ended: when it is lasting, or was tried often enough."""
        if failure.is_lasting or self.attempts >= MOST_ATTEMPTS:
            return replace(self, state=RunState.FAILED, failure=failure, ended_at=now)
        pause = FIRST_PAUSE * 2 ** (self.attempts - 1)
        return replace(self, state=RunState.WAITING, failure=failure, due_at=now + pause)

    def complete(self, result: Result, *, generation: int, now: datetime) -> "Run":
        return replace(self, state=RunState.COMPLETED, generation=generation, result=result, failure=None, ended_at=now)

    @property
    def retry_at(self) -> datetime | None:
        return self.due_at if self.state is RunState.WAITING else None
