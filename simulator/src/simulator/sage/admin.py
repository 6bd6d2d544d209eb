"""What the admin API does to practice Sage Accounting."""

from simulator import grants
from simulator.admin import Books, NewEntry
from simulator.books.chart import ChartAccount
from simulator.clock import Clocks
from simulator.encoding import Json
from simulator.records import NewRecord, Place, Record, add, all_of
from simulator.sage.contacts import new_contact
from simulator.sage.formats import new_id
from simulator.sage.invoices import KIND
from simulator.sage.seed import ledger_account, open_another
from simulator.state import Tx


def _documents(tx: Tx, place: Place) -> list[Record]:
    return all_of(tx, place, KIND)


def _described(_tx: Tx, _place: Place, record: Record) -> Json:
    body = record.body
    return {
        "kind": "bill",
        "id": record.id,
        "reference": body["notes"],
        "number": body["vendor_reference"],
        "supplier": body["contact_name"],
        "total": body["total_amount"],
        "status": body["status"]["displayed_as"],
        "notes": [],
    }


def _add_entry(tx: Tx, place: Place, entry: NewEntry, clocks: Clocks) -> str:
    record = _record(entry)
    add(tx, place, [record], at=clocks.domain())
    return record.id


def _record(entry: NewEntry) -> NewRecord:
    if entry.list in ("suppliers", "customers"):
        kind = "VENDOR" if entry.list == "suppliers" else "CUSTOMER"
        return new_contact(new_id(), {"name": entry.name, "contact_type_ids": [kind], **entry.fields})
    if entry.list == "items":
        return NewRecord("products", new_id(), entry.name, {"displayed_as": entry.name, **entry.fields})
    account = ledger_account(new_id(), ChartAccount("9999", entry.name, "OVERHEADS", "INPUT2"))
    return NewRecord(account.kind, account.id, account.key, {**account.body, **entry.fields})


def _withdraw(tx: Tx, organisation_id: str, clocks: Clocks) -> int:
    """The person disconnects the application: nothing can be refreshed any more, access tokens die of age."""
    reached = _grants_for(tx, organisation_id)
    for grant_id in reached:
        grants.end(tx, grant_id, at=clocks.domain())
    return len(reached)


def _grants_for(tx: Tx, organisation_id: str) -> list[str]:
    rows = tx.execute(
        "SELECT grants.id FROM grants JOIN reached ON reached.grant_id = grants.id"
        " WHERE reached.organisation = ? AND grants.ended_at IS NULL",
        (organisation_id,),
    )
    return [row["id"] for row in rows]


BOOKS = Books(_documents, _described, _add_entry, _withdraw, _grants_for, open_another)
