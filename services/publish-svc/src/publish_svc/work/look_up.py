"""Items whose outcome nobody knows: a worker died, or an answer was lost. We look before we write again."""

from chassis import leases
from chassis.leases import Lease
from providers.errors import ProviderError
from publish_svc.domain.connections import ConnectionPicture
from publish_svc.domain.items import Item, Receipt
from publish_svc.domain.lane import Found, NotFound, Result, Unknown
from publish_svc.store import ledger
from publish_svc.work.access import Setback, meaning_of, open_line
from publish_svc.work.publish_item import provider_bill
from publish_svc.work.record import record
from publish_svc.work.tools import Tools


async def recover_item(tools: Tools, lease: Lease, item: Item) -> None:
    """Take over an item that somebody was publishing when his lease ended.

    With a receipt its bill is there, and only the file is missing; without, it is uncertain. Raises LeaseLost.
    """
    async with tools.database.transaction() as tx:
        attempt = await ledger.attempt(tx, item.id, item.attempts)
    look_after = (attempt and attempt.look_after) or tools.wall.now()
    result: Result = Found() if item.receipt else Unknown(look_after)
    await record(tools, lease, item, result)


async def look_up_item(tools: Tools, lease: Lease, connection: ConnectionPicture, item: Item) -> None:
    """Ask the provider for an uncertain item's document, and write down what it says.

    Found: the item goes on with its file. Not found: it is queued again, with the same key and identical bytes.
    Raises ConnectionsUnavailable, with nothing changed, and LeaseLost.
    """
    try:
        result = await _look(tools, lease, connection, item)
    except Setback as setback:
        result = setback.result
    await record(tools, lease, item, result)


async def _look(tools: Tools, lease: Lease, connection: ConnectionPicture, item: Item) -> Result:
    line = await open_line(tools, connection)
    async with tools.database.transaction() as tx:
        bill = provider_bill(item, await ledger.publication(tx, item))
    try:
        found = await line.provider.find_bill(line.access, bill)
    except ProviderError as error:
        return await meaning_of(tools, connection, line, error)
    if found is None:
        return NotFound()
    async with tools.database.transaction() as tx:
        await leases.guard(tx, lease)
        receipt = Receipt(line.access.organisation_id, found.provider_reference, found.url)
        await ledger.save_receipt(tx, item, receipt)
    return Found()
