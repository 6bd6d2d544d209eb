"""Xero's records as our list entries."""

from collections.abc import Iterable
from urllib.parse import quote, unquote

from providers.lists import Record, said
from providers.models import Entry, ListName


def account_id_of(code: str) -> str:
    """Our id for an account: its code, which is what a bill names. Codes are the customer's and may hold slashes."""
    return quote(code, safe=" ")


def account_code_of(external_id: str) -> str:
    return unquote(external_id)


def accounts(records: Iterable[Record], tax_rates: Iterable[Record]) -> list[Entry]:
    """The chart of accounts without bank accounts. An account without a code cannot be named on a bill: left out."""
    rates = [rate for rate in tax_rates if rate.get("Status") == "ACTIVE"]
    return [
        Entry(
            list=ListName.ACCOUNTS,
            external_id=account_id_of(record["Code"]),
            name=record["Name"],
            code=record["Code"],
            type=record["Type"],
            tax_treatment=said(record, "TaxType"),
            valid_tax_rates=tuple(rate["TaxType"] for rate in rates if _applies(rate, record)),
            active=record["Status"] == "ACTIVE",
        )
        for record in records
        if record["Type"] != "BANK" and said(record, "Code")
    ]


def bank_accounts(records: Iterable[Record]) -> list[Entry]:
    return [
        Entry(
            list=ListName.BANK_ACCOUNTS,
            external_id=record["AccountID"],
            name=record["Name"],
            code=said(record, "Code"),
            type=said(record, "BankAccountType"),
            active=record["Status"] == "ACTIVE",
        )
        for record in records
        if record["Type"] == "BANK"
    ]


def tax_rates(records: Iterable[Record]) -> list[Entry]:
    """`tax_treatment` is the rate in per cent."""
    return [
        Entry(
            list=ListName.TAX_RATES,
            external_id=record["TaxType"],
            name=record["Name"],
            type=said(record, "ReportTaxType"),
            tax_treatment=str(record["EffectiveRate"]) if "EffectiveRate" in record else None,
            active=record.get("Status") == "ACTIVE",
        )
        for record in records
    ]


def suppliers(contacts: Iterable[Record]) -> list[Entry]:
    """Contacts that may bill us: all but pure customers, since Xero marks a supplier only after its first bill."""
    billable = (one for one in contacts if one.get("IsSupplier") or not one.get("IsCustomer"))
    return [_contact(one, ListName.SUPPLIERS, "AccountsPayableTaxType") for one in billable]


def customers(contacts: Iterable[Record]) -> list[Entry]:
    sold_to = (one for one in contacts if one.get("IsCustomer"))
    return [_contact(one, ListName.CUSTOMERS, "AccountsReceivableTaxType") for one in sold_to]


def tracking(categories: Iterable[Record]) -> list[Entry]:
    """Categories, each followed by its options, which name it as their parent."""
    entries = []
    for category in categories:
        parent = category["TrackingCategoryID"]
        entries.append(_tracked(category, parent, None))
        entries += [_tracked(option, option["TrackingOptionID"], parent) for option in category.get("Options") or ()]
    return entries


def organisation(records: Iterable[Record]) -> list[Entry]:
    """`code` is the base currency, `type` the country."""
    return [
        Entry(
            list=ListName.ORGANISATION,
            external_id=record["OrganisationID"],
            name=record["Name"],
            code=said(record, "BaseCurrency"),
            type=said(record, "CountryCode"),
            tax_number=said(record, "TaxNumber"),
        )
        for record in records
    ]


def _applies(rate: Record, account: Record) -> bool:
    kind = {"ASSET": "Assets", "EQUITY": "Equity", "EXPENSE": "Expenses", "LIABILITY": "Liabilities"}.get(
        account.get("Class", ""), "Revenue"
    )
    return bool(rate.get(f"CanApplyTo{kind}"))


def _contact(record: Record, list_name: ListName, tax_field: str) -> Entry:
    return Entry(
        list=list_name,
        external_id=record["ContactID"],
        name=record["Name"],
        code=said(record, "AccountNumber"),
        tax_treatment=said(record, tax_field),
        email=said(record, "EmailAddress"),
        tax_number=said(record, "TaxNumber"),
        active=record["ContactStatus"] == "ACTIVE",
    )


def _tracked(record: Record, external_id: str, parent_id: str | None) -> Entry:
    return Entry(
        list=ListName.TRACKING,
        external_id=external_id,
        parent_id=parent_id,
        name=record["Name"],
        type="option" if parent_id else "category",
        active=record.get("Status", "ACTIVE") == "ACTIVE",
    )
