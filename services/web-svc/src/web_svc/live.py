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
    """Hands each change to the open pages of its business. What a page is too slow to take is left out."""

    name = "open pages"

    def __init__(self) -> None:
        self._open: dict[str, set[asyncio.Queue[Change | None]]] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        """End every stream once the process is told to stop: browsers come back to another one by themselves."""
        await stopping.wait()
        for queue in [each for queues in self._open.values() for each in queues]:
            _end(queue)

    def tell(self, business_id: str, change: Change) -> None:
        for queue in self._open.get(business_id, ()):
            if not queue.full():
                queue.put_nowait(change)

    def tell_everybody(self, change: Change) -> None:
        for business_id in self._open:
            self.tell(business_id, change)

    @contextmanager
    def listen(self, business_id: str) -> Iterator[asyncio.Queue[Change | None]]:
        """What happens from now on; None says that there will be no more."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue(MOST_WAITING)
        self._open.setdefault(business_id, set()).add(queue)
        try:
            yield queue
        finally:
            self._open[business_id].discard(queue)
            if not self._open[business_id]:
                del self._open[business_id]


def _end(queue: asyncio.Queue[Change | None]) -> None:
    while queue.full():
        queue.get_nowait()
    queue.put_nowait(None)


async def changes(live: Live, business_id: str, *, gather_seconds: float) -> AsyncIterator[dict[str, str]]:
    """Server-sent events for one page. What happens within `gather_seconds` to one thing is told once.

    A change that a slow page missed is no harm: it asks for its fragments anew, whatever it was told.
    """
    with live.listen(business_id) as queue:
        while gathered := await _gather(queue, gather_seconds):
            for kind in sorted({change.kind for change in gathered}):
                ids = sorted(change.id for change in gathered if change.kind == kind)
                yield {"event": kind, "data": json.dumps({"ids": ids})}


async def _gather(queue: asyncio.Queue[Change | None], seconds: float) -> set[Change]:
    """The next change and what follows it closely; nothing when there will be no more."""
    gathered: set[Change] = set()
    change = await queue.get()
    await asyncio.sleep(seconds if change else 0)
    while change is not None:
        gathered.add(change)
        if queue.empty():
            return gathered
        change = queue.get_nowait()
    return set()
