"""Vendors and customers: one space of names with the employees."""

from simulator.calls import Answer, Call
from simulator.encoding import Json
from simulator.quickbooks import writes
from simulator.quickbooks.formats import HOME_CURRENCY, Problem, invalid_value, missing, refuse, wrong_length
from simulator.quickbooks.gateway import place_of
from simulator.records import Place, Record, find_by_key
from simulator.state import Tx

SHARING_NAMES = ("Vendor", "Customer", "Employee")
LONGEST_NAME = 500
_FORBIDDEN = frozenset(":\t\n")


def write_vendor(call: Call, tx: Tx) -> Answer:
    return _write(call, tx, "Vendor")


def write_customer(call: Call, tx: Tx) -> Answer:
    return _write(call, tx, "Customer")


def _write(call: Call, tx: Tx, kind: str) -> Answer:
    body = writes.body_of(call)
    record = writes.known(call, tx, kind, body)
    whole = with_defaults(writes.merged(body, record))
    name = str(whole.get("DisplayName", "")).strip()
    if not name:
        raise refuse(call, missing("DisplayName"))
    if len(name) > LONGEST_NAME:
        raise refuse(call, wrong_length("DisplayName", LONGEST_NAME))
    if _FORBIDDEN.intersection(name):
        raise refuse(call, invalid_value("DisplayName"))
    if not whole["Active"]:
        whole["DisplayName"] = name if name.endswith(" (deleted)") else f"{name} (deleted)"
    elif holder := _holder(tx, place_of(call), name, kind, record):
        raise refuse(call, _taken(holder, kind))
    return writes.save(call, tx, kind, whole, record)


def with_defaults(body: Json) -> Json:
    return {"Active": True, "Balance": 0, "CurrencyRef": HOME_CURRENCY, **body}


def _holder(tx: Tx, place: Place, name: str, kind: str, itself: Record | None) -> Record | None:
    """Who has the name already, letter case aside."""
    for other in SHARING_NAMES:
        for holder in find_by_key(tx, place, other, name):
            if itself is None or (holder.kind, holder.id) != (kind, itself.id):
                return holder
    return None


def _taken(holder: Record, kind: str) -> Problem:
    if holder.kind == kind:
        detail = f"The name supplied already exists. : Id={holder.id}"
    else:
        detail = (
            "The name supplied already exists. : Another customer, vendor or employee is already using this name. "
            "Please use a different name."
        )
    return Problem("6240", "Duplicate Name Exists Error", detail)
