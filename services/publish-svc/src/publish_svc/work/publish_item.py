"""Publishing one item: everything is prepared, the intent is committed, the bill is written, the file is put on it.

No transaction is open while anybody is called. The exact bill is in the ledger before it is sent; from then on a
worker that dies leaves an item whose outcome is looked up before anything is written again. The receipt is stored
before the file is attached: a bill with a receipt is never written again, whatever becomes of its file.
"""

from dataclasses import dataclass
from datetime import timedelta

from chassis import leases
from chassis.leases import Lease
from providers import models
from providers.errors import OutcomeUnknown, ProviderError
from providers.errors import Refused as RefusedByProvider
from publish_svc.documents import DocumentRefused, DocumentUnavailable
from publish_svc.domain.connections import ConnectionPicture
from publish_svc.domain.items import Failure, FailureClass, Item, Receipt
from publish_svc.domain.lane import FileUnavailable, Published, Refused, Result, Unavailable, Unknown
from publish_svc.domain.ledger import Attempt, FrozenBill, Publication, supplier_key, when_to_look
from publish_svc.store import connections, items, ledger
from publish_svc.work.access import Line, Setback, meaning_of, open_line
from publish_svc.work.record import record
from publish_svc.work.tools import Tools

FAILURE_CLASSES = {
    "category_missing": FailureClass.STALE_MAPPING,
    "category_unusable": FailureClass.STALE_MAPPING,
    "tax_mismatch": FailureClass.STALE_MAPPING,
    "supplier_missing": FailureClass.STALE_MAPPING,
    "period_locked": FailureClass.PERIOD,
    "duplicate": FailureClass.DUPLICATE,
    "permission_missing": FailureClass.PERMISSION,
    "subscription_ended": FailureClass.SUBSCRIPTION,
}
"""Whose move a provider's refusal is; what is not named here is a matter of the item itself."""

POINTERS = {
    "account_id": "/lines",
    "tax_rate_id": "/lines",
    "supplier_id": "/supplier/id",
    "supplier_name": "/supplier/name",
}
"""Where in an item the parts of a bill are that have another name there."""


@dataclass(frozen=True)
class Intent:
    """A write that the ledger knows of. `send_by` is on the monotonic clock."""

    item: Item
    publication: Publication
    attempt: Attempt
    send_by: float


async def publish_item(tools: Tools, lease: Lease, connection: ConnectionPicture, item: Item) -> None:
    """Publish the first item of a lane, or find out why not, and write it down.

    Raises ConnectionsUnavailable, with nothing changed, and LeaseLost.
    """
    begun = tools.monotonic()
    try:
        line = await open_line(tools, connection)
        document = await _fetch(tools, item)
        publication = await _prepare(tools, line, connection, item)
    except Setback as setback:
        await record(tools, lease, item, setback.result)
        return
    intent = await _intend(tools, lease, item, publication, line.provider.facts.longest_processing)
    if intent is None:
        return
    try:
        receipt = item.receipt or await _write(tools, lease, line, connection, intent)
        await _attach(tools, line, connection, receipt, document)
        result: Result = Published(timedelta(seconds=tools.monotonic() - begun))
    except Setback as setback:
        result = setback.result
    await record(tools, lease, intent.item, result)


async def _fetch(tools: Tools, item: Item) -> models.Document:
    try:
        content = await tools.documents.fetch(item.document)
    except DocumentRefused as refusal:
        failure = Failure(refusal.code, FailureClass.ATTACHMENT, "/document", refusal.detail)
        raise Setback(Refused(failure)) from refusal
    except DocumentUnavailable as trouble:
        raise Setback(FileUnavailable(trouble.symptom)) from trouble
    return models.Document(item.document.file_name, item.document.content_type, content)


async def _prepare(tools: Tools, line: Line, connection: ConnectionPicture, item: Item) -> Publication:
    """The publication with the exact bill to write: the one of an earlier write while that may yet be there."""
    async with tools.database.transaction() as tx:
        publication = await ledger.publication(tx, item)
    if item.receipt is not None or publication.bill is not None:
        return publication
    try:
        supplier_id = item.bill.supplier_id or await line.provider.ensure_supplier(
            line.access, item.bill.supplier_name, supplier_key(connection.id, item.bill.supplier_name)
        )
    except RefusedByProvider as refusal:
        raise Setback(Refused(_failure(refusal))) from refusal
    except OutcomeUnknown as lost:
        raise Setback(Unavailable(lost.symptom)) from lost
    except ProviderError as error:
        raise Setback(await meaning_of(tools, connection, line, error)) from error
    return publication.intend(FrozenBill(item.bill, supplier_id, connection.settings.destination))


