"""Xero contacts: suppliers and customers in one list."""

import re
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from simulator.calls import Answer, Call
from simulator.encoding import Json
from simulator.journal import Effect
from simulator.records import NewRecord, Place, Record, add, all_of, change, find, find_by_key
from simulator.state import Tx
from simulator.xero.elements import Judged, write
from simulator.xero.filters import listed, modified_since, ordered, page_of, shown, where
from simulator.xero.formats import answer, not_found
from simulator.xero.gateway import place_of

KIND = "Contacts"
_WRITABLE = [
    "ContactNumber",
    "AccountNumber",
    "ContactStatus",
    "Name",
    "FirstName",
    "LastName",
    "EmailAddress",
    "TaxNumber",
    "Addresses",
    "Phones",
    "BankAccountDetails",
    "DefaultCurrency",
    "PurchasesDefaultAccountCode",
    "AccountsPayableTaxType",
    "PaymentTerms",
]
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LONGEST_NAME = 255


def read_all(call: Call, tx: Tx) -> Answer:
    records = modified_since(all_of(tx, place_of(call), KIND), call.headers)
    matches, ids = where(call.query.get("where")), listed(call, "IDs")
    search = call.query.get("searchTerm", "").lower()
    archived_too = call.query.get("includeArchived", "").lower() == "true"
    wanted = [
        body
        for body in map(shown, records)
        if matches(body)
        and (ids is None or body["ContactID"] in ids)
        and (archived_too or ids is not None or body["ContactStatus"] == "ACTIVE")
        and (not search or search in f"{body['Name']} {body.get('EmailAddress', '')}".lower())
    ]
    page, pagination = page_of(call, ordered(wanted, call.query.get("order")))
    return answer(call, KIND, page, pagination=pagination)


def read_one(call: Call, tx: Tx) -> Answer:
    record = find(tx, place_of(call), KIND, call.parts["id"])
    return answer(call, KIND, [shown(record)]) if record else not_found()


def create(call: Call, tx: Tx) -> Answer:
    """PUT: a contact whose name is taken is refused."""
    place = place_of(call)
    return write(call, tx, KIND, lambda element: _judged(tx, place, element, None, call.now), _shown(tx, place))


def create_or_update(call: Call, tx: Tx) -> Answer:
    """POST: a contact known by its id, number or name is updated."""
    place = place_of(call)
    if (wanted := call.parts.get("id")) and not find(tx, place, KIND, wanted):
        return not_found()

    def judge(element: Json) -> Judged:
        element = {**element, "ContactID": wanted} if wanted else element
        return _judged(tx, place, element, _known(tx, place, element), call.now)

    return write(call, tx, KIND, judge, _shown(tx, place))


def _known(tx: Tx, place: Place, element: Json) -> Record | None:
    if contact_id := element.get("ContactID"):
        return find(tx, place, KIND, str(contact_id))
    if number := element.get("ContactNumber"):
        same = (one for one in all_of(tx, place, KIND) if one.body.get("ContactNumber") == number)
        if found := next(same, None):
            return found
    return named(tx, place, str(element.get("Name", "")))


def named(tx: Tx, place: Place, name: str) -> Record | None:
    """The active contact of a name, letter case aside: there is at most one."""
    found = find_by_key(tx, place, KIND, name)
    return next((one for one in found if one.body["ContactStatus"] == "ACTIVE"), None)


def new_contact(contact_id: str, fields: Json) -> NewRecord:
    body = {
        "ContactID": contact_id,
        "ContactStatus": "ACTIVE",
        "Addresses": [],
        "Phones": [],
        "IsSupplier": False,
        "IsCustomer": False,
        "HasAttachments": False,
        **fields,
        "HasValidationErrors": False,
    }
    return NewRecord(KIND, contact_id, str(body["Name"]), body)


def mark_used(tx: Tx, place: Place, contact: Record, role: str) -> None:
    """The first document makes a contact a supplier or a customer; that does not move its UpdatedDateUTC."""
    if not contact.body[role]:
        body = {**contact.body, role: True}
        change(tx, place, NewRecord(KIND, contact.id, body["Name"], body), at=contact.updated_at)


def _judged(tx: Tx, place: Place, element: Json, known: Record | None, now: datetime) -> Judged:
    fields = {name: element[name] for name in _WRITABLE if element.get(name) is not None}
    body = {**(known.body if known else {}), **fields}
    problems = _problems(tx, place, element, body, known)

    def save() -> Effect:
        contact_id = known.id if known else str(uuid4())
        record = new_contact(contact_id, body)
        if known:
            change(tx, place, record, at=now)
        else:
            add(tx, place, [record], at=now)
        return Effect("contact", contact_id, body["Name"])

    return Judged({**element, **fields}, problems, save)


def _problems(tx: Tx, place: Place, element: Json, body: Json, known: Record | None) -> list[str]:
    problems = []
    name = str(body.get("Name", "")).strip()
    if element.get("ContactID") and not known:
        problems.append("The contact ID does not exist")
    if not name:
        problems.append("The contact name must be specified.")
    if len(name) > _LONGEST_NAME:
        problems.append(f"The contact name must not be longer than {_LONGEST_NAME} characters.")
    holder = named(tx, place, name)
    if holder and (known is None or holder.id != known.id):
        problems.append(
            f"The contact name {name} is already assigned to another contact. "
            "The contact name must be unique across all active contacts."
        )
    email = body.get("EmailAddress")
    if email and not _EMAIL.fullmatch(str(email)):
        problems.append("Email address must be valid.")
    return problems


def _shown(tx: Tx, place: Place) -> Callable[[str], Json]:
    def show(contact_id: str) -> Json:
        record = find(tx, place, KIND, contact_id)
        assert record is not None
        return shown(record)

    return show
