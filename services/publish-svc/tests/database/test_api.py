"""Requests of people and programs, over HTTP and a real database."""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from build_publish_svc import FILE, World, a_connection, known, outbox_of
from joserfc.jwk import OKPKey

from chassis.http import create_app
from chassis.service_tokens import Gate as Doorkeeper
from chassis.service_tokens import ServiceSigner
from providers.errors import Problem, Refused
from publish_svc.api import routers
from publish_svc.domain.connections import ConnectionPicture, Gate
from publish_svc.domain.items import HoldReason
from publish_svc.store import releases

KEY = OKPKey.generate_key("Ed25519")
SIGNER = ServiceSigner("web-svc", json.dumps(KEY.as_dict(private=True)))


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    peers = {"web-svc": KEY.as_dict(private=False)}
    roles = ("admin", "member", "publisher", "accountant", "operator")
    gate = Doorkeeper("publish-svc", peers, {"web-svc": roles})  # type: ignore[arg-type]
    app = create_app(
        "publish-svc",
        version="0",
        routers=routers(world.database, gate, world.clock),
        health={},
        gate=gate,
        database=world.database,
    )
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://publish-svc") as client:
        client.headers = as_(role="publisher")
        yield client


@pytest.fixture
async def connection(world: World) -> ConnectionPicture:
    return await world.store(a_connection())


def as_(role: str = "publisher", business_id: str = "biz_demo", subject: str = "usr_anna") -> httpx2.Headers:
    token = SIGNER.token("publish-svc", subject, business_id, role)
    return httpx2.Headers({"Authorization": f"Bearer {token}"})


def a_body(connection: ConnectionPicture, **changes: Any) -> dict[str, Any]:
    body = {
        "connection_id": connection.id,
        "supplier": {"id": "sup-1", "name": "Paper & Co"},
        "number": "INV-1",
        "date": "2026-11-01",
        "currency": "GBP",
        "lines": [
            {"description": "Paper", "amount": {"amount": "12.30", "currency": "GBP"}, "account_id": "429"},
            {"description": "Pens", "amount": {"amount": "0.45", "currency": "GBP"}, "account_id": "429"},
        ],
        "document": {
            "url": "https://files.example/1.pdf",
            "sha256": hashlib.sha256(FILE).hexdigest(),
            "file_name": "1.pdf",
            "content_type": "application/pdf",
        },
    }
    return body | changes


async def delivered(http: httpx2.AsyncClient, connection: ConnectionPicture, number: int = 1) -> str:
    answer = await http.put(f"/api/v1/items/bill-{number}", json=a_body(connection, number=f"INV-{number}"))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["item_id"])


