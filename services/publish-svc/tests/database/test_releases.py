"""The gate: what is held when a connection expires, and how it goes out again."""

from dataclasses import replace
from datetime import timedelta

from build_publish_svc import BILL, World, a_connection, a_queued_item

from providers.errors import Problem, Refused
from publish_svc.clients import NotUsable
from publish_svc.domain.connections import ConnectionNews, ConnectionPicture, Gate, Lifecycle
from publish_svc.handlers.on_connection import on_connection
from publish_svc.handlers.on_sync_completed import on_sync_completed
from publish_svc.work import follow_gate
from relink_contracts.events import ConnectionExpired, ConnectionReconnected, ConnectionSettingsChanged, SyncCompleted
from relink_contracts.testing import received

REFUSED = Refused(Problem("category_missing", "account_id", "No such account."))


async def expire(world: World, connection: ConnectionPicture, sequence: int = 2, generation: int = 1) -> None:
    event = received(
        ConnectionExpired,
        sequence=sequence,
        connection_id=connection.id,
        business_id=connection.business_id,
        lifecycle="expired",
        generation=generation,
    )
    async with world.database.transaction() as tx:
        await on_connection(event, tx)


async def reconnect(world: World, connection: ConnectionPicture, sequence: int = 3, generation: int = 2) -> None:
    event = received(
        ConnectionReconnected,
        sequence=sequence,
        connection_id=connection.id,
        business_id=connection.business_id,
        lifecycle="active",
        generation=generation,
        at=world.clock.now(),
    )
    async with world.database.transaction() as tx:
        await on_connection(event, tx)


async def lists_arrive(world: World, connection: ConnectionPicture, generation: int = 2) -> None:
    event = received(SyncCompleted, connection_id=connection.id, generation=generation)
    async with world.database.transaction() as tx:
        await on_sync_completed(event, tx)


async def whats(world: World) -> list[str]:
    return [event["what"] for event in await world.said()]


async def test_an_expiry_holds_what_is_queued_and_the_first_tells_of_it(world: World) -> None:
    connection, ids = await world.lane(3)

    await expire(world, connection)
    await world.run()

    assert await world.statuses(ids) == ["held"] * 3
    assert await whats(world) == ["item.publish-failed", "item.held", "item.held", "item.held"]
    assert (await world.said())[0]["item_id"] == ids[0]


async def test_the_expiry_is_told_once_whoever_notices_it_first(world: World) -> None:
    connection, _ = await world.lane(2)
    world.tokens.answer = NotUsable("consent_lapsed")
    await world.run()

    await expire(world, connection)
    await world.run()

    assert (await whats(world)).count("item.publish-failed") == 1
    assert (await world.connection(connection.id)).gate is Gate.CLOSED


async def test_a_release_waits_for_the_lists_then_sends_a_canary_then_the_rest_in_order(world: World) -> None:
    connection, ids = await world.lane(4)
    await expire(world, connection)
    await world.run()

    await reconnect(world, connection)
    await world.run()
    assert (await world.connection(connection.id)).gate is Gate.WAITING_FOR_LISTS
    assert world.provider.bills == []

    await lists_arrive(world, connection)
    await world.run()

    assert world.provider.numbers == ["INV-1", "INV-2", "INV-3", "INV-4"]
    assert await world.statuses(ids) == ["published"] * 4
    assert (await whats(world))[5:] == [
        "release.started",
        "item.released",
        "item.published",
        *["item.released"] * 3,
        *["item.published"] * 3,
        "release.finished",
    ]


async def test_the_release_accounts_for_what_waited(world: World) -> None:
    connection, _ = await world.lane(3)
    await expire(world, connection)
    await world.run()
    world.pass_time(timedelta(hours=1))
    await reconnect(world, connection)
    world.provider.tell("create_bill", None, REFUSED)
    await lists_arrive(world, connection)
    world.pass_time(timedelta(seconds=7))

    await world.run()

    said = {event["what"]: event for event in await world.said()}
    assert (said["release.started"]["waiting"], said["release.started"]["trigger"]) == (3, "reconnect")
    finished = said["release.finished"]
    assert (finished["published"], finished["failed"], finished["excluded"], finished["seconds"]) == (2, 1, 0, 7)
    assert said["item.released"]["held_seconds"] == 3607
    assert said["item.released"]["released_by"] == "reconnect"


async def test_lists_that_came_before_the_news_of_the_reconnect_count(world: World) -> None:
    connection, ids = await world.lane(2)
    await expire(world, connection)
    await world.run()

    await lists_arrive(world, connection)
    await reconnect(world, connection)
    await world.run()

    assert await world.statuses(ids) == ["published"] * 2


async def test_lists_of_an_earlier_consent_release_nothing(world: World) -> None:
    connection, ids = await world.lane(2)
    await expire(world, connection)
    await world.run()
    await reconnect(world, connection)

    await lists_arrive(world, connection, generation=1)
    await world.run()

    assert await world.statuses(ids) == ["held"] * 2


async def test_lists_that_never_come_are_waited_for_a_minute(world: World) -> None:
    connection, ids = await world.lane(2)
    await expire(world, connection)
    await world.run()
    await reconnect(world, connection)
    await world.run()

    world.pass_time(timedelta(seconds=59))
    await world.run()
    assert await world.statuses(ids) == ["held"] * 2

    world.pass_time(timedelta(seconds=1))
    await world.run()
    assert await world.statuses(ids) == ["published"] * 2


