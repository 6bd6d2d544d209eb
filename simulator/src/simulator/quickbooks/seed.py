"""The practice companies of QuickBooks Online as they are at the first start."""

from datetime import date, datetime
from decimal import Decimal

from simulator import organisations
from simulator.books.chart import ARCHIVED_CODES, ChartAccount, full_chart, small_chart
from simulator.books.contacts import PracticeContact, practice_contacts
from simulator.encoding import Json
from simulator.organisations import Organisation
from simulator.quickbooks.formats import HOME_CURRENCY, PROVIDER
from simulator.quickbooks.names import with_defaults
from simulator.records import NewRecord, Place, add
from simulator.state import Tx

EXPECTED = Organisation("9130350000000001", "Demo Trading Ltd")
OTHER = Organisation("9130350000000002", "Other Org Ltd")
REALMS = "913035"
"""What every realm begins with."""
CLOSED_UNTIL = date(2024, 12, 31)

ACCOUNT_TYPES = {
    "BANK": ("Bank", "Current", "Asset"),
    "CURRENT": ("Other Current Asset", "OtherCurrentAssets", "Asset"),
    "INVENTORY": ("Other Current Asset", "Inventory", "Asset"),
    "PREPAYMENT": ("Other Current Asset", "PrepaidExpenses", "Asset"),
    "FIXED": ("Fixed Asset", "OtherFixedAssets", "Asset"),
    "NONCURRENT": ("Other Asset", "OtherLongTermAssets", "Asset"),
    "CURRLIAB": ("Other Current Liability", "OtherCurrentLiabilities", "Liability"),
    "TERMLIAB": ("Long Term Liability", "OtherLongTermLiabilities", "Liability"),
    "EQUITY": ("Equity", "OpeningBalanceEquity", "Equity"),
    "REVENUE": ("Income", "SalesOfProductIncome", "Revenue"),
    "OTHERINCOME": ("Other Income", "OtherMiscellaneousIncome", "Revenue"),
    "DIRECTCOSTS": ("Cost of Goods Sold", "SuppliesMaterialsCogs", "Expense"),
    "OVERHEADS": ("Expense", "OfficeGeneralAdministrativeExpenses", "Expense"),
    "EXPENSE": ("Other Expense", "ExchangeGainOrLoss", "Expense"),
    "DEPRECIATN": ("Other Expense", "Depreciation", "Expense"),
}
"""Xero's account types in QuickBooks' words: type, subtype, classification."""
BY_NAME = {
    "Accounts Receivable": ("Accounts Receivable", "AccountsReceivable", "Asset"),
    "Accounts Payable": ("Accounts Payable", "AccountsPayable", "Liability"),
    "Company Credit Card": ("Credit Card", "CreditCard", "Liability"),
}
TAX_CODES = (
    ("20.0% S", "Standard rate", Decimal(20)),
    ("5.0% R", "Reduced rate", Decimal(5)),
    ("0.0% Z", "Zero rate", Decimal(0)),
    ("Exempt", "Exempt from VAT", Decimal(0)),
    ("No VAT", "Outside the scope of VAT", Decimal(0)),
    ("20.0% RC", "Reverse charge", Decimal(0)),
)
CLASSES = ("Sales", "Operations", "Administration", "Workshop")
DEPARTMENTS = ("Leeds", "Bristol", "Norwich")
TERMS = (("Due on receipt", 0), ("Net 15", 15), ("Net 30", 30), ("Net 60", 60))


def seed(tx: Tx, at: datetime) -> None:
    """The expected company allows a bill number twice; the other one warns, which refuses it (6140)."""
    organisations.add(tx, PROVIDER, EXPECTED)
    organisations.add(tx, PROVIDER, OTHER)
    _fill(tx, EXPECTED, full_chart(), practice_contacts("demo trading", 320, 200), at, warns_of_numbers=False)
    _fill(tx, OTHER, small_chart(), practice_contacts("other org", 40, 25), at, warns_of_numbers=True)


def open_another(tx: Tx, name: str, at: datetime) -> str:
    """One more, with short lists, and the id it got."""
    company = Organisation(f"{REALMS}{organisations.next_position(tx, PROVIDER):010d}", name)
    organisations.add(tx, PROVIDER, company)
    _fill(tx, company, small_chart(), practice_contacts(name, 12, 8), at, warns_of_numbers=False)
    return company.id


