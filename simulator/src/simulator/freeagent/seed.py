"""The practice companies of FreeAgent as they are at the first start."""

from datetime import date, datetime

from simulator import organisations
from simulator.books.chart import ARCHIVED_CODES, ChartAccount, full_chart, small_chart
from simulator.books.contacts import PracticeContact, practice_contacts
from simulator.encoding import Json
from simulator.freeagent.contacts import new_contact
from simulator.freeagent.formats import PROVIDER
from simulator.organisations import Organisation
from simulator.records import NewRecord, Place, add
from simulator.state import Tx

EXPECTED = Organisation("4100001", "Demo Trading Ltd")
OTHER = Organisation("4100002", "Other Org Ltd")
COMPANIES = 4_100_000
"""Below the first company's id."""
LOCKED_UNTIL = date(2024, 12, 31)
GROUPS = {
    "OVERHEADS": "admin_expenses_categories",
    "EXPENSE": "admin_expenses_categories",
    "DEPRECIATN": "admin_expenses_categories",
    "DIRECTCOSTS": "cost_of_sales_categories",
    "REVENUE": "income_categories",
    "OTHERINCOME": "income_categories",
}
"""Xero's account types in FreeAgent's groups; all others are general."""
RATE_OF_XERO = {"INPUT2": "Standard rate", "OUTPUT2": "Standard rate", "RRINPUT": "Reduced rate"}
PROJECTS = ("Website relaunch", "Warehouse move", "Trade fair")


def seed(tx: Tx, at: datetime) -> None:
    organisations.add(tx, PROVIDER, EXPECTED)
    organisations.add(tx, PROVIDER, OTHER)
    _fill(tx, EXPECTED, full_chart(), practice_contacts("demo trading", 320, 200), at)
    _fill(tx, OTHER, small_chart(), practice_contacts("other org", 40, 25), at)


def open_another(tx: Tx, name: str, at: datetime) -> str:
    """One more, with short lists, and the id it got."""
    company = Organisation(str(COMPANIES + organisations.next_position(tx, PROVIDER)), name)
    organisations.add(tx, PROVIDER, company)
    _fill(tx, company, small_chart(), practice_contacts(name, 12, 8), at)
    return company.id


def _fill(
    tx: Tx, company: Organisation, chart: list[ChartAccount], contacts: tuple[PracticeContact, ...], at: datetime
) -> None:
    """An account that is no longer in use is simply not there: FreeAgent's categories know no archive."""
    place = Place(PROVIDER, company.id)
    add(tx, place, [NewRecord("company", company.id, company.name, _company(company))], at=at)
    kept = [account for account in chart if account.type != "BANK" and account.code not in ARCHIVED_CODES]
    add(tx, place, [category(account) for account in kept], at=at)
    banks = [account for account in chart if account.type == "BANK"]
    add(tx, place, [_bank_account(str(number), one) for number, one in enumerate(banks, start=1)], at=at)
    add(tx, place, [_contact(str(number), one) for number, one in enumerate(contacts, start=1)], at=at)
    add(tx, place, [_project(str(number), name) for number, name in enumerate(PROJECTS, start=1)], at=at)


def _company(company: Organisation) -> Json:
    return {
        "id": int(company.id),
        "name": company.name,
        "subdomain": company.name.split()[0].lower(),
        "type": "UkLimitedCompany",
        "currency": "GBP",
        "company_start_date": "2020-04-01",
        "freeagent_start_date": "2022-04-01",
        "annual_accounting_periods": [],
        "sales_tax_name": "VAT",
        "sales_tax_registration_number": "GB123456789",
        "sales_tax_rates": ["20.0", "5.0", "0.0"],
        "sales_tax_is_value_added": True,
        "_locked_until": LOCKED_UNTIL.isoformat(),
    }


def category(account: ChartAccount) -> NewRecord:
    """Known by its nominal code, which ends its address too."""
    body: Json = {
        "description": account.name,
        "nominal_code": account.code,
        "allowable_for_tax": True,
        "tax_reporting_name": "Administrative costs",
        "auto_sales_tax_rate": RATE_OF_XERO.get(account.tax, "Outside of the scope of VAT"),
        "_group": GROUPS.get(account.type, "general_categories"),
    }
    return NewRecord("categories", account.code, account.code, body)


def _bank_account(account_id: str, account: ChartAccount) -> NewRecord:
    body: Json = {
        "type": "CreditCardAccount" if "Card" in account.name else "StandardBankAccount",
        "name": account.name,
        "currency": "EUR" if "Euro" in account.name else "GBP",
        "status": "active",
        "current_balance": "0.0",
        "is_primary": account_id == "1",
    }
    return NewRecord("bank_accounts", account_id, account.name, body)


def _contact(contact_id: str, contact: PracticeContact) -> NewRecord:
    fields: Json = {
        "organisation_name": contact.name,
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "email": contact.email,
        "sales_tax_registration_number": contact.tax_number or None,
        "status": "Hidden" if contact.archived else "Active",
        "_roles": ["supplier" if contact.role == "supplier" else "client"],
    }
    return new_contact(contact_id, fields)


def _project(project_id: str, name: str) -> NewRecord:
    return NewRecord("projects", project_id, name, {"name": name, "status": "Active", "currency": "GBP"})
