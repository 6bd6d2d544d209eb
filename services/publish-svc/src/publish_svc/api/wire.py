"""The shapes of requests and answers."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_serializer, model_validator

from publish_svc.domain.items import BillContent, DocumentRef, Item, Line

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[\w.-]+$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Amount = Annotated[Decimal, Field(max_digits=18, decimal_places=4)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Money(_Closed):
    amount: Amount
    currency: Currency

    @field_serializer("amount")
    def _exactly(self, amount: Decimal) -> str:
        return f"{amount:f}"


class SupplierBody(_Closed):
    """`id` is the provider's, from its list; without it the supplier is found by name, or created."""

    id: Text | None = None
    name: Text


class LineBody(_Closed):
    """`amount` is without tax; the ids are the provider's, from its lists."""

    description: Text
    amount: Money
    account_id: Text
    tax_rate_id: Text | None = None


class DocumentBody(_Closed):
    """Where the file lies when the item is published, and the hash that proves it."""

    url: Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://")]
    sha256: Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9a-fA-F]{64}$")]
    file_name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^/\\\x00-\x1f]+$")]
    content_type: Annotated[str, StringConstraints(pattern=r"^[\w.+-]+/[\w.+-]+$", max_length=100)]


class ItemBody(_Closed):
    connection_id: Id
    supplier: SupplierBody
    number: Text
    date: dt.date
    due_date: dt.date | None = None
    currency: Currency
    lines: Annotated[tuple[LineBody, ...], Field(min_length=1, max_length=200)]
    document: DocumentBody

    @model_validator(mode="after")
    def _has_one_currency(self) -> Self:
        if any(line.amount.currency != self.currency for line in self.lines):
            raise ValueError("every line must be in the item's currency")
        return self

    def bill(self) -> BillContent:
        return BillContent(
            supplier_id=self.supplier.id,
            supplier_name=self.supplier.name,
            number=self.number,
            date=self.date,
            due_date=self.due_date,
            currency=self.currency,
            lines=tuple(
                Line(line.description, line.amount.amount, line.account_id, line.tax_rate_id) for line in self.lines
            ),
        )

    def file(self) -> DocumentRef:
        return DocumentRef(**self.document.model_dump())


class AskBody(_Closed):
    """`again`: a published item becomes a second document at the provider."""

    again: bool = False


class AskManyBody(_Closed):
    ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=200)]


class FailureOut(BaseModel):
    code: str
    class_: str = Field(serialization_alias="class")
    field: str | None
    provider_message: str | None


class ItemOut(BaseModel):
    """`reason` is what a held item waits for, or the code of a failed one's `failure`."""

    item_id: str
    external_id: str
    connection_id: str
    status: str
    reason: str | None
    failure: FailureOut | None
    provider_message: str | None
    supplier: SupplierBody
    number: str
    date: dt.date
    due_date: dt.date | None
    currency: str
    total: Money
    lines: tuple[LineBody, ...]
    document: DocumentBody
    position: int | None
    publication: int
    attempts: int
    next_attempt_at: dt.datetime | None
    held_since: dt.datetime | None
    organisation_id: str | None
    provider_reference: str | None
    provider_url: str | None
    created_at: dt.datetime
    updated_at: dt.datetime


class ItemsOut(BaseModel):
    items: tuple[ItemOut, ...]
    next: str | None


class RefusedOut(BaseModel):
    item_id: str
    code: str
    detail: str


class AskedOut(BaseModel):
    """`items` are on their way; `refused` were left as they are."""

    bulk_id: str
    items: tuple[ItemOut, ...]
    refused: tuple[RefusedOut, ...]


class CountsOut(BaseModel):
    statuses: dict[str, int]


class HistoryEntryOut(BaseModel):
    """`what` is the status the item came to, or `attempt`; `detail` its reason, or how the attempt ended."""

    at: dt.datetime
    what: str
    detail: str | None
    attempt: int | None = None


class HistoryOut(BaseModel):
    items: tuple[HistoryEntryOut, ...]
    next: None = None


class ReleaseOut(BaseModel):
    """The release that is running, or that ran last."""

    release_id: str
    trigger: str
    total: int
    published: int
    failed: int
    unsettled: int
    started_at: dt.datetime


class HeldOut(BaseModel):
    """What waits at a connection, in the order it will go. `reason` is why its gate is not open."""

    connection_id: str
    gate: Literal["open", "closed", "waiting_for_lists", "canary"]
    reason: str | None
    waiting: int
    release: ReleaseOut | None
    items: tuple[ItemOut, ...]
    next: str | None


def item_out(item: Item) -> ItemOut:
    bill, receipt, failure = item.bill, item.receipt, item.failure
    return ItemOut(
        item_id=item.id,
        external_id=item.external_id,
        connection_id=item.connection_id,
        status=item.status,
        reason=item.reason,
        failure=failure
        and FailureOut(code=failure.code, class_=failure.kind, field=failure.field, provider_message=failure.message),
        provider_message=failure.message if failure else None,
        supplier=SupplierBody(id=bill.supplier_id, name=bill.supplier_name),
        number=bill.number,
        date=bill.date,
        due_date=bill.due_date,
        currency=bill.currency,
        total=Money(amount=sum((line.amount for line in bill.lines), Decimal(0)), currency=bill.currency),
        lines=tuple(
            LineBody(
                description=line.description,
                amount=Money(amount=line.amount, currency=bill.currency),
                account_id=line.account_id,
                tax_rate_id=line.tax_rate_id,
            )
            for line in bill.lines
        ),
        document=DocumentBody(**vars(item.document)),
        position=item.position,
        publication=item.publication,
        attempts=item.attempts,
        next_attempt_at=item.not_before,
        held_since=item.held_at,
        organisation_id=receipt.organisation_id if receipt else None,
        provider_reference=receipt.provider_reference if receipt else None,
        provider_url=receipt.provider_url if receipt else None,
        created_at=item.created_at,
        updated_at=item.updated_at,
    )
