"""The lanes: which connection wants a worker, and what the first of its items needs."""

from datetime import timedelta

import structlog

from chassis import leases
from chassis.leases import Lease, LeaseLost
from chassis.run import Loop
from publish_svc import metrics
from publish_svc.clients import ConnectionsUnavailable
from publish_svc.domain.connections import ConnectionPicture
from publish_svc.domain.lane import LookUp, Publish, Recover, Rest, Step, next_step
from publish_svc.store import connections, items
from publish_svc.work.follow_gate import follow_gate
from publish_svc.work.look_up import look_up_item, recover_item
from publish_svc.work.publish_item import publish_item
from publish_svc.work.tools import Tools

_CHOICE = 20
_IDLE = timedelta(milliseconds=250)
_ELSEWHERE = timedelta(seconds=1)
"""How long a lane is left alone that another worker has, or that connection-svc could not be asked about."""

_log = structlog.get_logger(__name__)


async def serve_a_lane(tools: Tools) -> bool:
    """Take one step in one of the lanes that are due; False when none of those looked at needs anything.

    Any number of workers may do this at once: items of one connection are published one after the other, under the
    lease `publish:{connection_id}`, those of different connections side by side.
    """
    async with tools.database.acquire() as tx:
        waiting = await connections.due(tx, now=tools.wall.now(), limit=_CHOICE)
    for connection_id in waiting:
        if await _serve(tools, connection_id):
            return True
    return False


async def _serve(tools: Tools, connection_id: str) -> bool:
    at = tools.moment()
    async with tools.database.transaction() as tx:
        connection = await connections.get_for_update(tx, connection_id)
        if connection is None or await follow_gate(tx, connection, tools.patience, at):
            return connection is not None
        step = next_step(connection, await items.head_of_lane(tx, connection_id), now=at.wall)
        if isinstance(step, Rest):
            await connections.rest(tx, connection, step.until)
            return False
    return await _step_under_lease(tools, connection, step)


async def _step_under_lease(tools: Tools, connection: ConnectionPicture, step: Step) -> bool:
    lease = await leases.acquire(tools.database, f"publish:{connection.id}", tools.worker, tools.lease_time)
    if lease is None:
        await _leave_alone(tools, connection)
        return False
    try:
        await _step(tools, lease, connection, step)
    except ConnectionsUnavailable as trouble:
        _log.warning("lane.waiting", connection_id=connection.id, error=str(trouble))
        await _leave_alone(tools, connection)
        return False
    except LeaseLost as lost:
        metrics.lanes_lost.inc()
        _log.warning("lane.taken_over", connection_id=connection.id, error=str(lost))
    finally:
        await leases.release(tools.database, lease)
    return True


async def _step(tools: Tools, lease: Lease, connection: ConnectionPicture, step: Step) -> None:
    match step:
        case Publish(item):
            await publish_item(tools, lease, connection, item)
        case LookUp(item):
            await look_up_item(tools, lease, connection, item)
        case Recover(item):
            await recover_item(tools, lease, item)
        case Rest():
            pass


async def _leave_alone(tools: Tools, connection: ConnectionPicture) -> None:
    async with tools.database.transaction() as tx:
        await connections.rest(tx, connection, tools.wall.now() + _ELSEWHERE)


def lane_loops(tools: Tools, count: int) -> list[Loop]:
    """As many workers, so that so many connections are published to side by side."""

    async def step() -> bool:
        return await serve_a_lane(tools)

    return [Loop(f"publish-{number}", step, every=_IDLE) for number in range(1, count + 1)]
