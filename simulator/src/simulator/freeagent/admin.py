"""What the admin API does to practice FreeAgent."""

from simulator import grants
from simulator.admin import Books, NewEntry
from simulator.books.chart import ChartAccount
from simulator.clock import Clocks
from simulator.encoding import Json
from simulator.freeagent.bills import KIND
from simulator.freeagent.contacts import new_contact
from simulator.freeagent.formats import PROVIDER
from simulator.freeagent.seed import category, open_another
from simulator.records import NewRecord, Place, Record, add, all_of, next_number
from simulator.state import Tx


def _documents(tx: Tx, place: Place) -> list[Record]:
    return all_of(tx, place, KIND)


def _described(_tx: Tx, _place: Place, record: Record) -> Json:
    body = record.body
    return {
        "kind": "bill",
        "id": record.id,
        "reference": body["comments"],
        "number": body["reference"],
        "supplier": body["contact_name"],
        "total": body["total_value"],
        "status": body["status"],
        "notes": [],
    }


def _add_entry(tx: Tx, place: Place, entry: NewEntry, clocks: Clocks) -> str:
    record = _record(tx, place, entry)
    add(tx, place, [record], at=clocks.domain())
    return record.id


def _record(tx: Tx, place: Place, entry: NewEntry) -> NewRecord:
    if entry.list in ("suppliers", "customers"):
        roles = ["supplier" if entry.list == "suppliers" else "client"]
        fields = {"organisation_name": entry.name, "_roles": roles, **entry.fields}
        return new_contact(next_number(tx, place, "contacts"), fields)
    if entry.list == "items":
        return NewRecord("price_list_items", next_number(tx, place, "price_list_items"), entry.name, dict(entry.fields))
    code = str(entry.fields.get("nominal_code") or next_number(tx, place, "categories"))
    added = category(ChartAccount(code, entry.name, "OVERHEADS", "INPUT2"))
    return NewRecord(added.kind, added.id, added.key, {**added.body, **entry.fields})


def _withdraw(tx: Tx, organisation_id: str, clocks: Clocks) -> int:
    """The company disconnects the application: every consent for it ends, tokens included."""
    reached = _grants_for(tx, organisation_id)
    for grant_id in reached:
        grants.end(tx, grant_id, at=clocks.domain())
    return len(reached)


def _grants_for(tx: Tx, organisation_id: str) -> list[str]:
    return grants.of_organisation(tx, PROVIDER, organisation_id)


BOOKS = Books(_documents, _described, _add_entry, _withdraw, _grants_for, open_another)