async def test_an_item_is_delivered_once_under_its_external_id(
    http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    first = await http.put("/api/v1/items/bill-1", json=a_body(connection))
    again = await http.put("/api/v1/items/bill-1", json=a_body(connection))

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert first.json()["status"] == "ready"
    assert first.json()["total"] == {"amount": "12.75", "currency": "GBP"}


async def test_a_correction_changes_what_will_be_published(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    item_id = await delivered(http, connection)
    await http.post(f"/api/v1/items/{item_id}/publish")

    corrected = await http.put("/api/v1/items/bill-1", json=a_body(connection, number="INV-77"))
    await world.run()

    assert (corrected.status_code, corrected.json()["status"]) == (200, "queued")
    assert world.provider.numbers == ["INV-77"]


async def test_what_the_provider_has_is_not_changed_behind_its_back(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    item_id = await delivered(http, connection)
    await http.post(f"/api/v1/items/{item_id}/publish")
    await world.run()

    refused = await http.put("/api/v1/items/bill-1", json=a_body(connection, number="INV-77"))

    assert (refused.status_code, refused.json()["code"]) == (409, "item_not_editable")
    assert (await http.put("/api/v1/items/bill-1", json=a_body(connection))).status_code == 200


async def test_only_the_file_of_a_bill_that_is_there_can_be_replaced(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    item_id = await delivered(http, connection)
    await http.post(f"/api/v1/items/{item_id}/publish")
    world.provider.tell("attach", Refused(Problem("value_invalid", "document", "No such type.")))
    await world.run()
    body = a_body(connection)

    other_bill = await http.put("/api/v1/items/bill-1", json=body | {"date": "2026-11-02"})
    other_file = await http.put(
        "/api/v1/items/bill-1", json=body | {"document": body["document"] | {"file_name": "2.pdf"}}
    )
    await http.post(f"/api/v1/items/{item_id}/retry")
    await world.run()

    assert (other_bill.status_code, other_file.status_code) == (409, 200)
    assert world.provider.files == {"INV1": ["2.pdf"]}
    assert (await http.get(f"/api/v1/items/{item_id}")).json()["status"] == "published"


async def test_a_body_that_does_not_fit_is_refused_field_by_field(
    http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    line = {"description": "Paper", "amount": {"amount": "twelve", "currency": "GBP"}, "account_id": "429"}

    refused = await http.put("/api/v1/items/bill-1", json=a_body(connection, lines=[line]))

    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert "/body/lines/0/amount/amount" in [error["pointer"] for error in refused.json()["errors"]]


async def test_a_connection_nobody_told_us_about_is_not_found(http: httpx2.AsyncClient) -> None:
    refused = await http.put("/api/v1/items/bill-1", json=a_body(a_connection()))

    assert (refused.status_code, refused.json()["code"]) == (404, "connection_unknown")


async def test_asking_to_publish_gives_each_item_the_next_place(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    ids = [await delivered(http, connection, number) for number in (1, 2, 3)]

    single = await http.post(f"/api/v1/items/{ids[2]}/publish")
    many = await http.post("/api/v1/items/publish", json={"ids": [ids[1], ids[0]]})

    assert (single.status_code, many.status_code) == (202, 202)
    assert single.headers["location"] == f"/api/v1/items/{ids[2]}"
    assert single.json()["position"] == 1
    assert [item["position"] for item in many.json()["items"]] == [2, 3]
    said = await world.said()
    assert [event["what"] for event in said] == ["item.publish-requested"] * 3
    assert [event["bulk_id"] for event in said] == [None, many.json()["bulk_id"], many.json()["bulk_id"]]
    await world.run()
    assert world.provider.numbers == ["INV-3", "INV-2", "INV-1"]


async def test_the_same_request_under_one_key_has_one_effect_and_one_answer(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    ids = [await delivered(http, connection, number) for number in (1, 2)]
    key = {"Idempotency-Key": "k-1"}

    first = await http.post("/api/v1/items/publish", json={"ids": ids}, headers=key)
    again = await http.post("/api/v1/items/publish", json={"ids": ids}, headers=key)
    other = await http.post("/api/v1/items/publish", json={"ids": ids[:1]}, headers=key)

    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert other.status_code == 422
    assert len(await world.said()) == 2


async def test_asking_for_what_is_on_its_way_changes_nothing(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    item_id = await delivered(http, connection)
    first = await http.post(f"/api/v1/items/{item_id}/publish")

    again = await http.post(f"/api/v1/items/{item_id}/publish")

    assert again.json() == first.json()
    assert len(await world.said()) == 1


async def test_among_many_those_that_cannot_be_published_are_named_and_the_others_go(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    ids = [await delivered(http, connection, number) for number in (1, 2)]
    await http.post(f"/api/v1/items/{ids[0]}/publish")
    await world.run()

    answer = (await http.post("/api/v1/items/publish", json={"ids": ids})).json()

    assert [(refused["item_id"], refused["code"]) for refused in answer["refused"]] == [
        (ids[0], "item_not_publishable")
    ]
    assert [item["item_id"] for item in answer["items"]] == ids[1:]


async def test_publish_again_makes_a_second_document_of_its_own(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    item_id = await delivered(http, connection)
    await http.post(f"/api/v1/items/{item_id}/publish")
    await world.run()

    plain = await http.post(f"/api/v1/items/{item_id}/publish")
    again = await http.post(f"/api/v1/items/{item_id}/publish", json={"again": True})
    await world.run()

    assert (plain.status_code, again.status_code) == (409, 202)
    assert [one.bill.reference for one in world.provider.bills] == [f"{item_id}/1", f"{item_id}/2"]
    assert len({one.key for one in world.provider.bills}) == 2


async def test_after_an_expiry_the_first_request_gets_its_error_and_every_later_one_waits(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    await world.change(connection.id, lambda it: it.close(HoldReason.CONNECTION_EXPIRED))
    ids = [await delivered(http, connection, number) for number in (1, 2, 3)]

    for item_id in ids:
        assert (await http.post(f"/api/v1/items/{item_id}/publish")).json()["status"] == "held"

    said = [(event["what"], event["item_id"]) for event in await world.said()]
    assert said == [
        ("item.publish-requested", ids[0]),
        ("item.publish-failed", ids[0]),
        ("item.held", ids[0]),
        ("item.publish-requested", ids[1]),
        ("item.held", ids[1]),
        ("item.publish-requested", ids[2]),
        ("item.held", ids[2]),
    ]
    assert {(await world.item(item_id)).reason for item_id in ids} == {"connection_expired"}
    history = (await http.get(f"/api/v1/items/{ids[0]}/history")).json()["items"]
    assert [(entry["what"], entry["detail"]) for entry in history] == [
        ("ready", None),
        ("queued", None),
        ("failed", "connection_expired"),
        ("held", "connection_expired"),
    ]


async def test_a_request_while_a_release_is_opening_is_no_error_of_the_new_consent(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    def reconnected(it: ConnectionPicture) -> ConnectionPicture:
        return replace(it.close(HoldReason.CONNECTION_EXPIRED), generation=2, gate=Gate.WAITING_FOR_LISTS)

    await world.change(connection.id, reconnected)
    item_id = await delivered(http, connection)

    asked = await http.post(f"/api/v1/items/{item_id}/publish")

    assert asked.json()["status"] == "held"
    assert "item.publish-failed" not in [event["what"] for event in await world.said()]


async def test_what_waits_at_a_connection_is_shown_in_the_order_it_will_go(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    await world.change(connection.id, lambda it: it.close(HoldReason.CONNECTION_EXPIRED))
    ids = [await delivered(http, connection, number) for number in (1, 2, 3)]
    await http.post("/api/v1/items/publish", json={"ids": ids})

    first = (await http.get(f"/api/v1/connections/{connection.id}/held?limit=2")).json()
    rest = (await http.get(f"/api/v1/connections/{connection.id}/held?limit=2&cursor={first['next']}")).json()

    assert (first["waiting"], first["gate"], first["reason"]) == (3, "closed", "connection_expired")
    assert [item["item_id"] for item in first["items"] + rest["items"]] == ids
    assert rest["next"] is None
    assert first["release"] is None


async def test_a_release_is_shown_with_what_became_of_it_so_far(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    await world.change(connection.id, lambda it: it.close(HoldReason.CONNECTION_EXPIRED))
    ids = [await delivered(http, connection, number) for number in (1, 2)]
    await http.post("/api/v1/items/publish", json={"ids": ids})
    async with world.database.transaction() as tx:
        await releases.begin(tx, connection, "rel_1", "reconnect", now=world.clock.now())

    release = (await http.get(f"/api/v1/connections/{connection.id}/held")).json()["release"]

    assert (release["release_id"], release["trigger"]) == ("rel_1", "reconnect")
    assert [release[count] for count in ("total", "published", "failed", "unsettled")] == [2, 0, 0, 2]


async def test_items_are_listed_newest_first_filtered_and_paged(
    http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    ids = [await delivered(http, connection, number) for number in (1, 2, 3)]
    await http.post(f"/api/v1/items/{ids[0]}/publish")

    ready = (await http.get("/api/v1/items?status=ready")).json()
    either = (await http.get("/api/v1/items?status=ready&status=queued&limit=2")).json()
    rest = (await http.get(f"/api/v1/items?status=ready&status=queued&limit=2&cursor={either['next']}")).json()
    counts = (await http.get("/api/v1/items/counts")).json()["statuses"]

    assert [item["item_id"] for item in ready["items"]] == [ids[2], ids[1]]
    assert [item["item_id"] for item in either["items"] + rest["items"]] == [ids[2], ids[1], ids[0]]
    assert rest["next"] is None
    assert (counts["ready"], counts["queued"], counts["published"]) == (2, 1, 0)


async def test_the_history_tells_every_attempt(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    item_id = await delivered(http, connection)
    world.provider.tell("create_bill", Refused(Problem("period_locked", "date", "The period is locked.")))
    await http.post(f"/api/v1/items/{item_id}/publish")
    await world.run()
    world.pass_time(timedelta(seconds=1))
    await http.post(f"/api/v1/items/{item_id}/retry")
    await world.run()

    history = (await http.get(f"/api/v1/items/{item_id}/history")).json()["items"]

    attempts = [(entry["attempt"], entry["detail"]) for entry in history if entry["what"] == "attempt"]
    assert attempts == [(1, "refused: The period is locked."), (2, "published")]
    assert [entry["what"] for entry in history if entry["what"] != "attempt"] == [
        "ready",
        "queued",
        "publishing",
        "failed",
        "queued",
        "publishing",
        "published",
    ]


ENDPOINTS = [
    ("GET", "/api/v1/items/{item}"),
    ("GET", "/api/v1/items/{item}/history"),
    ("GET", "/api/v1/connections/{connection}/held"),
    ("POST", "/api/v1/items/{item}/publish"),
    ("POST", "/api/v1/items/{item}/retry"),
    ("POST", "/api/v1/items/publish"),
    ("PUT", "/api/v1/items/bill-1"),
]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=" ".join)
async def test_what_belongs_to_another_business_is_not_found(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture, endpoint: tuple[str, str]
) -> None:
    method, path = endpoint
    item_id = await delivered(http, connection)
    before = [await world.item(item_id), await world.said()]
    bodies = {"/api/v1/items/publish": {"ids": [item_id]}, "/api/v1/items/bill-1": a_body(connection)}

    answer = await http.request(
        method,
        path.format(item=item_id, connection=connection.id),
        json=bodies.get(path),
        headers=as_(business_id="biz_other"),
    )

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert [await world.item(item_id), await world.said()] == before


async def test_lists_and_counts_show_nothing_of_another_business(
    http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    await delivered(http, connection)

    items = await http.get("/api/v1/items", headers=as_(business_id="biz_other"))
    counts = await http.get("/api/v1/items/counts", headers=as_(business_id="biz_other"))

    assert items.json()["items"] == []
    assert set(counts.json()["statuses"].values()) == {0}


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("operator", 403)], ids=["nobody", "an operator"])
async def test_asking_to_publish_needs_the_right_to(
    http: httpx2.AsyncClient, connection: ConnectionPicture, role: str | None, status: int
) -> None:
    item_id = await delivered(http, connection)
    http.headers = httpx2.Headers() if role is None else as_(role=role)

    assert (await http.post(f"/api/v1/items/{item_id}/publish")).status_code == status


async def test_a_cursor_that_we_did_not_make_is_a_problem_of_the_request(
    http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    assert (await http.get("/api/v1/items?cursor=%25%25")).status_code == 400
    assert (await http.get(f"/api/v1/connections/{connection.id}/held?cursor=YWJj")).status_code == 400


async def test_everything_a_request_says_leaves_with_its_transaction(
    world: World, http: httpx2.AsyncClient, connection: ConnectionPicture
) -> None:
    item_id = await delivered(http, connection)

    await http.post("/api/v1/items/publish", json={"ids": [item_id, "itm_unknown"]})

    async with world.database.transaction() as tx:
        assert await outbox_of(tx) == []
        assert (await known(tx, connection.id)).last_position == 0
