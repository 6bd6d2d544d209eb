"""The upstream hands items over."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from chassis.clock import Clock
from chassis.database import Database, Tx
from chassis.http import allow, may_answer
from chassis.service_tokens import Caller, Gate
from publish_svc.api.callers import WRITERS, lock_item
from publish_svc.api.problems import connection_unknown, item_unknown, told_as_problems
from publish_svc.api.wire import ItemBody, ItemOut, item_out
from publish_svc.domain.items import Item, ItemStatus
from publish_svc.store import connections, items, ledger
from relink_contracts.ids import new_id

ExternalId = Annotated[str, Path(min_length=1, max_length=200)]


def router(database: Database, gate: Gate, clock: Clock) -> APIRouter:
    api = APIRouter(prefix="/api/v1/items", tags=["items"])
    writer = Annotated[Caller, Depends(allow(gate, *WRITERS))]

    @api.put("/{external_id}", responses={201: {"model": ItemOut}, **may_answer(404, 409)})
    async def deliver_item(external_id: ExternalId, body: ItemBody, caller: writer, response: Response) -> ItemOut:
        """Create the item, or correct it. The same again changes nothing.

        A correction keeps status and place. 409 `item_not_editable` once the provider has the bill, or may have it;
        then only the file of a bill whose attachment failed can be replaced.
        """
        with told_as_problems():
            async with database.transaction() as tx:
                connection = await connections.get(tx, body.connection_id)
                if connection is None or connection.business_id != caller.business_id:
                    raise connection_unknown(body.connection_id)
                fresh = _new_item(external_id, body, caller.business_id, clock)
                if await items.add(tx, fresh):
                    response.status_code = 201
                    return item_out(fresh)
                return item_out(await _correct(tx, external_id, body, caller.business_id, clock))

    return api


def _new_item(external_id: str, body: ItemBody, business_id: str, clock: Clock) -> Item:
    now = clock.now()
    return Item(
        id=new_id("itm"),
        business_id=business_id,
        external_id=external_id,
        connection_id=body.connection_id,
        bill=body.bill(),
        document=body.file(),
        status=ItemStatus.READY,
        created_at=now,
        updated_at=now,
    )


async def _correct(tx: Tx, external_id: str, body: ItemBody, business_id: str, clock: Clock) -> Item:
    found = await items.get_by_external_id(tx, business_id, external_id)
    if found is None:
        raise item_unknown(external_id)
    _, item = await lock_item(tx, business_id, found.id)
    bill, document = body.bill(), body.file()
    if (bill, document, body.connection_id) == (item.bill, item.document, item.connection_id):
        return item
    corrected = await items.save(tx, item.correct(bill, document, body.connection_id, now=clock.now()))
    if corrected.receipt is None:
        publication = await ledger.publication(tx, corrected)
        await ledger.save_publication(tx, publication.not_done())
    return corrected
