"""What a worker works with."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from chassis.clock import Clock
from chassis.database import Database
from providers.interface import Provider
from publish_svc.clients import AccessTokens
from publish_svc.documents import Documents
from publish_svc.domain.lane import Moment, Patience


@dataclass(frozen=True)
class Tools:
    """Everything is passed in, so that a test brings its own.

    `clock` is the domain's, `wall` the system's: waiting is measured on `wall`, so that a year that passes in a second
    ends no wait early. `write_deadline`: no bill is sent later than that after its intent was committed.
    `lease_time`: how long a lane stays closed to others after its worker died.
    """

    database: Database
    tokens: AccessTokens
    documents: Documents
    providers: Mapping[str, Provider]
    clock: Clock
    wall: Clock
    worker: str
    patience: Patience
    write_deadline: timedelta
    lease_time: timedelta
    monotonic: Callable[[], float] = time.monotonic

    def moment(self) -> Moment:
        return Moment(now=self.clock.now(), wall=self.wall.now())
