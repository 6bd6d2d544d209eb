"""Items follow their connection's gate: held while it is closed, released in order when it opens."""

from chassis import outbox
from chassis.database import Tx
from publish_svc import outgoing
from publish_svc.domain.connections import ConnectionPicture, Gate
from publish_svc.domain.items import HoldReason, ItemStatus
from publish_svc.domain.lane import Moment, Patience, hold_at_gate, tell_expiry, tells_expiry
from publish_svc.domain.releases import finish, trigger_of
from publish_svc.store import connections, items, releases
from relink_contracts.ids import new_id

CHUNK = 200
"""Items moved in one transaction: a lane of ten thousand must not lock its connection for long."""


async def follow_gate(tx: Tx, connection: ConnectionPicture, patience: Patience, at: Moment) -> bool:
    """Move what the gate says, at most CHUNK items; tells whether anything changed, so that there may be more.

    The caller has the connection's row. An open gate first lets go all that is held: only then is there anything to
    publish, so that what is asked for later stays behind.
    """
    match connection.gate:
        case Gate.CLOSED:
            return (
                await _tell_expiry(tx, connection, at)
                or await _hold(tx, connection, at)
                or await _probe(tx, connection, patience, at)
            )
        case Gate.WAITING_FOR_LISTS:
            return await _wait_for_lists(tx, connection, patience, at)
        case Gate.CANARY:
            return await _send_canary(tx, connection, at)
        case Gate.OPEN:
            return await _release(tx, connection, at) or await _finish_release(tx, connection, at)


async def _hold(tx: Tx, connection: ConnectionPicture, at: Moment) -> bool:
    reason = connection.hold_reason
    if reason is None:
        raise ValueError(f"the gate of {connection.id} is closed for no reason")
    holdings = []
    for item in await items.next_to_hold(tx, connection.id, reason, limit=CHUNK):
        holding = hold_at_gate(item, connection, reason, now=at.now)
        connection = holding.connection
        holdings.append(holding)
    if not holdings:
        return False
    await items.save_held(tx, *holdings)
    await connections.save(tx, connection)
    await outbox.add(tx, *(event for holding in holdings for event in outgoing.item_held(holding, at=at.now)))
    return True


async def _tell_expiry(tx: Tx, connection: ConnectionPicture, at: Moment) -> bool:
    head = await items.head_of_lane(tx, connection.id)
    if head is None or not tells_expiry(connection, head):
        return False
    told = tell_expiry(head, connection, now=at.now)
    await items.save(tx, told.item)
    await connections.save(tx, told.connection)
    await outbox.add(tx, outgoing.item_publish_failed(told.item, at=at.now))
    return True


async def _probe(tx: Tx, connection: ConnectionPicture, patience: Patience, at: Moment) -> bool:
    if connection.gate_until is not None and connection.gate_until <= at.wall:
        await connections.save(tx, connection.try_canary())
        return True
    if connection.gate_until is None and connection.hold_reason is HoldReason.PROVIDER_DEGRADED:
        await connections.save(tx, connection.wait_until(at.wall + patience.probe_after))
        return True
    return False


async def _wait_for_lists(tx: Tx, connection: ConnectionPicture, patience: Patience, at: Moment) -> bool:
    if connection.gate_until is None:
        # The wait is measured from here, since only workers read the system's clock.
        await connections.save(tx, connection.wait_until(at.wall + patience.lists_wait))
        return True
    if connection.gate_until <= at.wall:
        await connections.save(tx, connection.try_canary())
        return True
    return False


async def _send_canary(tx: Tx, connection: ConnectionPicture, at: Moment) -> bool:
    head = await items.head_of_lane(tx, connection.id)
    if head is not None and head.status is not ItemStatus.HELD:
        return False
    if head is not None:
        await _let_go(tx, connection, at, limit=1)
    await connections.save(tx, connection if head else connection.open())
    return True


async def _release(tx: Tx, connection: ConnectionPicture, at: Moment) -> bool:
    waiting = await items.next_to_release(tx, connection.id, limit=1)
    if not waiting:
        return False
    if connection.release_id is None:
        trigger = trigger_of(waiting[0].reason)
        release = await releases.begin(tx, connection, new_id("rel"), trigger, now=at.now)
        connection = connection.start_release(release.id)
        await outbox.add(tx, outgoing.release_started(release, at=at.now))
    await _let_go(tx, connection, at, limit=CHUNK)
    await connections.save(tx, connection)
    return True


async def _let_go(tx: Tx, connection: ConnectionPicture, at: Moment, *, limit: int) -> None:
    held = await items.next_to_release(tx, connection.id, limit=limit)
    released = [item.release(now=at.now) for item in held]
    await items.save_released(tx, released)
    await outbox.add(
        tx,
        *(
            outgoing.item_released(before, after, released_by=trigger_of(before.reason), at=at.now)
            for before, after in zip(held, released, strict=True)
        ),
    )


async def _finish_release(tx: Tx, connection: ConnectionPicture, at: Moment) -> bool:
    if connection.release_id is None:
        return False
    release = await releases.get(tx, connection.release_id)
    finished = finish(release, await releases.tally(tx, release.id), now=at.now)
    if finished is None:
        return False
    await releases.finish(tx, finished, at=at.now)
    await connections.save(tx, connection.finish_release())
    await outbox.add(tx, outgoing.release_finished(finished, at=at.now))
    return True
