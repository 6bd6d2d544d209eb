"""Bills: checked as QuickBooks checks them, posted at once (there is no draft)."""

from datetime import date
from decimal import Decimal
from typing import Any

from simulator.calls import Answer, Call
from simulator.encoding import Json
from simulator.quickbooks import writes
from simulator.quickbooks.formats import (
    HOME_CURRENCY,
    Problem,
    business_problem,
    invalid_reference,
    invalid_value,
    missing,
    read_amount,
    refuse,
    unsupported,
    wrong_length,
)
from simulator.quickbooks.gateway import place_of
from simulator.records import Record, all_of, find, find_by_key
from simulator.state import Tx
from simulator.values import cents

KIND = "Bill"
LONGEST_NUMBER = 21
LONGEST_NOTE = 4000
TAX_CALCULATIONS = {"TaxExcluded", "TaxInclusive", "NotApplicable"}
LINE_TYPES = {"AccountBasedExpenseLineDetail", "ItemBasedExpenseLineDetail"}


def write_bill(call: Call, tx: Tx) -> Answer:
    """Create, update (Id and SyncToken) or, with operation=delete, delete."""
    body = writes.body_of(call)
    operation = call.query.get("operation")
    if operation == "delete":
        return writes.delete(call, tx, KIND, body)
    if operation is not None and operation != "update":
        raise refuse(call, unsupported(f"Operation {operation} is not supported.", status=200))
    record = writes.known(call, tx, KIND, body)
    whole = _Checked(call, tx).bill(writes.merged(body, record), record)
    return writes.save(call, tx, KIND, whole, record)


