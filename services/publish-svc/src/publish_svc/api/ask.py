"""Somebody asks to publish items: each takes the next place in the lane of its connection."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from chassis import outbox
from chassis.clock import Clock
from chassis.database import Database, Tx
from chassis.http import allow, may_answer
from chassis.service_tokens import Caller, Gate
from publish_svc import outgoing
from publish_svc.api.callers import WRITERS, lock_item
from publish_svc.api.problems import as_problem, item_unknown, told_as_problems
from publish_svc.api.wire import AskBody, AskedOut, AskManyBody, Id, ItemOut, RefusedOut, item_out
from publish_svc.domain.connections import ConnectionPicture
from publish_svc.domain.errors import NotPublishable
from publish_svc.domain.items import Item, ItemStatus
from publish_svc.domain.lane import hold_at_gate
from publish_svc.store import connections, items
from relink_contracts.envelope import Actor
from relink_contracts.ids import new_id


def router(database: Database, gate: Gate, clock: Clock) -> APIRouter:
    api = APIRouter(prefix="/api/v1/items", tags=["items"])
    writer = Annotated[Caller, Depends(allow(gate, *WRITERS))]

    @api.post("/publish", status_code=202, responses=may_answer(404, 409))
    async def publish_items(body: AskManyBody, caller: writer) -> AskedOut:
        """Ask for many, in this order. 404, and nothing asked, when one of them is unknown."""
        bulk_id = new_id("blk")
        async with database.transaction() as tx:
            await _lock_connections(tx, caller.business_id, body.ids)
            asked, refused = [], []
            for item_id in body.ids:
                connection, item = await lock_item(tx, caller.business_id, item_id)
                try:
                    asked.append(await _ask(tx, connection, item, caller, now=clock.now(), bulk_id=bulk_id))
                except NotPublishable as error:
                    refused.append(RefusedOut(item_id=item_id, code=as_problem(error).code, detail=f"{error}."))
        return AskedOut(bulk_id=bulk_id, items=tuple(map(item_out, asked)), refused=tuple(refused))

    @api.post("/{item_id}/publish", status_code=202, responses=may_answer(404, 409))
    async def publish_item(item_id: Id, caller: writer, response: Response, body: AskBody | None = None) -> ItemOut:
        """Ask for one. Already on its way: nothing changes. 409 `item_not_publishable` in any other state."""
        response.headers["Location"] = f"/api/v1/items/{item_id}"
        with told_as_problems():
            async with database.transaction() as tx:
                connection, item = await lock_item(tx, caller.business_id, item_id)
                again = body is not None and body.again
                return item_out(await _ask(tx, connection, item, caller, now=clock.now(), again=again))

    @api.post("/{item_id}/retry", status_code=202, responses=may_answer(404, 409))
    async def retry_item(item_id: Id, caller: writer, response: Response) -> ItemOut:
        """Ask again for one that failed; it goes to the end of its lane.

        Where the canary of a release failed for the connection's sake, this is also the word to try the next one.
        """
        response.headers["Location"] = f"/api/v1/items/{item_id}"
        with told_as_problems():
            async with database.transaction() as tx:
                connection, item = await lock_item(tx, caller.business_id, item_id)
                if not item.is_on_the_way and item.status is not ItemStatus.FAILED:
                    raise NotPublishable(item_id, item.status)
                return item_out(await _ask(tx, connection.try_again(), item, caller, now=clock.now()))

    return api


async def _lock_connections(tx: Tx, business_id: str, item_ids: tuple[str, ...]) -> None:
    """Lock all their connections in one order, so that two such requests cannot wait for each other."""
    found = {item_id: await items.get(tx, business_id, item_id) for item_id in item_ids}
    for item_id, item in found.items():
        if item is None:
            raise item_unknown(item_id)
    for connection_id in sorted({item.connection_id for item in found.values() if item is not None}):
        await connections.get_for_update(tx, connection_id)


async def _ask(  # noqa: PLR0913 - who asks for what, and how
    tx: Tx,
    connection: ConnectionPicture,
    item: Item,
    caller: Caller,
    *,
    now: datetime,
    bulk_id: str | None = None,
    again: bool = False,
) -> Item:
    if item.is_on_the_way:
        return item
    connection = connection.next_position()
    asked = item.ask(position=connection.last_position, by=caller.subject, now=now, again=again)
    asked = await items.save(tx, asked)
    said = [outgoing.item_publish_requested(asked, Actor(type="user", id=caller.subject), bulk_id=bulk_id, at=now)]
    if connection.hold_reason is not None:
        holding = hold_at_gate(asked, connection, connection.hold_reason, now=now)
        await items.save_held(tx, holding)
        connection, asked = holding.connection, holding.item
        said += outgoing.item_held(holding, at=now)
    await connections.save(tx, connection)
    await outbox.add(tx, *said)
    return asked
