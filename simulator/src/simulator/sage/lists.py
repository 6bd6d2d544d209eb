"""Reading: lists with their filters, single objects, the person's businesses."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from simulator.calls import Answer, Call, Handler, json_answer
from simulator.encoding import Json
from simulator.organisations import organisations_of
from simulator.records import Record, all_of, find
from simulator.sage.formats import NOT_FOUND, PROVIDER, Problem, list_of, reference_to, refuse, shown
from simulator.sage.gateway import place_of
from simulator.sage.oauth import authenticated, businesses_of
from simulator.state import Tx

Filter = Callable[[Json, str], bool]

EVERYWHERE = frozenset({"page", "items_per_page", "attributes"})
FILTERS: Mapping[str, Mapping[str, Filter]] = {
    "ledger_accounts": {"visible_in": lambda body, area: bool(body.get(f"visible_in_{area}"))},
    "bank_accounts": {},
    "tax_rates": {"usage": lambda body, usage: usage in body["_usages"]},
    "analysis_types": {},
    "analysis_type_categories": {},
    "contacts": {
        "contact_type_id": lambda body, kind: kind in [one["id"] for one in body["contact_types"]],
        "search": lambda body, text: text.lower() in f"{body['name']} {body['reference']} {body['email']}".lower(),
    },
    "purchase_invoices": {
        "from_date": lambda body, day: body["date"] >= day,
        "to_date": lambda body, day: body["date"] <= day,
        "search": lambda body, text: text.lower() in f"{body['contact_name']} {body['vendor_reference']}".lower(),
    },
    "products": {},
    "attachments": {
        name: lambda body, wanted, name=name: body[name] == wanted  # type: ignore[misc]
        for name in ("attachment_context_type_id", "attachment_context_id")
    },
}
"""The lists there are, and what can be asked of each. Any other parameter is refused, where Sage may ignore it."""
CHANGES = frozenset({"contacts", "purchase_invoices", "attachments"})
"""Lists that know updated_or_created_since."""


def read_all(kind: str) -> Handler:
    def read(call: Call, tx: Tx) -> Answer:
        asked = {name: value for name, value in call.query.items() if name not in EVERYWHERE}
        since = _moment(asked.pop("updated_or_created_since")) if "updated_or_created_since" in asked else None
        if unknown := asked.keys() - FILTERS[kind].keys() or (since and kind not in CHANGES):
            raise refuse(400, Problem("UnexpectedError", f"{kind} cannot be filtered by {unknown}"))
        wanted = [
            record
            for record in all_of(tx, place_of(call), kind)
            if (since is None or record.updated_at >= since)
            and all(FILTERS[kind][name](record.body, value) for name, value in asked.items())
        ]
        return list_of(call, [_public(record) for record in wanted])

    return read


def read_one(kind: str) -> Handler:
    def read(call: Call, tx: Tx) -> Answer:
        record = find(tx, place_of(call), kind, call.parts["id"])
        if record is None:
            raise refuse(404, NOT_FOUND)
        return json_answer(_public(record))

    return read


def financial_settings(call: Call, tx: Tx) -> Answer:
    (record,) = all_of(tx, place_of(call), "financial_settings")
    return json_answer(shown(record))


def businesses(call: Call, tx: Tx) -> Answer:
    return list_of(call, _businesses(call, tx))


def lead_business(call: Call, tx: Tx) -> Answer:
    found = _businesses(call, tx)
    if not found:
        raise refuse(404, NOT_FOUND)
    return json_answer(found[0])


def business(call: Call, tx: Tx) -> Answer:
    found = next((one for one in _businesses(call, tx) if one["id"] == call.parts["id"]), None)
    if found is None:
        raise refuse(404, NOT_FOUND)
    return json_answer({**found, "name": found["displayed_as"]})


def _businesses(call: Call, tx: Tx) -> list[Json]:
    reached = businesses_of(tx, authenticated(call, tx).grant.id)
    known = organisations_of(tx, PROVIDER)
    return [reference_to("businesses", one.id, one.name) for one in known if one.id in reached]


def _public(record: Record) -> Json:
    return {name: value for name, value in shown(record).items() if not name.startswith("_")}


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise refuse(400, Problem("UnexpectedError", f"{text} is not a time")) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
