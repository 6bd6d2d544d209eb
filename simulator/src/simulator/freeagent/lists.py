"""Reading: the company, the person, categories, and the lists with their views."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from simulator.calls import Answer, Call, Handler, json_answer
from simulator.encoding import Json
from simulator.freeagent.formats import address, public, refuse, rows, shown
from simulator.freeagent.gateway import place_of
from simulator.freeagent.oauth import authenticated, level_of
from simulator.records import Record, all_of, find
from simulator.state import Tx

SINGULAR = {"contacts": "contact", "bills": "bill", "projects": "project", "bank_accounts": "bank_account"}
View = Callable[[Json], bool]
VIEWS: Mapping[str, Mapping[str, View]] = {
    "contacts": {
        "all": lambda _body: True,
        "active": lambda body: body["status"] == "Active",
        "hidden": lambda body: body["status"] == "Hidden",
        "clients": lambda body: "client" in body["_roles"],
        "suppliers": lambda body: "supplier" in body["_roles"],
    },
    "bills": {"all": lambda _body: True, "open": lambda body: body["status"] == "Open"},
    "projects": {"all": lambda _body: True, "active": lambda body: body["status"] == "Active"},
    "bank_accounts": {
        "all": lambda _body: True,
        "standard_bank_accounts": lambda body: body["type"] == "StandardBankAccount",
        "credit_card_accounts": lambda body: body["type"] == "CreditCardAccount",
        "paypal_accounts": lambda body: body["type"] == "PaypalAccount",
    },
}
USUAL_VIEW = {"contacts": "active"}
CHANGES = frozenset({"contacts", "bills"})
"""Lists that know updated_since."""
GROUPS = ("admin_expenses_categories", "cost_of_sales_categories", "income_categories", "general_categories")


def read_all(kind: str) -> Handler:
    def read(call: Call, tx: Tx) -> Answer:
        view = VIEWS[kind].get(call.query.get("view", USUAL_VIEW.get(kind, "all")))
        if view is None:
            raise refuse(400, f"{call.query['view']} is not a view of {kind}")
        since = _moment(call) if kind in CHANGES else None
        wanted = [
            record
            for record in all_of(tx, place_of(call), kind)
            if view(record.body) and (since is None or record.updated_at >= since) and _of_its_dates(call, record.body)
        ]
        return rows(call, kind, [shown(call, record) for record in wanted])

    return read


def read_one(kind: str) -> Handler:
    def read(call: Call, tx: Tx) -> Answer:
        record = find(tx, place_of(call), kind, call.parts["id"])
        if record is None:
            raise refuse(404, "Resource not found")
        return json_answer({SINGULAR[kind]: shown(call, record)})

    return read


def categories(call: Call, tx: Tx) -> Answer:
    """By groups, and not in pages."""
    found = all_of(tx, place_of(call), "categories")
    return json_answer(
        {group: [_category(call, one) for one in found if one.body["_group"] == group] for group in GROUPS}
    )


def company(call: Call, tx: Tx) -> Answer:
    (record,) = all_of(tx, place_of(call), "company")
    return json_answer({"company": {"url": f"{call.base_url}{call.path}", **public(record.body)}})


def me(call: Call, tx: Tx) -> Answer:
    grant = authenticated(call, tx).grant
    first, _, last = grant.user.partition("@")[0].partition(".")
    user = {
        "url": address(call, "users", "1"),
        "email": grant.user,
        "first_name": first.title(),
        "last_name": last.title() or "Practice",
        "role": "Director",
        "permission_level": level_of(grant),
    }
    return json_answer({"user": user})


def _category(call: Call, record: Record) -> Json:
    return {"url": address(call, "categories", record.id), **public(record.body)}


def _of_its_dates(call: Call, body: Json) -> bool:
    """from_date and to_date of documents, both included."""
    dated_on = body.get("dated_on")
    return dated_on is None or call.query.get("from_date", "") <= dated_on <= call.query.get("to_date", "9999")


def _moment(call: Call) -> datetime | None:
    text = call.query.get("updated_since")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise refuse(400, f"{text} is not a time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
