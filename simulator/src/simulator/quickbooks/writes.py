"""What every write of the data service shares: reading the body, SyncToken, updates, deletion, saving."""

from typing import Any

from simulator.calls import Answer, Call
from simulator.encoding import Json, loads
from simulator.journal import Effect
from simulator.quickbooks.formats import Problem, answer, missing, object_not_found, refuse, shown, stale
from simulator.quickbooks.gateway import place_of
from simulator.records import NewRecord, Record, add, change, find, next_number
from simulator.state import Tx

_LOOKED_UP_BY = {"Bill": "DocNumber", "Vendor": "DisplayName", "Customer": "DisplayName", "Attachable": "FileName"}
_SET_BY_US = frozenset({"Id", "SyncToken", "MetaData", "domain", "sparse", "status"})


def body_of(call: Call) -> Json:
    """The submitted object. Empty strings are how some clients say that they set nothing: they are left out."""
    try:
        body: Any = loads(call.body)
    except ValueError as error:
        raise refuse(call, Problem("2010", "Request has invalid or unsupported property", "not JSON")) from error
    if not isinstance(body, dict):
        raise refuse(call, Problem("2010", "Request has invalid or unsupported property", "not an object"))
    return {name: value for name, value in body.items() if value != ""}


def known(call: Call, tx: Tx, kind: str, body: Json) -> Record | None:
    """The record a write is about, None for a new one. Refuses one that is unknown or changed meanwhile."""
    if body.get("Id") is None:
        return None
    record = find(tx, place_of(call), kind, str(body["Id"]))
    if record is None or record.body.get("status") == "Deleted":
        raise refuse(call, object_not_found(f"{kind} {body['Id']}"))
    if body.get("SyncToken") is None:
        raise refuse(call, missing("SyncToken"))
    if str(body["SyncToken"]) != record.body["SyncToken"]:
        raise refuse(call, stale("SyncToken"))
    return record


def merged(body: Json, record: Record | None) -> Json:
    """A full update forgets what it leaves out; a sparse one keeps it. Lists, lines among them, are always whole."""
    fields = {name: value for name, value in body.items() if name not in _SET_BY_US}
    if record is None or body.get("sparse") is not True:
        return fields
    return {**{name: value for name, value in record.body.items() if name not in _SET_BY_US}, **fields}


def save(call: Call, tx: Tx, kind: str, body: Json, record: Record | None) -> Answer:
    """Keep the object under its id, one SyncToken further, and answer with it."""
    place = place_of(call)
    record_id = record.id if record else next_number(tx, place, kind)
    token = str(int(record.body["SyncToken"]) + 1) if record else "0"
    whole = {**body, "domain": "QBO", "sparse": False, "Id": record_id, "SyncToken": token}
    name = str(whole.get(_LOOKED_UP_BY[kind], ""))
    new = NewRecord(kind, record_id, name, whole)
    if record:
        change(tx, place, new, at=call.now)
    else:
        add(tx, place, [new], at=call.now)
    saved = find(tx, place, kind, record_id)
    assert saved is not None
    return answer(call, {kind: shown(saved)}, effect=Effect(kind.lower(), record_id, whole.get("PrivateNote") or name))


def delete(call: Call, tx: Tx, kind: str, body: Json) -> Answer:
    record = known(call, tx, kind, body)
    if record is None:
        raise refuse(call, missing("Id"))
    gone = {"domain": "QBO", "status": "Deleted", "Id": record.id, "SyncToken": record.body["SyncToken"]}
    change(tx, place_of(call), NewRecord(kind, record.id, "", gone), at=call.now)
    effect = Effect(f"{kind.lower()}_deleted", record.id)
    return answer(call, {kind: {name: value for name, value in gone.items() if name != "SyncToken"}}, effect=effect)
