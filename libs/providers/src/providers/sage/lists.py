"""Sage's records as our list entries."""

from collections.abc import Iterable

from providers.lists import Record, said
from providers.models import Entry, ListName

VENDOR, CUSTOMER = "VENDOR", "CUSTOMER"


def accounts(records: Iterable[Record]) -> list[Entry]:
    """The chart without control accounts (bank, debtors, creditors, VAT), which no bill's line may name."""
    return [
        Entry(
            list=ListName.ACCOUNTS,
            external_id=record["id"],
            name=_name(record),
            code=_code(record),
            type=_reference(record, "ledger_account_type"),
            tax_treatment=_reference(record, "tax_rate"),
            active=record.get("included_in_chart", True),
        )
        for record in records
        if not record.get("is_control_account")
    ]


def bank_accounts(records: Iterable[Record]) -> list[Entry]:
    return [
        Entry(
            list=ListName.BANK_ACCOUNTS,
            external_id=record["id"],
            name=_name(record),
            code=_code(record),
            type=_reference(record, "bank_account_type"),
            active=record.get("is_active", True),
        )
        for record in records
    ]


def tax_rates(records: Iterable[Record]) -> list[Entry]:
    """`tax_treatment` is the rate in per cent."""
    return [
        Entry(
            list=ListName.TAX_RATES,
            external_id=record["id"],
            name=_name(record),
            tax_treatment=_text(record, "percentage"),
            active=record.get("is_visible", True),
        )
        for record in records
    ]


def contacts(list_name: ListName, records: Iterable[Record]) -> list[Entry]:
    return [
        Entry(
            list=list_name,
            external_id=record["id"],
            name=record["name"],
            code=said(record, "reference"),
            email=said(record, "email"),
            tax_number=said(record, "tax_number"),
            active=is_in_use(record),
        )
        for record in records
    ]


def is_in_use(contact: Record) -> bool:
    return bool(contact.get("is_active", True)) and not contact.get("deleted_at")


def tracking(types: Iterable[Record], categories: Iterable[Record]) -> list[Entry]:
    """Analysis types, then their categories, which name them as their parents."""
    parents = [_tracked(one, "category", None) for one in types]
    return parents + [_tracked(one, "option", _reference(one, "analysis_type")) for one in categories]


def organisation(business: Record, financial_settings: Record) -> Entry:
    """`code` is the base currency, where Sage says one."""
    return Entry(
        list=ListName.ORGANISATION,
        external_id=business["id"],
        name=_name(business),
        code=_reference(financial_settings, "base_currency"),
    )


def _tracked(record: Record, kind: str, parent_id: str | None) -> Entry:
    return Entry(
        list=ListName.TRACKING,
        external_id=record["id"],
        parent_id=parent_id,
        name=_name(record),
        code=said(record, "code"),
        type=kind,
    )


def _name(record: Record) -> str:
    return str(record.get("name") or record["displayed_as"])


def _code(record: Record) -> str | None:
    return _text(record, "nominal_code")


def _text(record: Record, field: str) -> str | None:
    """A value that comes as a number or as a string."""
    return str(record[field]) if record.get(field) is not None else None


def _reference(record: Record, field: str) -> str | None:
    return (record.get(field) or {}).get("id") or None
