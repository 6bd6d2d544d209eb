"""FreeAgent's records as our list entries."""

from providers.freeagent.ids import id_in
from providers.lists import Record, said
from providers.models import Entry, ListName

GROUPS = "_categories"
UNTAXED = {"EXEMPT": "Exempt", "OUT_OF_SCOPE": "Out of scope"}
"""What a line may say in place of a rate, which stands among the rates for us."""
HIDDEN = "Hidden"


def accounts(groups: Record) -> list[Entry]:
    """All categories. `type` is the group: admin_expenses, cost_of_sales, income or general."""
    return [
        Entry(
            list=ListName.ACCOUNTS,
            external_id=id_in(record["url"]),
            name=record["description"],
            code=record["nominal_code"],
            type=name.removesuffix(GROUPS),
            tax_treatment=said(record, "auto_sales_tax_rate"),
        )
        for name, records in groups.items()
        if name.endswith(GROUPS)
        for record in records
    ]


def tax_rates(company: Record) -> list[Entry]:
    """The company's rates, which are their own ids, and the two ways of having none."""
    rates = [str(rate) for rate in company.get("sales_tax_rates") or ()]
    named = [(rate, f"{rate}%", rate) for rate in rates] + [(mark, name, None) for mark, name in UNTAXED.items()]
    return [
        Entry(list=ListName.TAX_RATES, external_id=rate, name=name, tax_treatment=per_cent)
        for rate, name, per_cent in named
    ]


def contact(list_name: ListName, record: Record) -> Entry:
    return Entry(
        list=list_name,
        external_id=id_in(record["url"]),
        name=name_of(record),
        email=said(record, "email"),
        tax_number=said(record, "sales_tax_registration_number"),
        active=record.get("status") != HIDDEN,
    )


def name_of(record: Record) -> str:
    """A contact is an organisation or a person."""
    person = f"{record.get('first_name') or ''} {record.get('last_name') or ''}".strip()
    return said(record, "organisation_name") or person


def project(record: Record) -> Entry:
    return Entry(
        list=ListName.PROJECTS,
        external_id=id_in(record["url"]),
        name=record["name"],
        active=record.get("status", "Active") == "Active",
    )


def bank_account(record: Record) -> Entry:
    return Entry(
        list=ListName.BANK_ACCOUNTS,
        external_id=id_in(record["url"]),
        name=record["name"],
        type=said(record, "type"),
        active=record.get("status", "active") == "active",
    )


def organisation(company: Record) -> Entry:
    """`code` is the currency. The country is not told."""
    return Entry(
        list=ListName.ORGANISATION,
        external_id=str(company["id"]),
        name=company["name"],
        code=said(company, "currency"),
        tax_number=said(company, "sales_tax_registration_number"),
    )