async def _intend(
    tools: Tools, lease: Lease, item: Item, publication: Publication, longest_processing: timedelta
) -> Intent | None:
    """Commit that we are about to write; None when item or gate changed while it was prepared."""
    send_by = tools.monotonic() + tools.write_deadline.total_seconds()
    at = tools.moment()
    look_after = when_to_look(
        sent_at=at.wall,
        write_deadline=tools.write_deadline,
        lease=tools.lease_time,
        longest_processing=longest_processing,
    )
    async with tools.database.transaction() as tx:
        await leases.extend(tx, lease, tools.lease_time)
        picture = await connections.get_for_update(tx, item.connection_id)
        current = await items.get_for_update(tx, item.id)
        if current.revision != item.revision or picture is None or not picture.lets_through:
            return None
        started = await items.save(tx, current.start(now=at.now))
        attempt = Attempt(item.id, started.attempts, item.publication, lease.token, at.now, look_after)
        await ledger.save_attempt(tx, attempt)
        await ledger.save_publication(tx, publication)
    return Intent(started, publication, attempt, send_by)


async def _write(tools: Tools, lease: Lease, line: Line, connection: ConnectionPicture, intent: Intent) -> Receipt:
    bill, key = provider_bill(intent.item, intent.publication), intent.publication.key
    if key is None:
        raise ValueError(f"nothing was intended for {intent.item.id}")
    try:
        published = await line.provider.create_bill(line.access, bill, key, intent.send_by)
    except RefusedByProvider as refusal:
        raise Setback(Refused(_failure(refusal))) from refusal
    except OutcomeUnknown as lost:
        look_after = intent.attempt.look_after or tools.wall.now()
        raise Setback(Unknown(look_after)) from lost
    except ProviderError as error:
        raise Setback(await meaning_of(tools, connection, line, error)) from error
    receipt = Receipt(line.access.organisation_id, published.provider_reference, published.url)
    async with tools.database.transaction() as tx:
        await leases.extend(tx, lease, tools.lease_time)
        await ledger.save_receipt(tx, intent.item, receipt)
    return receipt


async def _attach(
    tools: Tools, line: Line, connection: ConnectionPicture, receipt: Receipt, document: models.Document
) -> None:
    """Safe to repeat: the adapter looks for the file first. So an unknown outcome is only a reason to try again."""
    published = models.Published(receipt.provider_reference, receipt.provider_url)
    try:
        await line.provider.attach(line.access, published, document)
    except RefusedByProvider as refusal:
        failure = _failure(refusal)
        raise Setback(
            Refused(Failure(failure.code, FailureClass.ATTACHMENT, "/document", failure.message))
        ) from refusal
    except OutcomeUnknown as lost:
        raise Setback(Unavailable(lost.symptom)) from lost
    except ProviderError as error:
        raise Setback(await meaning_of(tools, connection, line, error)) from error


def provider_bill(item: Item, publication: Publication) -> models.Bill:
    """The bill as the adapters take it, from the exact bytes in the ledger."""
    if publication.bill is None:
        raise ValueError(f"nothing was intended for {item.id}")
    content = publication.bill.content
    return models.Bill(
        reference=item.reference,
        supplier_id=publication.bill.supplier_id,
        supplier_name=content.supplier_name,
        number=content.number,
        date=content.date,
        due_date=content.due_date,
        currency=content.currency,
        lines=tuple(
            models.Line(line.description, line.amount, line.account_id, line.tax_rate_id) for line in content.lines
        ),
        destination=_destination(publication.bill.destination),
    )


def _destination(name: str | None) -> models.Destination:
    """The mildest for a name that this release does not know."""
    known = {destination.value: destination for destination in models.Destination}
    return known.get(name or "", models.Destination.DRAFT)


def _failure(refusal: RefusedByProvider) -> Failure:
    """The first problem is the item's failure, in the provider's own words all of them."""
    first = refusal.problems[0]
    message = "; ".join(problem.message for problem in refusal.problems)
    pointer = POINTERS.get(first.field, f"/{first.field}") if first.field else None
    return Failure(first.code, FAILURE_CLASSES.get(first.code, FailureClass.VALIDATION), pointer, message)
