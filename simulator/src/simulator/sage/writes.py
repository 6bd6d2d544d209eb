"""What every write shares: reading the wrapped object, saving it, answering with it."""

from typing import Any

from simulator.calls import Answer, Call, json_answer
from simulator.encoding import Json, loads
from simulator.journal import Effect
from simulator.records import NewRecord, add, find
from simulator.sage.formats import Problem, refuse, shown
from simulator.sage.gateway import place_of
from simulator.state import Tx

CREATED = 201


def object_in(call: Call, name: str) -> Json:
    """The object that the body wraps under its name."""
    try:
        document: Any = loads(call.body)
        found = document[name]
    except (ValueError, KeyError, TypeError) as error:
        raise refuse(400, Problem("UnexpectedError", f"The body must wrap one object as {name}.")) from error
    if not isinstance(found, dict):
        raise refuse(400, Problem("UnexpectedError", f"{name} must be an object."))
    return found


def save(call: Call, tx: Tx, record: NewRecord, *, effect: Effect) -> Answer:
    """Keep a new object and answer with it, unwrapped."""
    place = place_of(call)
    add(tx, place, [record], at=call.now)
    saved = find(tx, place, record.kind, record.id)
    assert saved is not None
    return json_answer(shown(saved), CREATED, effect)
