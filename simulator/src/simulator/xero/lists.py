"""The lists a Xero organisation keeps, and reading them."""

from decimal import Decimal

from simulator.books.tax import TAX_RATES, PracticeTaxRate
from simulator.calls import Answer, Call, Handler
from simulator.encoding import Json
from simulator.records import all_of, find
from simulator.state import Tx
from simulator.xero.filters import modified_since, ordered, shown, where
from simulator.xero.formats import answer, not_found
from simulator.xero.gateway import place_of

LISTS = {"Accounts": "AccountID", "TrackingCategories": "TrackingCategoryID", "Items": "ItemID"}
"""Plural names of the unpaged lists, each with the field that holds its id."""
_ARCHIVED_SHOWN = frozenset({"Accounts", "Items"})


def read_all(plural: str) -> Handler:
    def read(call: Call, tx: Tx) -> Answer:
        records = all_of(tx, place_of(call), plural)
        if plural != "TrackingCategories":  # has no If-Modified-Since
            records = modified_since(records, call.headers)
        matches = where(call.query.get("where"))
        bodies = [shown(record) for record in records]
        wanted = [body for body in bodies if matches(body) and _visible(plural, body, call)]
        if plural == "TrackingCategories":
            wanted = [_without_update_time(body) for body in wanted]
        return answer(call, plural, ordered(wanted, call.query.get("order")))

    return read


def read_one(plural: str) -> Handler:
    def read(call: Call, tx: Tx) -> Answer:
        record = find(tx, place_of(call), plural, call.parts["id"])
        return answer(call, plural, [shown(record)]) if record else not_found()

    return read


def organisation(call: Call, tx: Tx) -> Answer:
    record = find(tx, place_of(call), "Organisation", place_of(call).organisation)
    assert record is not None
    return answer(call, "Organisations", [record.body])


def currencies(call: Call, tx: Tx) -> Answer:
    return answer(call, "Currencies", [record.body for record in all_of(tx, place_of(call), "Currencies")])


def users(call: Call, tx: Tx) -> Answer:
    records = modified_since(all_of(tx, place_of(call), "Users"), call.headers)
    return answer(call, "Users", [shown(record) for record in records])


def tax_rates(call: Call, _tx: Tx) -> Answer:
    matches = where(call.query.get("where"))
    bodies = [body for body in map(tax_rate_body, TAX_RATES) if matches(body)]
    if wanted := call.parts.get("tax_type"):
        bodies = [body for body in bodies if body["TaxType"] == wanted]
        if not bodies:
            return not_found()
    return answer(call, "TaxRates", ordered(bodies, call.query.get("order")))


def tax_rate_body(rate: PracticeTaxRate) -> Json:
    purchases, sales = rate.side in ("purchases", "both"), rate.side in ("sales", "both")
    return {
        "Name": rate.name,
        "TaxType": rate.type,
        "ReportTaxType": rate.report,
        "Status": "ACTIVE",
        "CanApplyToAssets": True,
        "CanApplyToEquity": True,
        "CanApplyToExpenses": purchases,
        "CanApplyToLiabilities": True,
        "CanApplyToRevenue": sales,
        "DisplayTaxRate": rate.percent,
        "EffectiveRate": rate.percent,
        "TaxComponents": [
            {"Name": "VAT", "Rate": Decimal(rate.percent), "IsCompound": False, "IsNonRecoverable": False}
        ],
    }


def may_apply(rate: PracticeTaxRate, account_class: str) -> bool:
    """Whether a tax rate may be used with accounts of a class (ASSET, EQUITY, EXPENSE, LIABILITY, REVENUE)."""
    flag = {
        "ASSET": "CanApplyToAssets",
        "EQUITY": "CanApplyToEquity",
        "EXPENSE": "CanApplyToExpenses",
        "LIABILITY": "CanApplyToLiabilities",
        "REVENUE": "CanApplyToRevenue",
    }[account_class]
    return bool(tax_rate_body(rate)[flag])


def _visible(plural: str, body: Json, call: Call) -> bool:
    archived_asked_for = call.query.get("includeArchived", "").lower() == "true"
    return plural in _ARCHIVED_SHOWN or archived_asked_for or body["Status"] == "ACTIVE"


def _without_update_time(body: Json) -> Json:
    return {name: value for name, value in body.items() if name != "UpdatedDateUTC"}
