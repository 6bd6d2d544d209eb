import json
from typing import Any

import pytest
from build_list_svc import Call, a_body

from chassis.database import Database
from list_svc.handlers.on_connection import on_connection
from list_svc.handlers.on_list_entries import on_list_entries
from list_svc.handlers.on_sync_completed import on_sync_completed
from relink_contracts.events import ConnectionState, ListEntry, SyncCompleted
from relink_contracts.testing import received

RULES = "/api/v1/rules"
LISTS = "/api/v1/connections/con_1/lists"
ACCOUNTS = [("400", "Advertising"), ("404", "Bank fees"), ("429", "General expenses"), ("489", "general stationery")]


@pytest.fixture(autouse=True)
async def lists_of_the_demo_business(database: Database) -> None:
    async with database.transaction() as tx:
        await on_connection(received(ConnectionState, 1), tx)
        await on_connection(received(ConnectionState, 1, connection_id="con_9", business_id="biz_other"), tx)
        accounts = [received(ListEntry, 1, external_id=code, code=code, name=name) for code, name in ACCOUNTS]
        archived = received(ListEntry, 1, external_id="470", code="470", name="Wages", active=False)
        await on_list_entries([*accounts, archived], tx)
        await on_sync_completed(received(SyncCompleted, 2), tx)


async def said(database: Database) -> list[tuple[str, dict[str, Any] | None]]:
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT type, payload FROM outbox ORDER BY id")
    return [(row["type"], json.loads(row["payload"]) if row["payload"] else None) for row in rows]


async def written(call: Call, **changes: Any) -> dict[str, Any]:
    answer = await call("POST", RULES, json=a_body(**changes))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_the_lists_of_a_connection_say_whether_they_are_complete(call: Call) -> None:
    answer = await call("GET", LISTS, role="member")

    assert answer.status_code == 200
    assert answer.json() == {
        "items": [
            {
                "list": "accounts",
                "state": "arriving",
                "entries": 5,
                "list_version": 1,
                "updated_at": "2026-11-12T09:30:00Z",
                "last_change": {"added": 1, "updated": 0, "removed": 0},
            }
        ],
        "next": None,
    }


async def test_entries_come_in_pages_by_name(call: Call) -> None:
    names, cursor = [], None
    for _ in range(3):
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await call("GET", f"{LISTS}/accounts/entries", params=params)).json()
        names += [entry["name"] for entry in page["items"]]
        cursor = page["next"]

    assert cursor is None
    assert sorted(names) == sorted(name for _, name in [*ACCOUNTS, ("470", "Wages")])
    assert len(names) == 5


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("general", ["429", "489"]), ("40", ["400", "404"]), ("EXPENSES", ["429"]), ("%", []), ("29", [])],
)
async def test_a_search_finds_part_of_a_name_or_the_beginning_of_a_code(
    call: Call, wanted: str, found: list[str]
) -> None:
    answer = await call("GET", f"{LISTS}/accounts/entries", params={"q": wanted})

    assert sorted(entry["external_id"] for entry in answer.json()["items"]) == found


@pytest.mark.parametrize("cursor", ["x", "bnVsbA==", "WyJvbmUiXQ=="])
async def test_a_cursor_of_somewhere_else_is_refused(call: Call, cursor: str) -> None:
    answer = await call("GET", f"{LISTS}/accounts/entries", params={"cursor": cursor})

    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


async def test_a_written_rule_can_be_read_and_is_said(call: Call, database: Database) -> None:
    answer = await call("POST", RULES, json=a_body(), headers={"Idempotency-Key": "one"})
    rule = answer.json()

    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"{RULES}/{rule['rule_id']}"
    assert (await call("GET", answer.headers["location"], role="member")).json() == rule
    ((event, data),) = await said(database)
    assert event == "relink.rule.state.v1"
    assert data is not None
    assert (data["rule_id"], data["match"]["text"]) == (rule["rule_id"], "Harbour Print Works")
    assert data["coding"] == {"connection_id": "con_1", "references": {"accounts": "429"}}


async def test_the_same_key_writes_one_rule_and_gives_the_same_answer(call: Call, database: Database) -> None:
    first, second = [await call("POST", RULES, json=a_body(), headers={"Idempotency-Key": "again"}) for _ in range(2)]

    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert len(await said(database)) == 1


async def test_a_rewritten_rule_has_a_new_etag_and_is_said_again(call: Call, database: Database) -> None:
    rule = await written(call)

    answer = await call("PUT", f"{RULES}/{rule['rule_id']}", json=a_body(state="paused"), headers={"If-Match": '"1"'})

    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert [data["state"] for _, data in await said(database) if data] == ["active", "paused"]


