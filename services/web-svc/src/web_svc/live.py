"""What open pages are told: which thing changed, never what it is now."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MOST_WAITING = 200
HEARTBEAT_SECONDS = 15
GATHER_SECONDS = 0.3


@dataclass(frozen=True)
class Change:
    """Something of one kind changed: `connection`, `item`, `sync`, `release` or `provider`."""

    kind: str
    id: str


class Live:
    """Hands each change to the open pages of its business. A page that does not keep up is told to look at all."""

    def __init__(self) -> None:
        self._open: dict[str, set[asyncio.Queue[Change]]] = {}

    def tell(self, business_id: str, change: Change) -> None:
        for queue in self._open.get(business_id, ()):
            if not queue.full():
                queue.put_nowait(change)

    def tell_everybody(self, change: Change) -> None:
        for business_id in self._open:
            self.tell(business_id, change)

    @contextmanager
    def listen(self, business_id: str) -> Iterator[asyncio.Queue[Change]]:
        queue: asyncio.Queue[Change] = asyncio.Queue(MOST_WAITING)
        self._open.setdefault(business_id, set()).add(queue)
        try:
            yield queue
        finally:
            self._open[business_id].discard(queue)
            if not self._open[business_id]:
                del self._open[business_id]


async def changes(live: Live, business_id: str, *, gather_seconds: float) -> AsyncIterator[dict[str, str]]:
    """Server-sent events for one page. What happens within `gather_seconds` to one thing is told once.

    A change that a slow page missed is no harm: it asks for its fragments anew, whatever it was told.
    """
    with live.listen(business_id) as queue:
        while True:
            gathered = {await queue.get()}
            await asyncio.sleep(gather_seconds)
            while not queue.empty():
                gathered.add(queue.get_nowait())
            for kind in sorted({change.kind for change in gathered}):
                ids = sorted(change.id for change in gathered if change.kind == kind)
                yield {"event": kind, "data": json.dumps({"ids": ids})}
