"""QuickBooks' records as our list entries."""

from typing import Any

from providers.lists import Record, said
from providers.models import Entry, ListName


def account(record: Record) -> Entry:
    return _named(
        ListName.ACCOUNTS,
        record,
        name=record.get("FullyQualifiedName") or record["Name"],
        parent_id=_reference(record, "ParentRef"),
        code=said(record, "AcctNum"),
        type=record["AccountType"],
        tax_treatment=_reference(record, "TaxCodeRef"),
    )


def bank_account(record: Record) -> Entry:
    return _named(
        ListName.BANK_ACCOUNTS, record, name=record["Name"], code=said(record, "AcctNum"), type=record["AccountType"]
    )


def tax_code(record: Record) -> Entry:
    """What a bill's line names is a tax code, which stands for one or more rates."""
    return _named(ListName.TAX_RATES, record, name=record["Name"], tax_treatment=said(record, "Description"))


def vendor(record: Record) -> Entry:
    return _party(ListName.SUPPLIERS, record)


def customer(record: Record) -> Entry:
    return _party(ListName.CUSTOMERS, record)


def tracked(record: Record, kind: str) -> Entry:
    """A class or a location: two entities with one number range each, so the kind is part of the id."""
    parent = _reference(record, "ParentRef")
    return Entry(
        list=ListName.TRACKING,
        external_id=f"{kind}-{record['Id']}",
        parent_id=f"{kind}-{parent}" if parent else None,
        name=record["Name"],
        type=kind,
        active=record.get("Active", True),
    )


def company(info: Record, preferences: Record, realm: str) -> Entry:
    """`code` is the home currency, `type` the country."""
    return Entry(
        list=ListName.ORGANISATION,
        external_id=realm,
        name=info["CompanyName"],
        code=_reference(preferences.get("CurrencyPrefs") or {}, "HomeCurrency"),
        type=said(info, "Country"),
    )


def _party(list_name: ListName, record: Record) -> Entry:
    return _named(
        list_name,
        record,
        name=record["DisplayName"],
        parent_id=_reference(record, "ParentRef"),
        code=said(record, "AcctNum"),
        email=(record.get("PrimaryEmailAddr") or {}).get("Address") or None,
        # QuickBooks masks all but the last digits, so equal ends of different numbers would look like one.
        tax_number=None,
    )


def _named(list_name: ListName, record: Record, *, name: str, **fields: Any) -> Entry:
    return Entry(list=list_name, external_id=str(record["Id"]), name=name, active=record.get("Active", True), **fields)


def _reference(record: Record, field: str) -> str | None:
    return (record.get(field) or {}).get("value") or None
