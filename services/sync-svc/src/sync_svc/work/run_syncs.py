"""Runs are done one by one: read everything, then write everything."""

import time
from datetime import timedelta

import structlog

from chassis import leases, outbox
from chassis.clock import Clock
from chassis.database import Database, Tx
from chassis.leases import Lease, LeaseLost
from sync_svc import metrics, outgoing
from sync_svc.domain.entries import ListState, Place, changes_between
from sync_svc.domain.runs import Blame, Failure, ListResult, Result, Run, RunState
from sync_svc.store import connections, entries, runs, schedules
from sync_svc.work.read_lists import Failed, Harvest, Reader, ReadList, ToWait

OTHERS_TURN = timedelta(seconds=5)

_log = structlog.get_logger(__name__)


class RunSyncs:
    """One worker. A connection is read by one worker at a time, under a lease that is extended between lists."""

    def __init__(self, database: Database, clock: Clock, reader: Reader, *, holder: str, lease_time: timedelta) -> None:
        self._database, self._clock, self._reader = database, clock, reader
        self._holder, self._lease_time = holder, lease_time

    async def step(self) -> bool:
        """Do one run that is due. False if there is none.

        A worker that dies leaves the run to be begun again after the lease: reading repeats nothing, and what is
        written is written at the end, once.
        """
        async with self._database.transaction() as tx:
            now = self._clock.now()
            run = await runs.claim(tx, now=now)
            if run is None:
                return False
            lease = await leases.acquire(tx, f"sync:{run.connection_id}", self._holder, self._lease_time)
            if lease is None:
                await runs.save(tx, run.leave_until(now + OTHERS_TURN))
                return True
            run = await runs.save(tx, run.begin(look_after_at=now + self._lease_time))
            known = await entries.states(tx, run.business_id, run.connection_id)
        try:
            await self._do(run, known, lease)
        except LeaseLost:
            _log.warning("sync.taken_over", sync_id=run.id, connection_id=run.connection_id)
        finally:
            await leases.release(self._database, lease)
        return True

    async def _do(self, run: Run, known: dict[str, ListState], lease: Lease) -> None:
        async def still_ours() -> None:
            await leases.extend(self._database, lease, self._lease_time)

        begun = time.monotonic()
        try:
            harvest = await self._reader.read(run, known, still_ours)
            await self._complete(run, known, harvest, lease, begun)
        except ToWait as wait:
            await self._record(run.wait_until(self._clock.now() + wait.pause), lease)
        except Failed as failed:
            await self._record(run.fail(failed.failure, now=self._clock.now()), lease)

    async def _complete(
        self, run: Run, known: dict[str, ListState], harvest: Harvest, lease: Lease, begun: float
    ) -> None:
        """Write it all. Raises Failed when the customer left meanwhile: what was cleared must not come back."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            await leases.guard(tx, lease)
            if await connections.has_left(tx, run.business_id, run.connection_id):
                raise Failed(Failure("connection_expired", Blame.CONNECTION, is_lasting=True))
            results = {one.name: await self._write(tx, run, harvest, one, known.get(one.name)) for one in harvest.lists}
            duration = round((time.monotonic() - begun) * 1000)
            result = Result(results, duration, harvest.calls, harvest.bytes_received)
            done = await runs.save(tx, run.complete(result, generation=harvest.generation, now=now))
            await self._end_in_schedule(tx, done)
            await outbox.add(tx, outgoing.sync_completed(done, at=now))
        metrics.runs.labels("completed").inc()
        metrics.run_seconds.observe(duration / 1000)
        _log.info("sync.completed", sync_id=run.id, connection_id=run.connection_id, calls=harvest.calls)

    async def _write(self, tx: Tx, run: Run, harvest: Harvest, read: ReadList, before: ListState | None) -> ListResult:
        """Store what changed in one list and say it."""
        place = Place(run.business_id, run.connection_id, read.name)
        fingerprints = await entries.fingerprints(tx, place)
        changes = changes_between(fingerprints, read.content, is_full=read.is_full)
        version = before.version + 1 if before else 1
        total = len(fingerprints) + len(changes.added) - len(changes.removed)
        in_full_at = read.began_at if read.is_full or before is None else before.read_in_full_at
        state = ListState(read.name, version, total, harvest.generation, read.began_at, in_full_at)
        await entries.apply(tx, place, changes, list_version=version)
        await entries.save_state(tx, place, state)
        now = self._clock.now()
        written = (*changes.added, *changes.updated)
        await outbox.add(
            tx,
            *(outgoing.list_entry(place, content, list_version=version, at=now) for content in written),
            *(outgoing.list_entry_gone(place, external_id, at=now) for external_id in changes.removed),
        )
        return ListResult(len(changes.added), len(changes.updated), len(changes.removed), total, version, changes.count)

    async def _record(self, run: Run, lease: Lease) -> None:
        """The attempt brought nothing: it waits, is tried again, or has ended."""
        async with self._database.transaction() as tx:
            await leases.guard(tx, lease)
            saved = await runs.save(tx, run)
            if saved.state is RunState.FAILED:
                await self._end_in_schedule(tx, saved)
            if run.failure is not None:
                await outbox.add(tx, outgoing.sync_failed(saved, at=self._clock.now()))
        outcome = "waits" if run.failure is None else "failed" if saved.state is RunState.FAILED else "to_be_repeated"
        metrics.runs.labels(outcome).inc()
        code = run.failure.code if run.failure else None
        _log.info(f"sync.{outcome}", sync_id=run.id, connection_id=run.connection_id, code=code)

    async def _end_in_schedule(self, tx: Tx, run: Run) -> None:
        schedule = await schedules.get_for_update(tx, run.business_id, run.connection_id)
        if schedule is not None:
            completed_at = run.ended_at if run.state is RunState.COMPLETED else None
            await schedules.save(tx, schedule.end(run.id, completed_at=completed_at))
