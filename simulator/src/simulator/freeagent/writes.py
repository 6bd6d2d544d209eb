"""What every write shares: reading the wrapped object, answering with the whole one."""

from typing import Any

from simulator.calls import Answer, Call, json_answer
from simulator.encoding import Json, loads
from simulator.freeagent.formats import refuse, shown
from simulator.freeagent.gateway import place_of
from simulator.freeagent.lists import SINGULAR
from simulator.journal import Effect
from simulator.records import find
from simulator.state import Tx


def object_in(call: Call, kind: str) -> Json:
    """The object that the body wraps under its singular name."""
    name = SINGULAR[kind]
    try:
        document: Any = loads(call.body)
        found = document[name]
    except (ValueError, KeyError, TypeError) as error:
        raise refuse(400, f"param is missing or the value is empty: {name}") from error
    if not isinstance(found, dict):
        raise refuse(400, f"param is missing or the value is empty: {name}")
    return found


def answer(call: Call, tx: Tx, kind: str, effect: Effect, *, status: int) -> Answer:
    """The whole object that the effect was on; Location says where it lies when it is new."""
    saved = find(tx, place_of(call), kind, effect.id)
    assert saved is not None
    body = shown(call, saved)
    answered = json_answer({SINGULAR[kind]: body}, status, effect)
    return answered.with_headers({"Location": body["url"]}) if status == CREATED else answered


CREATED, CHANGED = 201, 200