class _Checked:
    """One bill's checks; the first problem refuses it."""

    def __init__(self, call: Call, tx: Tx) -> None:
        self._call, self._tx, self._place = call, tx, place_of(call)
        (preferences,) = all_of(tx, self._place, "Preferences")
        self._preferences = preferences.body

    def bill(self, body: Json, record: Record | None) -> Json:
        vendor = self._referred("VendorRef", body.get("VendorRef"), "Vendor")
        self._check_texts(body)
        self._check_currency(body)
        self._check_number(body, record)
        bill_date = self._date(body, "TxnDate") or self._call.now.date()
        self._check_period(bill_date)
        due_date = self._date(body, "DueDate") or bill_date
        if "DepartmentRef" in body:
            self._referred("DepartmentRef", body["DepartmentRef"], "Department")
        lines = [self._line(line, number) for number, line in enumerate(self._lines(body), start=1)]
        calculation = self._tax_calculation(body, lines)
        payable = next(
            one for one in all_of(self._tx, self._place, "Account") if one.body["AccountType"] == "Accounts Payable"
        )
        return {
            **body,
            "VendorRef": {"value": vendor.id, "name": vendor.body["DisplayName"]},
            "APAccountRef": body.get("APAccountRef") or {"value": payable.id, "name": payable.body["Name"]},
            "CurrencyRef": body.get("CurrencyRef") or HOME_CURRENCY,
            "TxnDate": bill_date.isoformat(),
            "DueDate": due_date.isoformat(),
            "Line": lines,
            "LinkedTxn": [],
            "GlobalTaxCalculation": calculation,
            **self._totals(lines, calculation),
        }

    def _referred(self, element: str, reference: Any, kind: str) -> Record:
        if not isinstance(reference, dict) or not reference.get("value"):
            raise refuse(self._call, missing(element))
        found = find(self._tx, self._place, kind, str(reference["value"]))
        if found is None:
            raise refuse(self._call, invalid_reference(element, reference["value"]))
        if not found.body.get("Active", True):
            detail = f"{element} {reference['value']} has been made inactive"
            raise refuse(self._call, Problem("610", "Object Not Found", detail, element))
        return found

    def _check_texts(self, body: Json) -> None:
        for element, longest in (("DocNumber", LONGEST_NUMBER), ("PrivateNote", LONGEST_NOTE)):
            if len(str(body.get(element, ""))) > longest:
                raise refuse(self._call, wrong_length(element, longest))

    def _check_currency(self, body: Json) -> None:
        currency = (body.get("CurrencyRef") or HOME_CURRENCY).get("value")
        if currency != HOME_CURRENCY["value"]:
            raise refuse(self._call, business_problem("Multi currency should be enabled to perform this operation."))

    def _check_number(self, body: Json, record: Record | None) -> None:
        number = str(body.get("DocNumber", ""))
        warns = self._preferences["OtherPrefs"]["WarnDuplicateBillNumber"]
        if not number or not warns or self._call.query.get("include") == "allowduplicatedocnum":
            return
        for other in find_by_key(self._tx, self._place, KIND, number):
            if record is None or other.id != record.id:
                detail = f"You must specify a different number. This number has already been used. DocNumber={number} is assigned to TxnType=Bill with TxnId={other.id}"  # noqa: E501
                raise refuse(self._call, Problem("6140", "Duplicate Document Number Error", detail, "DocNumber"))

    def _check_period(self, bill_date: date) -> None:
        closed_until = self._preferences["AccountingInfoPrefs"].get("BookCloseDate")
        if closed_until and bill_date <= date.fromisoformat(closed_until):
            message = "Account Period Closed, Cannot Update Through Services API"
            detail = f"The account period has closed and the account books cannot be updated: {closed_until}"
            raise refuse(self._call, Problem("6210", message, detail))

    def _date(self, body: Json, element: str) -> date | None:
        if element not in body:
            return None
        try:
            return date.fromisoformat(str(body[element])[:10])
        except ValueError as error:
            raise refuse(self._call, invalid_value(element)) from error

    def _lines(self, body: Json) -> list[Json]:
        lines = body.get("Line")
        if not isinstance(lines, list) or not lines:
            raise refuse(self._call, missing("Line"))
        return lines

    def _line(self, line: Json, number: int) -> Json:
        kind = line.get("DetailType")
        if kind not in LINE_TYPES:
            raise refuse(self._call, missing("DetailType") if not kind else invalid_value("DetailType"))
        if line.get("Amount") in (None, ""):
            raise refuse(self._call, missing("Amount"))
        detail = dict(line.get(kind) or {})
        what = ("AccountRef", "Account") if kind == "AccountBasedExpenseLineDetail" else ("ItemRef", "Item")
        referred = self._referred(what[0], detail.get(what[0]), what[1])
        detail[what[0]] = {"value": referred.id, "name": referred.body["Name"]}
        for element, entity in (("TaxCodeRef", "TaxCode"), ("ClassRef", "Class"), ("CustomerRef", "Customer")):
            if detail.get(element):
                self._referred(element, detail[element], entity)
        amount = cents(read_amount(self._call, line["Amount"], "Amount"))
        kept = {"Description": line["Description"]} if line.get("Description") else {}
        return {"Id": str(number), "LineNum": number, **kept, "Amount": amount, "DetailType": kind, kind: detail}

    def _tax_calculation(self, body: Json, lines: list[Json]) -> str:
        taxed = [bool(line[line["DetailType"]].get("TaxCodeRef")) for line in lines]
        asked = body.get("GlobalTaxCalculation") or ("TaxExcluded" if any(taxed) else "NotApplicable")
        if asked not in TAX_CALCULATIONS:
            raise refuse(self._call, invalid_value("GlobalTaxCalculation"))
        if asked != "NotApplicable" and not all(taxed):
            raise refuse(
                self._call, business_problem("Make sure all your transactions have a VAT rate before you save.")
            )
        return str(asked)

    def _totals(self, lines: list[Json], calculation: str) -> Json:
        total = sum((line["Amount"] for line in lines), Decimal(0))
        if calculation == "NotApplicable":
            return {"TotalAmt": total, "Balance": total}
        tax = sum((self._tax(line, calculation) for line in lines), Decimal(0))
        whole = total + tax if calculation == "TaxExcluded" else total
        return {"TotalAmt": whole, "Balance": whole, "TxnTaxDetail": {"TotalTax": tax}}

    def _tax(self, line: Json, calculation: str) -> Decimal:
        code = find(self._tx, self._place, "TaxCode", str(line[line["DetailType"]]["TaxCodeRef"]["value"]))
        assert code is not None
        percent = Decimal(0)
        for detail in code.body["PurchaseTaxRateList"]["TaxRateDetail"]:
            rate = find(self._tx, self._place, "TaxRate", detail["TaxRateRef"]["value"])
            percent += rate.body["RateValue"] if rate else 0
        share = percent / 100 if calculation == "TaxExcluded" else percent / (100 + percent)
        return cents(line["Amount"] * share)
