"""Xero invoices: bills (ACCPAY) and sales invoices (ACCREC)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from simulator.books import tax
from simulator.calls import Answer, Call
from simulator.encoding import Json
from simulator.journal import Effect
from simulator.records import NewRecord, Place, Record, add, all_of, change, find, find_by_key
from simulator.state import Tx
from simulator.values import cents
from simulator.xero import contacts
from simulator.xero.elements import Judged, one_of, write
from simulator.xero.filters import listed, modified_since, ordered, page_of, shown, where
from simulator.xero.formats import answer, date_string, ms_date, not_found, read_amount, read_date
from simulator.xero.gateway import place_of
from simulator.xero.lists import may_apply

KIND = "Invoices"
TYPES = {"ACCPAY", "ACCREC"}
STATUSES = {"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED", "VOIDED", "PAID"}
AMOUNT_TYPES = {"Exclusive", "Inclusive", "NoTax"}
TRANSITIONS = {
    "DRAFT": {"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"},
    "SUBMITTED": {"SUBMITTED", "DRAFT", "AUTHORISED", "DELETED"},
    "AUTHORISED": {"AUTHORISED", "VOIDED"},
}
"""From which status to which; what is not here cannot be edited."""
_MOST_TRACKING = 2


def read_all(call: Call, tx: Tx) -> Answer:
    """Without `page` these are summaries, which have no lines."""
    records = modified_since(all_of(tx, place_of(call), KIND), call.headers)
    matches = where(call.query.get("where"))
    ids, numbers = listed(call, "IDs"), listed(call, "InvoiceNumbers")
    contact_ids, statuses = listed(call, "ContactIDs"), listed(call, "Statuses")
    search = call.query.get("searchTerm", "").lower()
    wanted = [
        body
        for body in map(shown, records)
        if matches(body)
        and (ids is None or body["InvoiceID"] in ids)
        and (numbers is None or body.get("InvoiceNumber") in numbers)
        and (contact_ids is None or body["Contact"]["ContactID"] in contact_ids)
        and (statuses is None or body["Status"] in statuses)
        and (not search or search in f"{body.get('InvoiceNumber', '')} {body['Contact']['Name']}".lower())
    ]
    page, pagination = page_of(call, ordered(wanted, call.query.get("order")))
    if pagination is None or call.query.get("summaryOnly", "").lower() == "true":
        page = [{name: value for name, value in body.items() if name != "LineItems"} for body in page]
    return answer(call, KIND, page, pagination=pagination)


def read_one(call: Call, tx: Tx) -> Answer:
    record = find(tx, place_of(call), KIND, call.parts["id"])
    return answer(call, KIND, [shown(record)]) if record else not_found()


def create(call: Call, tx: Tx) -> Answer:
    draft = InvoiceDesk(tx, place_of(call), call.now)
    return write(call, tx, KIND, lambda element: draft.judged(element, None), draft.shown)


def create_or_update(call: Call, tx: Tx) -> Answer:
    place = place_of(call)
    wanted = call.parts.get("id")
    if wanted and not find(tx, place, KIND, wanted):
        return not_found()
    draft = InvoiceDesk(tx, place, call.now)

    def judge(element: Json) -> Judged:
        invoice_id = wanted or element.get("InvoiceID")
        return draft.judged(element, find(tx, place, KIND, str(invoice_id)) if invoice_id else None)

    return write(call, tx, KIND, judge, draft.shown)


class InvoiceDesk:
    """Judges and saves the invoices of one call."""

    def __init__(self, tx: Tx, place: Place, now: datetime) -> None:
        self._tx, self._place, self._now = tx, place, now
        self._organisation = _only(all_of(tx, place, "Organisation")).body
        self._accounts = [record.body for record in all_of(tx, place, "Accounts")]

    def shown(self, invoice_id: str) -> Json:
        record = find(self._tx, self._place, KIND, invoice_id)
        assert record is not None
        return shown(record)

    def judged(self, element: Json, known: Record | None) -> Judged:
        if element.get("InvoiceID") and not known:
            return Judged(element, ["Invoice not found"], _never)
        body = self._with_defaults(element, known)
        problems = self._problems(element, body, known)
        contact = self._contact(element, known)
        if contact is None and not _new_contact_name(element):
            problems.append("The Contact is not valid: a ContactID or a Name of a contact must be given.")
        elif contact is not None and contact.body["ContactStatus"] != "ACTIVE":
            problems.append("The Contact is archived: documents need an active contact.")
        return Judged(body, problems, lambda: self._save(element, body, contact, known))

    def _with_defaults(self, element: Json, known: Record | None) -> Json:
        old = known.body if known else {}
        invoice_type = one_of(element.get("Type", old.get("Type")), TYPES, "Type")
        amounts = one_of(
            element.get("LineAmountTypes") or old.get("LineAmountTypes", "Exclusive"), AMOUNT_TYPES, "LineAmountTypes"
        )
        body: Json = {
            "InvoiceID": known.id if known else str(uuid4()),
            "Type": invoice_type,
            "Status": one_of(element.get("Status") or old.get("Status", "DRAFT"), STATUSES, "Status"),
            "LineAmountTypes": amounts,
            "CurrencyCode": element.get("CurrencyCode") or old.get("CurrencyCode", self._organisation["BaseCurrency"]),
            "CurrencyRate": Decimal(1),
            "HasAttachments": old.get("HasAttachments", False),
            "IsDiscounted": False,
        }
        for name in ("InvoiceNumber", "Url", *(["Reference"] if invoice_type == "ACCREC" else [])):
            if value := element.get(name, old.get(name)):
                body[name] = value
        body |= _dates(element, old, self._now.date())
        body["LineItems"] = (
            [self._line(line, position, amounts) for position, line in enumerate(_lines(element))]
            if "LineItems" in element or not known
            else old["LineItems"]
        )
        return body | _totals(body["LineItems"], amounts)

    def _line(self, line: Json, position: int, amounts: str) -> Json:
        path = f"LineItems[{position}]"
        kept = ("LineItemID", "Description", "AccountCode", "AccountID", "TaxType", "ItemCode", "Tracking")
        shaped: Json = {name: line[name] for name in kept if line.get(name) is not None}
        shaped.setdefault("LineItemID", str(uuid4()))
        shaped.setdefault("Tracking", [])
        account = self._account(shaped)
        if account is not None:
            shaped |= {"AccountCode": account["Code"], "AccountID": account["AccountID"]}
            shaped.setdefault("TaxType", account["TaxType"])
        quantity = read_amount(line["Quantity"] if line.get("Quantity") is not None else 1, f"{path}.Quantity")
        if line.get("UnitAmount") is not None:
            unit = read_amount(line["UnitAmount"], f"{path}.UnitAmount")
        else:
            given = read_amount(line.get("LineAmount") or 0, f"{path}.LineAmount")
            unit = given / quantity if quantity else Decimal(0)
        amount = cents(quantity * unit)
        if line.get("LineAmount") is not None:
            shaped["_given"] = cents(read_amount(line["LineAmount"], f"{path}.LineAmount"))
        rate = tax.rate(shaped.get("TaxType", "NONE"))
        percent = rate.percent if rate and amounts != "NoTax" else Decimal(0)
        share = percent / (100 + percent) if amounts == "Inclusive" else percent / 100
        return {
            **shaped,
            "Quantity": quantity,
            "UnitAmount": unit,
            "LineAmount": amount,
            "TaxAmount": cents(amount * share),
        }

    def _problems(self, element: Json, body: Json, known: Record | None) -> list[str]:
        problems = _status_problems(body["Status"], known)
        if body["CurrencyCode"] not in {record.body["Code"] for record in all_of(self._tx, self._place, "Currencies")}:
            problems.append(f"Organisation is not subscribed to currency {body['CurrencyCode']}")
        lock = self._organisation.get("PeriodLockDate")
        if lock and read_date(body["Date"], "Date") <= read_date(lock, "PeriodLockDate"):
            problems.append(
                "The document date cannot be before the period lock date, currently set at "
                f"{read_date(lock, 'PeriodLockDate'):%d %b %Y}"
            )
        if body["Type"] == "ACCREC" and self._number_taken(body):
            problems.append("Invoice # must be unique.")
        if body["Status"] in ("SUBMITTED", "AUTHORISED") and "DueDate" not in body:
            problems.append("The DueDate must be specified for a document that is approved or awaits approval.")
        if not body["LineItems"]:
            problems.append("One or more line items must be specified")
        for line in body["LineItems"]:
            problems += self._line_problems(line, body["Status"])
            line.pop("_given", None)
        if element.get("Url") and not str(element["Url"]).startswith(("http://", "https://")):
            problems.append("Url must be a valid absolute http or https address.")
        return problems

    def _line_problems(self, line: Json, status: str) -> list[str]:
        problems = []
        account = self._account(line)
        given = line.get("AccountCode") or line.get("AccountID")
        if not line.get("Description"):
            problems.append("Description must be specified for each line item.")
        if given and account is None:
            problems.append(f"Account code '{given}' is not a valid code for this document.")
        if account is None and not given and status == "AUTHORISED":
            problems.append("Account code must be specified for each line item.")
        if account is not None and account["Status"] != "ACTIVE":
            problems.append(
                f"Account code '{account['Code']}' has been archived, or has been deleted. "
                "Each line item must reference a valid account."
            )
        problems += _tax_problems(line, account)
        if "_given" in line and line["_given"] != line["LineAmount"]:
            problems.append(
                f"The line total {line['_given']} does not match the expected line total {line['LineAmount']}"
            )
        return problems + self._tracking_problems(line)

    def _tracking_problems(self, line: Json) -> list[str]:
        if len(line["Tracking"]) > _MOST_TRACKING:
            return [f"A line item takes at most {_MOST_TRACKING} tracking categories."]
        options = {
            (category.body["TrackingCategoryID"], option["TrackingOptionID"]): (category.body["Name"], option["Name"])
            for category in all_of(self._tx, self._place, "TrackingCategories")
            for option in category.body["Options"]
        }
        known = {*options, *options.values()}
        return [
            "The tracking category or option is not valid."
            for mark in line["Tracking"]
            if (mark.get("TrackingCategoryID"), mark.get("TrackingOptionID")) not in known
            and (mark.get("Name"), mark.get("Option")) not in known
        ]

    def _account(self, line: Json) -> Json | None:
        """The account that a line names by code or id."""
        matches = (
            account
            for account in self._accounts
            if account["Code"] == line.get("AccountCode")
            or (not line.get("AccountCode") and account["AccountID"] == line.get("AccountID"))
        )
        return next(matches, None)

    def _number_taken(self, body: Json) -> bool:
        same = find_by_key(self._tx, self._place, KIND, str(body.get("InvoiceNumber", "")))
        return bool(body.get("InvoiceNumber")) and any(
            one.id != body["InvoiceID"]
            and one.body["Type"] == "ACCREC"
            and one.body["Status"] not in ("DELETED", "VOIDED")
            for one in same
        )

    def _contact(self, element: Json, known: Record | None) -> Record | None:
        given = element.get("Contact") or (known.body["Contact"] if known else {})
        if contact_id := given.get("ContactID"):
            return find(self._tx, self._place, contacts.KIND, str(contact_id))
        return contacts.named(self._tx, self._place, str(given.get("Name", "")))

    def _save(self, element: Json, body: Json, contact: Record | None, known: Record | None) -> Effect:
        """The totals of an unpaid document are all due. A contact named for the first time is created."""
        if contact is None:
            new = contacts.new_contact(str(uuid4()), {"Name": _new_contact_name(element)})
            add(self._tx, self._place, [new], at=self._now)
            contact = find(self._tx, self._place, contacts.KIND, new.id)
            assert contact is not None
        contacts.mark_used(self._tx, self._place, contact, "IsSupplier" if body["Type"] == "ACCPAY" else "IsCustomer")
        body["Contact"] = {"ContactID": contact.id, "Name": contact.body["Name"]}
        record = NewRecord(KIND, body["InvoiceID"], str(body.get("InvoiceNumber", "")), body)
        if known:
            change(self._tx, self._place, record, at=self._now)
        else:
            add(self._tx, self._place, [record], at=self._now)
        return Effect("bill" if body["Type"] == "ACCPAY" else "invoice", record.id, reference_of(body))


def reference_of(body: Json) -> str | None:
    """The client's own mark: Xero keeps one as the source document's address, or as Reference of a sales invoice."""
    return body.get("Url") or body.get("Reference")


def _dates(element: Json, old: Json, today: date) -> Json:
    dates: Json = {}
    for name in ("Date", "DueDate"):
        given = element.get(name) or element.get(f"{name}String") or old.get(name)
        value = read_date(given, name) if given else today if name == "Date" else None
        if value:
            dates |= {name: ms_date(value), f"{name}String": date_string(value)}
    return dates


def _lines(element: Json) -> list[Json]:
    lines: Any = element.get("LineItems") or []
    return [line for line in lines if isinstance(line, dict)]


def _totals(lines: list[Json], amounts: str) -> Json:
    lines_sum = sum((line["LineAmount"] for line in lines), Decimal(0))
    tax_sum = sum((line["TaxAmount"] for line in lines), Decimal(0))
    net = lines_sum - tax_sum if amounts == "Inclusive" else lines_sum
    return {
        "SubTotal": net,
        "TotalTax": tax_sum,
        "Total": net + tax_sum,
        "AmountDue": net + tax_sum,
        "AmountPaid": Decimal(0),
        "AmountCredited": Decimal(0),
    }


def _status_problems(status: str, known: Record | None) -> list[str]:
    if known is None:
        return [] if status in TRANSITIONS else [f"A document cannot be created with status {status}."]
    if known.body["Status"] == "PAID":
        return ["This document cannot be edited as it has a payment or credit note allocated to it."]
    if status not in TRANSITIONS.get(known.body["Status"], set()):
        return [f"Invoice not of valid status for modification: {known.body['Status']} to {status}"]
    return []


def _tax_problems(line: Json, account: Json | None) -> list[str]:
    code = line.get("TaxType")
    rate = tax.rate(code) if code else None
    if code and rate is None:
        return [f"The TaxType code '{code}' does not exist or cannot be used for this type of transaction."]
    if rate and account and not may_apply(rate, account["Class"]):
        return [f"The TaxType code '{code}' cannot be used with account code '{account['Code']}'."]
    return []


def _new_contact_name(element: Json) -> str:
    contact = element.get("Contact") or {}
    return "" if contact.get("ContactID") else str(contact.get("Name", "")).strip()


def _only(records: list[Record]) -> Record:
    (record,) = records
    return record


def _never() -> Effect:
    raise AssertionError("an element with problems is not saved")
