"""Domain errors as answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from math import ceil

from chassis.http import Problem
from sync_svc.domain.errors import CoolingDown, NotUsable, UnknownConnection, UnknownRun


@contextmanager
def told_as_problems(*, now: datetime) -> Iterator[None]:
    """What the domain refuses inside the block becomes a problem (RFC 9457)."""
    try:
        yield
    except (UnknownConnection, UnknownRun) as error:
        raise Problem(404, "not_found", "Not found", str(error)) from error
    except NotUsable as error:
        raise Problem(409, "connection_not_usable", "The connection has to be mended first", str(error)) from error
    except CoolingDown as error:
        seconds = max(1, ceil((error.until - now).total_seconds()))
        headers = {"Retry-After": str(seconds)}
        raise Problem(429, "cooling_down", "Read a moment ago", str(error), headers=headers) from error
