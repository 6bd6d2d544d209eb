"""What the admin API does to practice Xero."""

from uuid import uuid4

from simulator.admin import Books, NewEntry
from simulator.books.chart import CLASS_OF_TYPE
from simulator.clock import Clocks
from simulator.encoding import Json
from simulator.records import NewRecord, Place, Record, add, all_of
from simulator.state import Tx
from simulator.xero.contacts import new_contact
from simulator.xero.files import notes_of
from simulator.xero.formats import PROVIDER
from simulator.xero.invoices import KIND, reference_of
from simulator.xero.seed import open_another


def _documents(tx: Tx, place: Place) -> list[Record]:
    return all_of(tx, place, KIND)


def _described(tx: Tx, place: Place, record: Record) -> Json:
    body = record.body
    return {
        "kind": "bill" if body["Type"] == "ACCPAY" else "invoice",
        "id": record.id,
        "reference": reference_of(body),
        "number": body.get("InvoiceNumber"),
        "supplier": body["Contact"]["Name"],
        "total": str(body["Total"]),
        "status": body["Status"],
        "notes": [note["Details"] for note in notes_of(tx, place, record.id)],
    }


def _add_entry(tx: Tx, place: Place, entry: NewEntry, clocks: Clocks) -> str:
    entry_id = str(uuid4())
    add(tx, place, [_record(entry_id, entry)], at=clocks.domain())
    return entry_id


def _record(entry_id: str, entry: NewEntry) -> NewRecord:
    if entry.list in ("suppliers", "customers"):
        roles = {"IsSupplier": entry.list == "suppliers", "IsCustomer": entry.list == "customers"}
        return new_contact(entry_id, {"Name": entry.name, **roles, **entry.fields})
    if entry.list == "items":
        body = {"ItemID": entry_id, "Code": entry.name[:30], "Name": entry.name, "IsSold": True, "IsPurchased": True}
        return NewRecord("Items", entry_id, entry.name, {**body, **entry.fields})
    account: Json = {
        "AccountID": entry_id,
        "Code": entry_id[:8],
        "Name": entry.name,
        "Status": "ACTIVE",
        "Type": "OVERHEADS",
        "TaxType": "INPUT2",
        **entry.fields,
    }
    return NewRecord("Accounts", entry_id, account["Code"], {"Class": CLASS_OF_TYPE[account["Type"]], **account})


def _withdraw(tx: Tx, organisation_id: str, _clocks: Clocks) -> int:
    """The organisation leaves GET /connections and answers 403; the user's tokens still refresh, as at Xero."""
    return tx.execute("DELETE FROM connections WHERE organisation = ?", (organisation_id,)).rowcount


def _grants_for(tx: Tx, organisation_id: str) -> list[str]:
    rows = tx.execute(
        "SELECT grants.id FROM grants JOIN connections ON connections.user = grants.user"
        " WHERE grants.provider = ? AND connections.organisation = ?",
        (PROVIDER, organisation_id),
    )
    return [row["id"] for row in rows]


BOOKS = Books(_documents, _described, _add_entry, _withdraw, _grants_for, open_another)
