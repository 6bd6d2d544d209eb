"""Contacts: suppliers (VENDOR) and customers (CUSTOMER). Names may repeat, references may not."""

from simulator.calls import Answer, Call
from simulator.encoding import Json
from simulator.journal import Effect
from simulator.records import NewRecord, all_of
from simulator.sage import writes
from simulator.sage.formats import Problem, invalid, new_id, reference_to, refuse, required
from simulator.sage.gateway import place_of
from simulator.state import Tx

KIND = "contacts"
TYPES = {"VENDOR": "Vendor", "CUSTOMER": "Customer"}
LONGEST_NAME, LONGEST_REFERENCE = 100, 10


def create(call: Call, tx: Tx) -> Answer:
    given = writes.object_in(call, "contact")
    if problems := _problems(call, tx, given):
        raise refuse(422, *problems)
    record = new_contact(new_id(), given)
    return writes.save(call, tx, record, effect=Effect("contact", record.id, record.body["name"]))


def new_contact(contact_id: str, fields: Json) -> NewRecord:
    name = str(fields["name"])
    body: Json = {
        "displayed_as": name,
        "name": name,
        "contact_types": [reference_to("contact_types", one, TYPES[one]) for one in fields["contact_type_ids"]],
        "reference": fields.get("reference") or "",
        "email": fields.get("email") or "",
        "tax_number": fields.get("tax_number") or "",
        "currency": reference_to("currencies", "GBP", "Pound Sterling (GBP)"),
        "credit_days": 30,
        "is_active": fields.get("is_active", True),
        "deleted_at": None,
    }
    return NewRecord(KIND, contact_id, name, body)


def _problems(call: Call, tx: Tx, given: Json) -> list[Problem]:
    problems = []
    name, reference = str(given.get("name") or ""), str(given.get("reference") or "")
    types = given.get("contact_type_ids")
    if not name:
        problems.append(required("name"))
    if len(name) > LONGEST_NAME:
        problems.append(invalid(f"is too long (maximum is {LONGEST_NAME} characters)", "name"))
    if not isinstance(types, list) or not types or not set(types) <= TYPES.keys():
        problems.append(required("contact_type_ids"))
    if len(reference) > LONGEST_REFERENCE:
        problems.append(invalid(f"is too long (maximum is {LONGEST_REFERENCE} characters)", "reference"))
    if reference and any(one.body["reference"] == reference for one in all_of(tx, place_of(call), KIND)):
        problems.append(invalid("has already been taken", "reference"))
    return problems
