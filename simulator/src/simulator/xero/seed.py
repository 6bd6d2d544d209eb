"""The practice organisations of Xero as they are at the first start."""

from datetime import date, datetime
from decimal import Decimal
from uuid import uuid4

from simulator import organisations
from simulator.books.chart import ARCHIVED_CODES, CLASS_OF_TYPE, ChartAccount, full_chart, small_chart
from simulator.books.contacts import PracticeContact, practice_contacts
from simulator.encoding import Json
from simulator.organisations import Organisation
from simulator.records import NewRecord, Place, add
from simulator.state import Tx
from simulator.xero.contacts import new_contact
from simulator.xero.formats import PROVIDER, fixed_guid, ms_date

EXPECTED = Organisation("5f3c1e52-8a4b-4d0e-9c7a-1d2b3e4f5a61", "Demo Trading Ltd")
OTHER = Organisation("c81b7d04-63aa-4f0b-8a52-7e9f0b1c2d34", "Other Org Ltd")
LOCKED_UNTIL = date(2024, 12, 31)
TRACKING = {
    "Department": ("Sales", "Operations", "Administration", "Workshop"),
    "Region": ("North", "South", "East", "West", "Scotland"),
}
ITEMS = (("CONS-H", "Consulting hour", 95), ("DELIV", "Delivery", 12), ("PART-100", "Spare part 100", 48))


def seed(tx: Tx, at: datetime) -> None:
    organisations.add(tx, PROVIDER, EXPECTED)
    organisations.add(tx, PROVIDER, OTHER)
    _fill(tx, EXPECTED, full_chart(), practice_contacts("demo trading", 320, 200), at)
    _fill(tx, OTHER, small_chart(), practice_contacts("other org", 40, 25), at)


def open_another(tx: Tx, name: str, at: datetime) -> str:
    """One more, with short lists, and the id it got."""
    organisation = Organisation(str(uuid4()), name)
    organisations.add(tx, PROVIDER, organisation)
    _fill(tx, organisation, small_chart(), practice_contacts(name, 12, 8), at)
    return organisation.id


def _fill(
    tx: Tx, organisation: Organisation, chart: list[ChartAccount], contacts: tuple[PracticeContact, ...], at: datetime
) -> None:
    place = Place(PROVIDER, organisation.id)
    add(tx, place, [NewRecord("Organisation", organisation.id, organisation.name, _organisation(organisation))], at=at)
    add(tx, place, [_currency("GBP", "British Pound"), _currency("EUR", "Euro")], at=at)
    add(tx, place, [_user(organisation)], at=at)
    add(tx, place, [_account(organisation, account) for account in chart], at=at)
    add(tx, place, [_contact(organisation, contact) for contact in contacts], at=at)
    add(tx, place, [_category(organisation, name, options) for name, options in TRACKING.items()], at=at)
    add(tx, place, [_item(organisation, *item) for item in ITEMS], at=at)


def _organisation(organisation: Organisation) -> Json:
    return {
        "OrganisationID": organisation.id,
        "Name": organisation.name,
        "LegalName": organisation.name,
        "PaysTax": True,
        "Version": "UK",
        "OrganisationType": "COMPANY",
        "BaseCurrency": "GBP",
        "CountryCode": "GB",
        "IsDemoCompany": False,
        "OrganisationStatus": "ACTIVE",
        "TaxNumber": "GB123456789",
        "FinancialYearEndDay": 31,
        "FinancialYearEndMonth": 3,
        "PeriodLockDate": ms_date(LOCKED_UNTIL),
        "Timezone": "GMTSTANDARDTIME",
        "ShortCode": "!" + organisation.id[:5].upper(),
        "Class": "STANDARD",
        "Edition": "BUSINESS",
    }


def _currency(code: str, name: str) -> NewRecord:
    return NewRecord("Currencies", code, code, {"Code": code, "Description": name})


def _user(organisation: Organisation) -> NewRecord:
    user_id = fixed_guid(organisation.id, "user", "anna")
    body = {
        "UserID": user_id,
        "EmailAddress": "anna@demo.example",
        "FirstName": "Anna",
        "LastName": "Admin",
        "IsSubscriber": True,
        "OrganisationRole": "STANDARD",
    }
    return NewRecord("Users", user_id, "anna@demo.example", body)


def _account(organisation: Organisation, account: ChartAccount) -> NewRecord:
    account_id = fixed_guid(organisation.id, "account", account.code)
    body: Json = {
        "AccountID": account_id,
        "Code": account.code,
        "Name": account.name,
        "Status": "ARCHIVED" if account.code in ARCHIVED_CODES else "ACTIVE",
        "Type": account.type,
        "TaxType": account.tax,
        "Class": CLASS_OF_TYPE[account.type],
        "EnablePaymentsToAccount": account.type == "BANK",
        "ShowInExpenseClaims": account.type == "OVERHEADS",
        "ReportingCode": CLASS_OF_TYPE[account.type][:3],
        "HasAttachments": False,
        "AddToWatchlist": False,
    }
    if account.type == "BANK":
        body["BankAccountType"] = "CREDITCARD" if "Card" in account.name else "BANK"
        body["BankAccountNumber"] = f"0900010000{account.code}0"
        body["CurrencyCode"] = "EUR" if "Euro" in account.name else "GBP"
    return NewRecord("Accounts", account_id, account.code, body)


def _contact(organisation: Organisation, contact: PracticeContact) -> NewRecord:
    fields: Json = {
        "ContactStatus": "ARCHIVED" if contact.archived else "ACTIVE",
        "Name": contact.name,
        "FirstName": contact.first_name,
        "LastName": contact.last_name,
        "EmailAddress": contact.email,
        "IsSupplier": contact.role == "supplier",
        "IsCustomer": contact.role == "customer",
        "DefaultCurrency": "GBP",
        "Addresses": [
            {
                "AddressType": "POBOX",
                "AddressLine1": contact.street,
                "City": contact.town,
                "PostalCode": contact.postcode,
                "Country": "United Kingdom",
            }
        ],
        "Phones": [{"PhoneType": "DEFAULT", "PhoneNumber": contact.phone}],
    }
    if contact.tax_number:
        fields["TaxNumber"] = contact.tax_number
    return new_contact(fixed_guid(organisation.id, "contact", contact.name), fields)


def _category(organisation: Organisation, name: str, options: tuple[str, ...]) -> NewRecord:
    category_id = fixed_guid(organisation.id, "tracking", name)
    body = {
        "TrackingCategoryID": category_id,
        "Name": name,
        "Status": "ACTIVE",
        "Options": [
            {
                "TrackingOptionID": fixed_guid(organisation.id, "tracking", name, option),
                "Name": option,
                "Status": "ACTIVE",
            }
            for option in options
        ],
    }
    return NewRecord("TrackingCategories", category_id, name, body)


def _item(organisation: Organisation, code: str, name: str, price: int) -> NewRecord:
    item_id = fixed_guid(organisation.id, "item", code)
    body = {
        "ItemID": item_id,
        "Code": code,
        "Name": name,
        "Description": name,
        "IsSold": True,
        "IsPurchased": True,
        "IsTrackedAsInventory": False,
        "PurchaseDetails": {"UnitPrice": Decimal(price) / 2, "AccountCode": "300", "TaxType": "INPUT2"},
        "SalesDetails": {"UnitPrice": Decimal(price), "AccountCode": "200", "TaxType": "OUTPUT2"},
    }
    return NewRecord("Items", item_id, code, body)
