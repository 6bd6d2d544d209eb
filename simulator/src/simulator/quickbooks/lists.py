"""Reading: query, single entities, changes since a moment."""

import re
from datetime import UTC, datetime

from simulator.calls import Answer, Call
from simulator.encoding import Json
from simulator.quickbooks import query as language
from simulator.quickbooks.formats import Problem, answer, object_not_found, refuse, shown
from simulator.quickbooks.gateway import place_of
from simulator.records import Record, all_of, find
from simulator.state import Tx

_COMMON = "Id MetaData.CreateTime MetaData.LastUpdatedTime"
_NAMED = f"{_COMMON} Active"
QUERYABLE: dict[str, frozenset[str]] = {
    entity: frozenset(f"{common} {own}".split())
    for entity, common, own in (
        ("Account", _NAMED, "Name FullyQualifiedName AcctNum Classification AccountType AccountSubType SubAccount"),
        ("Vendor", _NAMED, "DisplayName CompanyName GivenName FamilyName PrintOnCheckName Balance"),
        ("Customer", _NAMED, "DisplayName CompanyName GivenName FamilyName Job Balance"),
        ("Employee", _NAMED, "DisplayName GivenName FamilyName"),
        ("TaxCode", _NAMED, "Name Description Taxable TaxGroup"),
        ("TaxRate", _NAMED, "Name Description RateValue"),
        ("Class", _NAMED, "Name FullyQualifiedName SubClass"),
        ("Department", _NAMED, "Name FullyQualifiedName SubDepartment"),
        ("Item", _NAMED, "Name Sku Type"),
        ("Term", _NAMED, "Name DueDays"),
        ("Bill", _COMMON, "DocNumber TxnDate DueDate VendorRef TotalAmt Balance SalesTermRef DepartmentRef"),
        ("Attachable", _COMMON, "FileName ContentType Size AttachableRef.EntityRef.value AttachableRef.EntityRef.type"),
        ("CompanyInfo", _COMMON, "CompanyName LegalName"),
        ("Preferences", _COMMON, ""),
    )
}
"""What a query may filter and order by. PrivateNote is not among it, as with the real Bill."""
ENTITY_OF_PATH = {entity.lower(): entity for entity in QUERYABLE}
_NOT_IN_CHANGES = {"TaxCode", "TaxRate"}


def run_query(call: Call, tx: Tx) -> Answer:
    """GET with `query`, or POST with the statement as the body."""
    statement = call.query.get("query") or call.body.decode(errors="replace")
    try:
        asked = language.parse(statement)
        entity = ENTITY_OF_PATH.get(asked.entity.lower())
        if entity is None:
            raise refuse(call, Problem("4000", "Error parsing query", f"QueryParserError: no entity {asked.entity}"))
        bodies = [shown(record) for record in all_of(tx, place_of(call), entity) if not _is_deleted(record)]
        found = language.choose(asked, bodies, QUERYABLE[entity])
    except language.BadQueryError as error:
        raise refuse(call, Problem("4000", "Error parsing query", f"QueryParserError: {error}")) from error
    except language.UnknownPropertyError as error:
        raise refuse(call, Problem("4001", "Invalid query", f"QueryValidationError: {error}")) from error
    return answer(call, {"QueryResponse": _page(asked, entity, found)})


def read_one(call: Call, tx: Tx) -> Answer:
    entity = ENTITY_OF_PATH.get(call.parts["entity"].lower())
    record = entity and find(tx, place_of(call), entity, call.parts["id"])
    if not record or _is_deleted(record):
        raise refuse(call, object_not_found(f"{call.parts['entity']} {call.parts['id']}"))
    return answer(call, {record.kind: shown(record)})


def read_preferences(call: Call, tx: Tx) -> Answer:
    (record,) = all_of(tx, place_of(call), "Preferences")
    return answer(call, {"Preferences": shown(record)})


def read_changes(call: Call, tx: Tx) -> Answer:
    """Change data capture: everything of the named entities that changed since, deletions included."""
    since = _since(call)
    responses = []
    for entity in (name.strip() for name in call.query.get("entities", "").split(",")):
        if entity not in QUERYABLE or entity in _NOT_IN_CHANGES:
            raise refuse(call, Problem("4000", "Invalid entity", f"{entity} has no change data capture"))
        changed = [_changed(record) for record in all_of(tx, place_of(call), entity) if record.updated_at > since]
        page = changed[: language.LARGEST_PAGE]
        counted = {"startPosition": 1, "maxResults": len(page), "totalCount": len(page)} if page else {}
        responses.append({entity: page, **counted} if page else {})
    return answer(call, {"CDCResponse": [{"QueryResponse": responses}]})


def _is_deleted(record: Record) -> bool:
    return record.body.get("status") == "Deleted"


def _page(asked: language.Query, entity: str, found: list[Json]) -> Json:
    if asked.counts:
        return {"totalCount": len(found)}
    page = found[asked.start - 1 : asked.start - 1 + asked.most]
    if not page:
        return {}
    if asked.fields:
        page = [{name: body[name] for name in asked.fields if name in body} for body in page]
    return {entity: page, "startPosition": asked.start, "maxResults": len(page)}


def _changed(record: Record) -> Json:
    body = shown(record)
    if not _is_deleted(record):
        return body
    times = {"LastUpdatedTime": body["MetaData"]["LastUpdatedTime"]}
    return {"domain": "QBO", "status": "Deleted", "Id": record.id, "MetaData": times}


def _since(call: Call) -> datetime:
    text = re.sub(r" (\d\d:\d\d)$", r"+\1", call.query.get("changedSince", ""))  # a + that was not escaped
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise refuse(call, Problem("4000", "Invalid changedSince", f"{text} is not a time")) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
