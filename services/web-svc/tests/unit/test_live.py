"""The stream of an open page, and what is heard from Kafka."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from build_web_svc import World, signed_in

from relink_contracts.envelope import EventData, Received
from relink_contracts.events import ConnectionExpired, ItemPublished, Membership, ProviderState
from relink_contracts.testing import a, received
from web_svc.handlers import HEARD, listener
from web_svc.live import Change, Live, changes


async def told(live: Live, business_id: str, *said: tuple[str, Change], messages: int = 1) -> list[dict[str, str]]:
    stream = changes(live, business_id, gather_seconds=0)
    first = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    for business, change in said:
        live.tell(business, change)
    found = [await first] + [await anext(stream) for _ in range(messages - 1)]
    await stream.aclose()
    return found


async def test_a_page_hears_what_changed_in_its_business_and_nothing_else() -> None:
    heard = await told(
        Live(),
        "biz_demo",
        ("biz_other", Change("item", "itm_other")),
        ("biz_demo", Change("item", "itm_1")),
        ("biz_demo", Change("connection", "con_1")),
        messages=2,
    )
    assert heard == [
        {"event": "connection", "data": json.dumps({"ids": ["con_1"]})},
        {"event": "item", "data": json.dumps({"ids": ["itm_1"]})},
    ]


async def test_what_happens_at_once_to_one_thing_is_told_once() -> None:
    burst = [("biz_demo", Change("item", f"itm_{n % 2}")) for n in range(40)]
    heard = await told(Live(), "biz_demo", *burst)
    assert heard == [{"event": "item", "data": json.dumps({"ids": ["itm_0", "itm_1"]})}]


async def test_a_page_that_does_not_keep_up_costs_no_memory() -> None:
    live = Live()
    with live.listen("biz_demo") as queue:
        for n in range(10_000):
            live.tell("biz_demo", Change("item", f"itm_{n}"))
        assert queue.qsize() == 200


async def test_a_closed_page_is_forgotten() -> None:
    live = Live()
    with live.listen("biz_demo"):
        pass
    live.tell_everybody(Change("provider", "xero"))
    assert live._open == {}


async def test_streams_end_when_the_process_is_told_to_stop() -> None:
    live, stopping = Live(), asyncio.Event()
    running = asyncio.ensure_future(live.run(stopping))
    quiet, busy = changes(live, "biz_demo", gather_seconds=0), changes(live, "biz_demo", gather_seconds=0)
    streams = [asyncio.ensure_future(anext(each, "over")) for each in (quiet, busy)]
    await asyncio.sleep(0)
    stopping.set()
    await running
    assert await asyncio.gather(*streams) == ["over", "over"]


async def test_a_program_without_a_session_hears_nothing(world: World) -> None:
    browser = await signed_in(world)
    browser.http.cookies.clear()
    assert (await browser.open("/b/biz_demo/events")).status == 401


async def hear(world: World, *events: Received[Any]) -> None:
    on_event = listener(world.memberships, world.health, world.live)
    for event in events:
        await on_event(event)


async def test_a_membership_opens_the_pages_and_its_end_closes_them(world: World) -> None:
    joined = a(Membership, business_id="biz_new", user_id="usr_new", roles=("member",))
    await hear(world, received(joined, sequence=1))
    assert [each.business_id for each in world.memberships.of("usr_new")] == ["biz_new"]
    await hear(world, tombstone(received(joined, sequence=2)))
    assert world.memberships.of("usr_new") == []


def tombstone(event: Received[EventData]) -> Received[EventData]:
    return replace(event, data=None)


async def test_the_providers_health_is_kept_and_told_to_every_business(world: World) -> None:
    with world.live.listen("biz_demo") as queue:
        await hear(
            world, received(a(ProviderState, provider="xero", health="degraded", symptom="timeouts"), sequence=2)
        )
        await hear(world, received(a(ProviderState, provider="xero", health="ok", symptom=None), sequence=1))
    assert world.health.of("xero") == "degraded"
    assert queue.get_nowait() == Change("provider", "xero")


async def test_events_reach_open_pages_as_kind_and_id(world: World) -> None:
    with world.live.listen("biz_demo") as queue:
        await hear(world, received(a(ConnectionExpired, business_id="biz_demo", connection_id="con_1"), sequence=4))
        await hear(world, received(a(ItemPublished, business_id="biz_demo", item_id="itm_1"), sequence=9))
    assert [queue.get_nowait(), queue.get_nowait()] == [Change("connection", "con_1"), Change("item", "itm_1")]


def test_everything_that_is_heard_can_be_handled() -> None:
    assert set(HEARD) == {
        "identity.membership.state.v1",
        "accounting.provider.state.v1",
        "accounting.connection.events.v1",
        "accounting.sync.events.v1",
        "publishing.item.events.v1",
        "publishing.release.events.v1",
    }
