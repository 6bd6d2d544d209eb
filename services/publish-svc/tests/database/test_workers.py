"""Several workers, and workers that stop at the worst moment: a document is written at most once, order holds.

A worker that stands still is the hard case: it is what a killed one looks like to the others, and it may wake up.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from build_publish_svc import LEASE, PROCESSING, FakeDocuments, FakeProvider, Stop, World

from chassis import leases
from publish_svc.domain.items import DocumentRef
from publish_svc.work.lanes import serve_a_lane
from publish_svc.work.tools import Tools

LONG_ENOUGH = timedelta(seconds=30) + PROCESSING


@pytest.fixture
async def tasks() -> AsyncIterator[list[asyncio.Task[Any]]]:
    tasks: list[asyncio.Task[Any]] = []
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def stopped(world: World, tasks: list[asyncio.Task[Any]], method: str, *, after: bool) -> Stop:
    """A worker that stands still in its next call of `method`; its lease has run out."""
    stop = Stop(after_the_effect=after)
    world.provider.tell(method, stop)
    tasks.append(asyncio.create_task(until_it_worked(world.worker("stopped"))))
    await asyncio.wait_for(stop.reached.wait(), 10)
    await asyncio.sleep(LEASE.total_seconds() * 1.5)
    return stop


async def until_it_worked(tools: Tools) -> None:
    for _ in range(10):
        await serve_a_lane(tools)


async def rest_of_the_story(world: World) -> None:
    """Another worker goes on, and time passes until it may look."""
    for _ in range(3):
        await world.run(world.worker("other"))
        world.pass_time(LONG_ENOUGH)
    await world.run(world.worker("other"))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_worker_that_dies_around_the_write_leaves_one_document(
    world: World, tasks: list[asyncio.Task[Any]], after: bool
) -> None:
    _, ids = await world.lane(3)
    await stopped(world, tasks, "create_bill", after=after)

    await world.run(world.worker("other"))
    assert await world.statuses(ids) == ["uncertain", "queued", "queued"]
    await rest_of_the_story(world)

    assert world.provider.numbers == ["INV-1", "INV-2", "INV-3"]
    assert await world.statuses(ids) == ["published"] * 3


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_worker_that_dies_around_the_upload_leaves_one_document_with_one_file(
    world: World, tasks: list[asyncio.Task[Any]], after: bool
) -> None:
    _, ids = await world.lane(2)
    await stopped(world, tasks, "attach", after=after)

    await world.run(world.worker("other"))

    assert world.provider.numbers == ["INV-1", "INV-2"]
    assert world.provider.files == {"INV1": ["1.pdf"], "INV2": ["1.pdf"]}
    assert await world.statuses(ids) == ["published"] * 2
    assert "item.outcome-uncertain" not in [event["what"] for event in await world.said()]


async def test_a_worker_that_dies_while_it_prepares_leaves_nothing_to_settle(
    world: World, tasks: list[asyncio.Task[Any]]
) -> None:
    _, ids = await world.lane(1)

    stop = Stop(after_the_effect=False)

    class SlowDocuments(FakeDocuments):
        async def fetch(self, document: DocumentRef) -> bytes:
            await stop.stand_still()
            return await super().fetch(document)

    slow = replace(world, documents=SlowDocuments())
    tasks.append(asyncio.create_task(until_it_worked(slow.worker("stopped"))))
    await asyncio.wait_for(stop.reached.wait(), 10)
    await asyncio.sleep(LEASE.total_seconds() * 1.5)

    world.pass_time(timedelta(seconds=2))
    await world.run(world.worker("other"))

    assert await world.statuses(ids) == ["published"]
    assert world.provider.calls == ["create_bill", "attach"]


async def test_a_worker_that_wakes_up_late_writes_nothing_down(world: World, tasks: list[asyncio.Task[Any]]) -> None:
    _, ids = await world.lane(1)
    stop = await stopped(world, tasks, "create_bill", after=True)
    await rest_of_the_story(world)
    before = [await world.item(ids[0]), await world.said()]

    stop.go_on.set()
    await asyncio.wait_for(tasks[0], 10)

    assert [await world.item(ids[0]), await world.said()] == before
    assert world.provider.numbers == ["INV-1"]


@pytest.mark.parametrize("method", ["create_bill", "attach"])
async def test_a_worker_whose_lane_was_taken_over_writes_nothing_down_though_nobody_else_has_yet(
    world: World, tasks: list[asyncio.Task[Any]], method: str
) -> None:
    connection, ids = await world.lane(1)
    stop = await stopped(world, tasks, method, after=True)
    assert await leases.acquire(world.database, f"publish:{connection.id}", "other", timedelta(minutes=1))
    before = await world.item(ids[0])

    stop.go_on.set()
    await asyncio.wait_for(tasks[0], 10)

    assert await world.item(ids[0]) == before


async def test_a_worker_that_wakes_up_before_its_write_is_too_late_to_send_it(
    world: World, tasks: list[asyncio.Task[Any]]
) -> None:
    passed = [0.0]
    world.provider = FakeProvider(monotonic=lambda: passed[0])
    _, ids = await world.lane(1)
    stop = await stopped(world, tasks, "create_bill", after=False)
    passed[0] = 31.0
    stop.go_on.set()
    await asyncio.wait_for(tasks[0], 10)
    assert world.provider.bills == []

    passed[0] = 0.0
    await rest_of_the_story(world)

    assert world.provider.numbers == ["INV-1"]
    assert await world.statuses(ids) == ["published"]


async def test_two_workers_share_one_lane_without_a_duplicate_or_a_change_of_order(world: World) -> None:
    _, ids = await world.lane(12)

    async def work(name: str) -> None:
        tools = world.worker(name)
        while "queued" in await world.statuses(ids[-1:]):
            await serve_a_lane(tools)
            world.wall.advance(timedelta(seconds=1))

    await asyncio.wait_for(asyncio.gather(work("one"), work("two")), 60)
    await world.run()

    assert world.provider.numbers == [f"INV-{number}" for number in range(1, 13)]
    assert await world.statuses(ids) == ["published"] * 12


async def test_a_lane_that_stands_still_does_not_hold_up_another(world: World, tasks: list[asyncio.Task[Any]]) -> None:
    _, [stuck] = await world.lane(1)
    await stopped(world, tasks, "create_bill", after=False)
    _, ids = await world.lane(2)

    await world.run(world.worker("other"))

    assert await world.statuses([stuck, *ids]) == ["uncertain", "published", "published"]