def _fill(  # noqa: PLR0913 - what makes up a company
    tx: Tx,
    company: Organisation,
    chart: list[ChartAccount],
    contacts: tuple[PracticeContact, ...],
    at: datetime,
    *,
    warns_of_numbers: bool,
) -> None:
    bodies: list[tuple[str, str, Json]] = [("CompanyInfo", company.id, _company(company))]
    bodies.append(("Preferences", "1", _preferences(warns_of_numbers=warns_of_numbers)))
    bodies += _numbered("Account", [_account(account) for account in chart])
    bodies += _numbered("Vendor", [_contact(one) for one in contacts if one.role == "supplier"])
    bodies += _numbered("Customer", [_contact(one) | {"Job": False} for one in contacts if one.role == "customer"])
    bodies += _numbered("TaxRate", [_rate(*code) for code in TAX_CODES])
    bodies += _numbered("TaxCode", [_code(*code, number) for number, code in enumerate(TAX_CODES, start=1)])
    bodies += _numbered("Class", [_named(name) | {"SubClass": False} for name in CLASSES])
    bodies += _numbered("Department", [_named(name) | {"SubDepartment": False} for name in DEPARTMENTS])
    bodies += _numbered("Term", [{"Name": name, "DueDays": days, "Active": True} for name, days in TERMS])
    records = [
        NewRecord(
            kind,
            record_id,
            str(body.get("DisplayName") or body.get("Name") or ""),
            {**body, "domain": "QBO", "sparse": False, "Id": record_id, "SyncToken": "0"},
        )
        for kind, record_id, body in bodies
    ]
    add(tx, Place(PROVIDER, company.id), records, at=at)


def _numbered(kind: str, bodies: list[Json]) -> list[tuple[str, str, Json]]:
    return [(kind, str(number), body) for number, body in enumerate(bodies, start=1)]


def _company(company: Organisation) -> Json:
    return {
        "CompanyName": company.name,
        "LegalName": company.name,
        "Country": "GB",
        "FiscalYearStartMonth": "April",
        "Email": {"Address": "accounts@demo.example"},
        "CompanyAddr": {"Line1": "1 Practice Street", "City": "Leeds", "PostalCode": "LS1 1AA", "Country": "GB"},
        "NameValue": [{"Name": "OfferingSku", "Value": "QuickBooks Online Plus"}],
    }


def _preferences(*, warns_of_numbers: bool) -> Json:
    return {
        "AccountingInfoPrefs": {
            "ClassTrackingPerTxn": False,
            "ClassTrackingPerTxnLine": True,
            "TrackDepartments": True,
            "BookCloseDate": CLOSED_UNTIL.isoformat(),
        },
        "VendorAndPurchasesPrefs": {"TrackingByCustomer": True, "BillableExpenseTracking": True},
        "TaxPrefs": {"UsingSalesTax": True},
        "CurrencyPrefs": {"MultiCurrencyEnabled": False, "HomeCurrency": {"value": HOME_CURRENCY["value"]}},
        "OtherPrefs": {"WarnDuplicateBillNumber": warns_of_numbers},
    }


def _account(account: ChartAccount) -> Json:
    kind, subtype, classification = BY_NAME.get(account.name) or ACCOUNT_TYPES[account.type]
    return {
        "Name": account.name,
        "FullyQualifiedName": account.name,
        "AcctNum": account.code,
        "SubAccount": False,
        "Active": account.code not in ARCHIVED_CODES,
        "Classification": classification,
        "AccountType": kind,
        "AccountSubType": subtype,
        "CurrentBalance": 0,
        "CurrentBalanceWithSubAccounts": 0,
        "CurrencyRef": HOME_CURRENCY,
    }


def _contact(contact: PracticeContact) -> Json:
    return with_defaults(
        {
            "DisplayName": contact.name + (" (deleted)" if contact.archived else ""),
            "CompanyName": contact.name,
            "GivenName": contact.first_name,
            "FamilyName": contact.last_name,
            "PrintOnCheckName": contact.name,
            "Active": not contact.archived,
            "PrimaryEmailAddr": {"Address": contact.email},
            "PrimaryPhone": {"FreeFormNumber": contact.phone},
            "BillAddr": {
                "Line1": contact.street,
                "City": contact.town,
                "PostalCode": contact.postcode,
                "Country": "United Kingdom",
            },
        }
        | ({"TaxIdentifier": "XXXXXXX" + contact.tax_number[-4:]} if contact.tax_number else {})
    )


def _rate(name: str, description: str, percent: Decimal) -> Json:
    return {
        "Name": f"{name} (Purchases)",
        "Description": description,
        "Active": True,
        "RateValue": percent,
        "AgencyRef": {"value": "1"},
        "SpecialTaxType": "NONE",
    }


def _code(name: str, description: str, _percent: Decimal, rate_id: int) -> Json:
    rate = {"TaxRateRef": {"value": str(rate_id)}, "TaxTypeApplicable": "TaxOnAmount", "TaxOrder": 0}
    return {
        "Name": name,
        "Description": description,
        "Active": True,
        "Taxable": True,
        "TaxGroup": True,
        "PurchaseTaxRateList": {"TaxRateDetail": [rate]},
        "SalesTaxRateList": {"TaxRateDetail": [rate]},
    }


def _named(name: str) -> Json:
    return {"Name": name, "FullyQualifiedName": name, "Active": True}
