"""Whatever is sent to the API, the answer says what is wrong with it, and nothing happens."""

import pytest
from build_connection_svc import BUSINESS, a_connection, some_tokens, stored, types_said
from login_steps_connection_svc import CONNECT

from chassis.database import Database
from connection_svc.domain.connection import Connection

HOSTILE = ["con_%00", "%F0%9F%92%A5", "%27%3B--", "x" * 5_000, "con_..%2F..", "%ED%A0%80"]
PATHS = [
    "GET /api/v1/connections/{}",
    "GET /api/v1/connections/{}/history",
    "GET /api/v1/connections/{}/explain",
    "GET /api/v1/connections/{}/settings",
    "POST /api/v1/connections/{}/disconnect",
    "GET /api/v1/connection-attempts?connection_id={}",
    "GET /api/v1/connection-attempts/{}",
    "POST /api/v1/connection-attempts/{}/organisation",
    "POST /api/v1/connection-attempts/{}/cancel",
]
BODIES = {"disconnect": {"keep_lists": True}, "organisation": {"organisation_id": "o"}}


@pytest.fixture
async def connection(database: Database) -> Connection:
    async with database.transaction() as tx:
        return await stored(tx, a_connection(), some_tokens())


@pytest.mark.parametrize("path", PATHS)
async def test_an_id_that_is_none_of_ours_is_refused_or_not_found(path: str, call) -> None:
    method, url = path.split()
    for hostile in HOSTILE:
        answer = await call(method, url.format(hostile), BODIES.get(url.rsplit("/", 1)[-1]))

        assert answer.status_code in {404, 422}, f"{hostile}: {answer.text}"
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_a_browser_that_brings_nonsense_ends_on_a_page(hostile: str, browser) -> None:
    start = await browser.get(f"/oauth/start/{hostile}")
    back = await browser.get(f"/oauth/callback/xero?state={hostile}&code={hostile}&error={hostile}")
    nowhere = await browser.get(f"/oauth/callback/{hostile}?state=s&code=c")

    for answer in (start, back, nowhere):
        assert answer.status_code in {303, 404, 422}, answer.text
        if answer.status_code == 303:
            assert answer.headers["Location"].startswith("https://relink.example/connect/problem")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"provider": "abacus"}, "/body/provider"),
        ({"provider": 7}, "/body/provider"),
        ({"intent": "conquer"}, "/body/intent"),
        ({"channel": "link"}, "/body/channel"),
        ({"connection_id": "con_\x00"}, "/body/connection_id"),
        ({"intent": "reconnect", "connection_id": None}, "/body/connection_id"),
        ({"return_to": "https://relink.example/" + "x" * 2_000}, "/body/return_to"),
        ({"return_to": "https://relink.example/\x00"}, "/body/return_to"),
        ({"browser_binding": "A" * 64}, "/body/browser_binding"),
        ({"take_over": "perhaps"}, "/body/take_over"),
        ({"business_id": "biz_other"}, "/body/business_id"),
    ],
)
async def test_a_field_of_a_new_attempt_that_does_not_fit_is_named(
    change: dict, pointer: str, call, database: Database
) -> None:
    answer = await call("POST", "/api/v1/connection-attempts", CONNECT | change)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    async with database.acquire() as tx:
        assert await tx.fetchval("SELECT count(*) FROM connections") == 0


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"", b"null", b'{"keep_lists": tru', b'{"keep_lists": "\\ud800"}', b"\xff\xfe"]
)
async def test_a_body_that_is_no_document_changes_nothing(body: bytes, call, connection, database: Database) -> None:
    answer = await call("POST", f"/api/v1/connections/{connection.id}/disconnect", content=body)

    assert answer.status_code in {400, 422}, answer.text
    async with database.acquire() as tx:
        assert await types_said(tx) == []


async def test_a_body_of_a_megabyte_is_too_large(call, connection: Connection, database: Database) -> None:
    answer = await call(
        "POST", f"/api/v1/connections/{connection.id}/disconnect", {"keep_lists": True, "note": "x" * 1_000_000}
    )

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    async with database.acquire() as tx:
        assert await types_said(tx) == []


@pytest.mark.parametrize("cursor", ["a", "AA==", "w7_DvyE=", "wrI=", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"])
async def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str, call, connection: Connection) -> None:
    history = await call("GET", f"/api/v1/connections/{connection.id}/history?cursor={cursor}")
    every = await call("GET", f"/api/v1/connections?cursor={cursor}")

    assert (history.status_code, history.json()["code"]) == (400, "cursor_invalid")
    assert every.status_code in {200, 400}, every.text
    assert BUSINESS not in every.text
