"""Contacts: whoever is bought from or sold to. Names may repeat."""

from simulator.calls import Answer, Call
from simulator.encoding import Json
from simulator.freeagent import writes
from simulator.freeagent.formats import refuse
from simulator.freeagent.gateway import place_of
from simulator.journal import Effect
from simulator.records import NewRecord, Place, Record, add, change, next_number
from simulator.state import Tx

KIND = "contacts"
WRITABLE = ("organisation_name", "first_name", "last_name", "email", "sales_tax_registration_number")


def create(call: Call, tx: Tx) -> Answer:
    given = writes.object_in(call, KIND)
    if not name_of(given):
        raise refuse(422, "Either an organisation name or a first and last name must be given")
    place = place_of(call)
    record = new_contact(next_number(tx, place, KIND), {name: given[name] for name in WRITABLE if given.get(name)})
    add(tx, place, [record], at=call.now)
    effect = Effect("contact", record.id, name_of(record.body))
    return writes.answer(call, tx, KIND, effect, status=writes.CREATED)


def new_contact(contact_id: str, fields: Json) -> NewRecord:
    body: Json = {"status": "Active", "charge_sales_tax": "Auto", "country": "United Kingdom", "_roles": [], **fields}
    return NewRecord(KIND, contact_id, name_of(body), body)


def name_of(body: Json) -> str:
    person = f"{body.get('first_name') or ''} {body.get('last_name') or ''}".strip()
    return str(body.get("organisation_name") or person)


def mark_supplier(tx: Tx, place: Place, contact: Record) -> None:
    """The first bill makes a contact a supplier."""
    if "supplier" not in contact.body["_roles"]:
        body = {**contact.body, "_roles": [*contact.body["_roles"], "supplier"]}
        change(tx, place, NewRecord(KIND, contact.id, name_of(body), body), at=contact.updated_at)
