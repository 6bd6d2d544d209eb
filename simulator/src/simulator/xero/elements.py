"""Bodies of writes: one element or a wrapper of many, each judged on its own, answered as summarizeErrors asks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.calls import Answer, Call, Refusal
from simulator.encoding import Json, loads
from simulator.journal import Effect
from simulator.state import Tx
from simulator.xero.formats import answer, malformed, validation_error

_MOST_ELEMENTS = 50


@dataclass(frozen=True)
class Judged:
    """An element with its defaults, what is wrong with it, and how to save it."""

    body: Json
    problems: list[str]
    save: Callable[[], Effect]


def write(call: Call, tx: Tx, plural: str, judge: Callable[[Json], Judged], shown: Callable[[str], Json]) -> Answer:
    """Save the sound elements. With summarizeErrors other than false one unsound element refuses them all (400).

    Elements are judged and saved one after another, so that two of one call cannot both take a unique name.
    """
    elements = _elements(call, plural)
    summarize = call.query.get("summarizeErrors", "true").lower() != "false"
    tx.execute("SAVEPOINT elements")
    try:
        outcome = [_one(judge(element), shown) for element in elements]
    except Refusal:
        tx.execute("ROLLBACK TO elements")
        raise
    unsound = [body for body, effect in outcome if effect is None]
    if unsound and summarize:
        tx.execute("ROLLBACK TO elements")
        return validation_error(unsound)
    effect = next((effect for _, effect in outcome if effect), None)
    return answer(call, plural, [body for body, _ in outcome], effect=effect)


def _one(judged: Judged, shown: Callable[[str], Json]) -> tuple[Json, Effect | None]:
    if judged.problems:
        errors = [{"Message": problem} for problem in judged.problems]
        marks = {"HasErrors": True, "HasValidationErrors": True, "StatusAttributeString": "ERROR"}
        return {**judged.body, **marks, "ValidationErrors": errors}, None
    effect = judged.save()
    return {**shown(effect.id), "StatusAttributeString": "OK", "HasErrors": False}, effect


def _elements(call: Call, plural: str) -> list[Json]:
    try:
        document: Any = loads(call.body)
    except ValueError as error:
        raise malformed(f"The request body is not JSON: {error}") from error
    if isinstance(document, dict):
        document = document.get(plural, [document])
    if not isinstance(document, list) or not document or not all(isinstance(one, dict) for one in document):
        raise malformed(f"No {plural} were found in the request. Path '{plural}'.")
    if len(document) > _MOST_ELEMENTS:
        raise malformed(f"At most {_MOST_ELEMENTS} {plural} are taken at once.")
    return document


def one_of(value: Any, allowed: set[str], path: str) -> str:
    """An enumeration's value; another one makes the whole body malformed, as at Xero."""
    if value in allowed:
        return str(value)
    raise malformed(f"Error converting value {value!r}. Path '{path}'.")
