"""What the admin API does to practice QuickBooks Online."""

from simulator import grants
from simulator.admin import Books, NewEntry
from simulator.clock import Clocks
from simulator.encoding import Json
from simulator.quickbooks.bills import KIND
from simulator.quickbooks.formats import PROVIDER
from simulator.quickbooks.names import with_defaults
from simulator.quickbooks.seed import open_another
from simulator.records import NewRecord, Place, Record, add, all_of, next_number
from simulator.state import Tx

_KINDS = {"accounts": "Account", "suppliers": "Vendor", "customers": "Customer", "items": "Item"}
_DEFAULTS: dict[str, Json] = {
    "Account": {
        "Active": True,
        "Classification": "Expense",
        "AccountType": "Expense",
        "AccountSubType": "OfficeGeneralAdministrativeExpenses",
        "SubAccount": False,
        "CurrentBalance": 0,
    },
    "Item": {"Active": True, "Type": "NonInventory"},
}


def _documents(tx: Tx, place: Place) -> list[Record]:
    return [record for record in all_of(tx, place, KIND) if record.body.get("status") != "Deleted"]


def _described(_tx: Tx, _place: Place, record: Record) -> Json:
    body = record.body
    return {
        "kind": "bill",
        "id": record.id,
        "reference": body.get("PrivateNote"),
        "number": body.get("DocNumber"),
        "supplier": body["VendorRef"]["name"],
        "total": str(body["TotalAmt"]),
        "status": "Open",
        "notes": [],
    }


def _add_entry(tx: Tx, place: Place, entry: NewEntry, clocks: Clocks) -> str:
    kind = _KINDS[entry.list]
    entry_id = next_number(tx, place, kind)
    common = {"domain": "QBO", "sparse": False, "Id": entry_id, "SyncToken": "0"}
    if kind in _DEFAULTS:
        body = {"Name": entry.name, "FullyQualifiedName": entry.name, **_DEFAULTS[kind], **entry.fields, **common}
    else:
        body = with_defaults({"DisplayName": entry.name, **entry.fields, **common})
    add(tx, place, [NewRecord(kind, entry_id, entry.name, body)], at=clocks.domain())
    return entry_id


def _withdraw(tx: Tx, organisation_id: str, clocks: Clocks) -> int:
    """The company disconnects the application: every consent for it ends, tokens included."""
    reached = _grants_for(tx, organisation_id)
    for grant_id in reached:
        grants.end(tx, grant_id, at=clocks.domain())
    return len(reached)


def _grants_for(tx: Tx, organisation_id: str) -> list[str]:
    return grants.of_organisation(tx, PROVIDER, organisation_id)


BOOKS = Books(_documents, _described, _add_entry, _withdraw, _grants_for, open_another)