async def test_when_the_canary_fails_by_its_own_fault_the_next_is_the_canary(world: World) -> None:
    connection, ids = await world.lane(3)
    await expire(world, connection)
    await world.run()
    await reconnect(world, connection)
    await lists_arrive(world, connection)
    world.provider.tell("create_bill", REFUSED, REFUSED)

    await world.run()

    assert await world.statuses(ids) == ["failed", "failed", "published"]
    assert (await whats(world)).count("release.finished") == 1


async def test_when_the_canary_finds_the_connection_expired_again_the_gate_closes_and_nothing_is_lost(
    world: World,
) -> None:
    connection, ids = await world.lane(3)
    await expire(world, connection)
    await world.run()
    await reconnect(world, connection)
    await lists_arrive(world, connection)
    world.tokens.answer = NotUsable("grant_revoked")

    await world.run()

    assert await world.statuses(ids) == ["held"] * 3
    assert (await world.connection(connection.id)).gate is Gate.CLOSED
    assert (await whats(world)).count("item.publish-failed") == 2

    world.tokens = type(world.tokens)()
    await reconnect(world, connection, sequence=9, generation=3)
    await lists_arrive(world, connection, generation=3)
    await world.run()
    assert world.provider.numbers == ["INV-1", "INV-2", "INV-3"]


async def test_when_the_canary_lacks_a_permission_all_wait_until_somebody_says_try_again(world: World) -> None:
    connection, ids = await world.lane(3)
    await expire(world, connection)
    await world.run()
    await reconnect(world, connection)
    await lists_arrive(world, connection)
    world.provider.tell("create_bill", Refused(Problem("permission_missing", None, "Not allowed.")))

    await world.run()
    assert await world.statuses(ids) == ["failed", "held", "held"]
    assert {(await world.item(item_id)).reason for item_id in ids[1:]} == {"canary_failed"}

    await world.change(connection.id, lambda it: it.try_again())
    await world.run()
    assert await world.statuses(ids) == ["failed", "published", "published"]


async def test_settings_that_change_while_we_know_better_open_nothing(world: World) -> None:
    connection, ids = await world.lane(1)
    world.tokens.answer = NotUsable("grant_revoked")
    await world.run()
    world.tokens = type(world.tokens)()
    event = received(
        ConnectionSettingsChanged,
        sequence=7,
        connection_id=connection.id,
        business_id=connection.business_id,
        lifecycle="active",
        generation=1,
    )

    async with world.database.transaction() as tx:
        await on_connection(event, tx)
    await world.run()

    assert await world.statuses(ids) == ["held"]


async def test_what_is_asked_for_while_the_gate_opens_goes_behind_what_waited(world: World) -> None:
    connection, _ = await world.lane(3)
    await expire(world, connection)
    await world.run()
    await reconnect(world, connection)
    late = a_queued_item(bill=replace(BILL, number="INV-LATE"))
    await world.store_behind(connection, late)

    await lists_arrive(world, connection)
    await world.run()

    assert world.provider.numbers == ["INV-1", "INV-2", "INV-3", "INV-LATE"]


async def test_a_lane_longer_than_a_chunk_keeps_its_order(world: World) -> None:
    count = follow_gate.CHUNK + 3
    items = [a_queued_item(bill=replace(BILL, number=f"INV-{number}")) for number in range(count)]
    connection = await world.store(a_connection(), *items)
    await expire(world, connection)
    await world.run()
    assert (await whats(world)).count("item.held") == count

    await reconnect(world, connection)
    await lists_arrive(world, connection)
    await world.run(steps=2 * count)

    assert world.provider.numbers == [f"INV-{number}" for number in range(count)]


async def test_a_connection_that_ended_holds_with_another_reason(world: World) -> None:
    connection, ids = await world.lane(2)
    await expire(world, connection)
    await world.run()
    gone = ConnectionNews(connection.id, connection.business_id, 5, Lifecycle.DISCONNECTED, generation=1)

    await world.change(connection.id, lambda it: it.remember(gone))
    await world.run()

    assert {(await world.item(item_id)).reason for item_id in ids} == {"connection_ended"}
    assert await world.statuses(ids) == ["held"] * 2


async def test_a_reconnect_during_a_release_counts_what_is_left_into_a_new_one(world: World) -> None:
    connection, ids = await world.lane(3)
    await expire(world, connection)
    await world.run()
    await reconnect(world, connection)
    await expire(world, connection, sequence=4, generation=2)
    await world.run()

    await reconnect(world, connection, sequence=5, generation=3)
    await lists_arrive(world, connection, generation=3)
    await world.run()

    said = await whats(world)
    assert (said.count("release.started"), said.count("release.finished")) == (2, 1)
    assert await world.statuses(ids) == ["published"] * 3


async def test_a_reconnect_with_nothing_waiting_opens_the_gate_without_a_release(world: World) -> None:
    connection = await world.store(a_connection())
    await expire(world, connection)

    await reconnect(world, connection)

    assert (await world.connection(connection.id)).gate is Gate.OPEN
    assert await world.said() == []