async def test_whoever_saw_an_older_revision_is_told_who_was_faster_and_changes_nothing(
    call: Call, database: Database
) -> None:
    rule = await written(call)
    await call("PUT", f"{RULES}/{rule['rule_id']}", json=a_body(state="paused"), headers={"If-Match": '"1"'})

    answer = await call("PUT", f"{RULES}/{rule['rule_id']}", json=a_body(), headers={"If-Match": '"1"'})

    assert (answer.status_code, answer.headers["etag"]) == (412, '"2"')
    assert "was changed by usr_anna" in answer.json()["detail"]
    assert len(await said(database)) == 2


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_whoever_does_not_say_what_he_saw_is_asked_to(call: Call, method: str) -> None:
    rule = await written(call)

    answer = await call(method, f"{RULES}/{rule['rule_id']}", **({"json": a_body()} if method == "PUT" else {}))

    assert (answer.status_code, answer.json()["code"]) == (428, "if_match_missing")


async def test_a_deleted_rule_is_gone_and_its_tombstone_said(call: Call, database: Database) -> None:
    rule = await written(call)

    answer = await call("DELETE", f"{RULES}/{rule['rule_id']}", headers={"If-Match": '"1"'})

    assert answer.status_code == 204
    assert (await call("GET", f"{RULES}/{rule['rule_id']}")).status_code == 404
    assert (await said(database))[-1] == ("relink.rule.state.v1", None)


async def test_a_second_rule_with_the_same_match_is_refused(call: Call) -> None:
    await written(call)

    answer = await call("POST", RULES, json=a_body(match={"operator": "is", "text": " harbour print works "}))

    assert (answer.status_code, answer.json()["code"]) == (409, "rule_exists")


async def test_a_deleted_rule_makes_room_for_another_with_its_match(call: Call) -> None:
    rule = await written(call)
    await call("DELETE", f"{RULES}/{rule['rule_id']}", headers={"If-Match": '"1"'})

    await written(call)


async def test_entries_that_cannot_be_used_are_named_field_by_field(call: Call, database: Database) -> None:
    coding = {"connection_id": "con_1", "references": {"accounts": "470", "tax_rates": "NONE"}}

    answer = await call("POST", RULES, json=a_body(coding=coding))

    assert (answer.status_code, answer.json()["code"]) == (422, "entries_not_usable")
    assert {(error["pointer"], error["code"]) for error in answer.json()["errors"]} == {
        ("/coding/references/accounts", "entry_archived"),
        ("/coding/references/tax_rates", "entry_unknown"),
    }
    assert await said(database) == []


async def test_rules_come_in_pages_in_the_order_of_their_making(call: Call) -> None:
    for number in range(3):
        await written(call, match={"operator": "is", "text": f"Supplier {number}"})

    first = (await call("GET", RULES, params={"limit": 2}, role="member")).json()
    rest = (await call("GET", RULES, params={"cursor": first["next"]}, role="member")).json()

    assert [rule["match"]["text"] for rule in first["items"] + rest["items"]] == [f"Supplier {n}" for n in range(3)]
    assert rest["next"] is None


@pytest.mark.parametrize("role", ["member", "operator"])
async def test_only_an_administrator_or_an_accountant_changes_rules(call: Call, role: str) -> None:
    path = f"{RULES}/{(await written(call))['rule_id']}"
    match = {"If-Match": '"1"'}

    refused = [
        await call("POST", RULES, json=a_body(), role=role),
        await call("PUT", path, json=a_body(), headers=match, role=role),
        await call("DELETE", path, headers=match, role=role),
    ]

    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert (await call("GET", path, role=role)).status_code == 200


async def test_another_business_finds_nothing_of_ours_anywhere(call: Call, database: Database) -> None:
    path = f"{RULES}/{(await written(call))['rule_id']}"
    match = {"If-Match": '"1"'}

    answers = [
        await call("GET", LISTS, business="biz_other"),
        await call("GET", f"{LISTS}/accounts/entries", business="biz_other"),
        await call("GET", path, business="biz_other"),
        await call("PUT", path, json=a_body(), headers=match, business="biz_other"),
        await call("DELETE", path, headers=match, business="biz_other"),
        await call("POST", RULES, json=a_body(), business="biz_other"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 6
    assert (await call("GET", RULES, business="biz_other")).json()["items"] == []
    assert len(await said(database)) == 1


async def test_a_rule_cannot_refer_to_entries_of_anothers_connection(call: Call) -> None:
    answer = await call("POST", RULES, json=a_body(coding={"connection_id": "con_9", "references": {}}))

    assert (answer.status_code, answer.json()["code"]) == (404, "connection_unknown")


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "weather"},
        {"match": {"operator": "is", "text": "  "}},
        {"match": {"operator": "regex", "text": "x"}},
        {"business_id": "biz_other"},
    ],
)
async def test_a_body_that_is_no_rule_is_refused(call: Call, wrong: dict[str, Any]) -> None:
    answer = await call("POST", RULES, json=a_body(**wrong))

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
