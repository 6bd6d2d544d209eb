"""The practice businesses of Sage Accounting as they are at the first start."""

from datetime import date, datetime

from simulator import organisations
from simulator.books.chart import ARCHIVED_CODES, ChartAccount, full_chart, small_chart
from simulator.books.contacts import PracticeContact, practice_contacts
from simulator.encoding import Json
from simulator.organisations import Organisation
from simulator.records import NewRecord, Place, add
from simulator.sage.contacts import new_contact
from simulator.sage.formats import PROVIDER, fixed_id, new_id, reference_to
from simulator.state import Tx

EXPECTED = Organisation("7a1c4e0f92b84d6fa35e0c1d8b964271", "Demo Trading Ltd")
OTHER = Organisation("e4920b7dc1354a08b6f2d85317ac90fe", "Other Org Ltd")
LOCKED_UNTIL = date(2024, 12, 31)
ACCOUNT_TYPES = {
    "BANK": "CURRENT_ASSETS",
    "CURRENT": "CURRENT_ASSETS",
    "INVENTORY": "CURRENT_ASSETS",
    "PREPAYMENT": "CURRENT_ASSETS",
    "FIXED": "FIXED_ASSETS",
    "NONCURRENT": "FIXED_ASSETS",
    "CURRLIAB": "CURRENT_LIABILITIES",
    "TERMLIAB": "FUTURE_LIABILITIES",
    "EQUITY": "EQUITY",
    "REVENUE": "SALES",
    "OTHERINCOME": "OTHER_INCOME",
    "DIRECTCOSTS": "DIRECT_EXPENSES",
    "OVERHEADS": "OVERHEADS",
    "EXPENSE": "OVERHEADS",
    "DEPRECIATN": "DEPRECIATION",
}
"""Xero's account types in Sage's words."""
CONTROL_ACCOUNTS = {"Accounts Receivable", "Accounts Payable", "VAT"}
TAX_RATES = (
    ("GB_STANDARD", "Standard", "20.0"),
    ("GB_LOWER", "Lower Rate", "5.0"),
    ("GB_ZERO", "Zero Rated", "0.0"),
    ("GB_EXEMPT", "Exempt", "0.0"),
    ("GB_NO_TAX", "No Tax", "0.0"),
)
TAX_OF_XERO = {"INPUT2": "GB_STANDARD", "OUTPUT2": "GB_STANDARD", "RRINPUT": "GB_LOWER", "RROUTPUT": "GB_LOWER"}
ANALYSIS = {"Department": ("Sales", "Operations", "Administration"), "Region": ("North", "South", "Scotland")}


def seed(tx: Tx, at: datetime) -> None:
    organisations.add(tx, PROVIDER, EXPECTED)
    organisations.add(tx, PROVIDER, OTHER)
    _fill(tx, EXPECTED, full_chart(), practice_contacts("demo trading", 320, 200), at)
    _fill(tx, OTHER, small_chart(), practice_contacts("other org", 40, 25), at)


def open_another(tx: Tx, name: str, at: datetime) -> str:
    """One more, with short lists, and the id it got."""
    business = Organisation(new_id(), name)
    organisations.add(tx, PROVIDER, business)
    _fill(tx, business, small_chart(), practice_contacts(name, 12, 8), at)
    return business.id


def _fill(
    tx: Tx, business: Organisation, chart: list[ChartAccount], contacts: tuple[PracticeContact, ...], at: datetime
) -> None:
    place = Place(PROVIDER, business.id)
    ids = {account.code: fixed_id(business.id, "account", account.code) for account in chart}
    add(tx, place, [_financial_settings()], at=at)
    add(tx, place, [_tax_rate(*rate) for rate in TAX_RATES], at=at)
    add(tx, place, [ledger_account(ids[account.code], account) for account in chart], at=at)
    add(tx, place, [_bank_account(business, one, ids[one.code]) for one in chart if one.type == "BANK"], at=at)
    add(tx, place, [_contact(business, contact) for contact in contacts], at=at)
    for name, categories in ANALYSIS.items():
        type_id = fixed_id(business.id, "analysis", name)
        parent = reference_to("analysis_types", type_id, name)
        add(tx, place, [NewRecord("analysis_types", type_id, name, {"displayed_as": name, "name": name})], at=at)
        add(tx, place, [_category(business, parent, one) for one in categories], at=at)


def _financial_settings() -> NewRecord:
    body: Json = {
        "displayed_as": "Financial settings",
        "base_currency": reference_to("currencies", "GBP", "Pound Sterling (GBP)"),
        "year_end_lockdown_date": LOCKED_UNTIL.isoformat(),
        "_currencies": ["GBP", "EUR"],
    }
    return NewRecord("financial_settings", "1", "", body)


def _tax_rate(rate_id: str, name: str, percentage: str) -> NewRecord:
    body: Json = {
        "displayed_as": f"{name} {percentage}%",
        "name": name,
        "percentage": percentage,
        "is_visible": True,
        "_usages": ["sales", "purchase"],
    }
    return NewRecord("tax_rates", rate_id, name, body)


def ledger_account(account_id: str, account: ChartAccount) -> NewRecord:
    kind = ACCOUNT_TYPES[account.type]
    tax = TAX_OF_XERO.get(account.tax, "GB_NO_TAX")
    body: Json = {
        "displayed_as": f"{account.name} ({account.code})",
        "name": account.name,
        "display_name": account.name,
        "nominal_code": int(account.code),
        "ledger_account_type": reference_to("ledger_account_types", kind, kind.replace("_", " ").title()),
        "tax_rate": reference_to("tax_rates", tax, tax),
        "is_control_account": account.type == "BANK" or account.name in CONTROL_ACCOUNTS,
        "included_in_chart": account.code not in ARCHIVED_CODES,
        "visible_in_banking": account.type == "BANK",
        "visible_in_expenses": account.type in {"DIRECTCOSTS", "OVERHEADS", "EXPENSE", "DEPRECIATN", "FIXED"},
        "visible_in_sales": account.type in {"REVENUE", "OTHERINCOME"},
    }
    return NewRecord("ledger_accounts", account_id, account.code, body)


def _bank_account(business: Organisation, account: ChartAccount, ledger_account_id: str) -> NewRecord:
    kind = "CREDIT_CARD" if "Card" in account.name else "CURRENT"
    body: Json = {
        "displayed_as": f"{account.name} ({account.code})",
        "bank_account_type": reference_to("bank_account_types", kind, kind.replace("_", " ").title()),
        "ledger_account": reference_to("ledger_accounts", ledger_account_id, account.name),
        "nominal_code": int(account.code),
        "balance": "0.00",
        "is_active": True,
    }
    return NewRecord("bank_accounts", fixed_id(business.id, "bank", account.code), account.code, body)


def _contact(business: Organisation, contact: PracticeContact) -> NewRecord:
    fields = {
        "name": contact.name,
        "contact_type_ids": ["VENDOR" if contact.role == "supplier" else "CUSTOMER"],
        "email": contact.email,
        "tax_number": contact.tax_number,
        "is_active": not contact.archived,
    }
    return new_contact(fixed_id(business.id, "contact", contact.name), fields)


def _category(business: Organisation, parent: Json, name: str) -> NewRecord:
    category_id = fixed_id(business.id, "analysis", parent["displayed_as"], name)
    body: Json = {"displayed_as": name, "name": name, "code": name[:10].upper(), "analysis_type": parent}
    return NewRecord("analysis_type_categories", category_id, name, body)
