"""Refresh by hand, and how it stands."""

from datetime import timedelta

import pytest
from build_sync_svc import Call, Worker

from chassis.testing import FrozenClock
from relink_contracts.events import ConnectionExpired
from relink_contracts.testing import received

REFRESH = "/api/v1/connections/con_1/refresh"
REQUESTED = "relink.sync.requested.v1"


async def test_lists_are_refreshed_when_somebody_asks(worker: Worker, clock: FrozenClock, call: Call) -> None:
    await worker.synced()
    clock.advance(timedelta(minutes=5))
    answer = await call("POST", REFRESH, json={"lists": ["suppliers"]})
    [request] = await worker.said(REQUESTED)
    assert answer.status_code == 202
    assert answer.json() == {"sync_id": request["sync_id"], "joined": False}
    assert answer.headers["Location"] == f"/api/v1/sync-runs/{request['sync_id']}"
    assert (request["trigger"], request["lists"]) == ("user", ["suppliers"])
    assert request["actor"] == {"type": "user", "id": "usr_anna"}


async def test_a_second_request_joins_the_run_that_is_open(worker: Worker, call: Call) -> None:
    await worker.connected()
    [request] = await worker.said(REQUESTED)
    answer = await call("POST", REFRESH)
    assert (answer.status_code, answer.json()) == (202, {"sync_id": request["sync_id"], "joined": True})
    assert len(await worker.said(REQUESTED)) == 1


async def test_a_moment_after_the_last_reading_one_has_to_wait(worker: Worker, clock: FrozenClock, call: Call) -> None:
    await worker.synced()
    clock.advance(timedelta(minutes=1))
    answer = await call("POST", REFRESH)
    assert (answer.status_code, answer.json()["code"]) == (429, "cooling_down")
    assert answer.headers["Retry-After"] == "240"
    assert await worker.said(REQUESTED) == []


async def test_lists_of_a_connection_that_does_not_work_cannot_be_refreshed(worker: Worker, call: Call) -> None:
    await worker.synced()
    await worker.hears(received(ConnectionExpired, sequence=2))
    answer = await call("POST", REFRESH)
    assert (answer.status_code, answer.json()["code"]) == (409, "connection_not_usable")


async def test_a_list_that_no_provider_has_is_refused(worker: Worker, call: Call) -> None:
    await worker.synced()
    answer = await call("POST", REFRESH, json={"lists": ["friends"]})
    assert answer.status_code == 422


async def test_how_it_stands_says_last_next_and_what_the_lists_hold(worker: Worker, call: Call) -> None:
    await worker.synced()
    answer = (await call("GET", "/api/v1/connections/con_1/sync")).json()
    assert answer["suspended"] is False
    assert answer["next_due_at"] > answer["completed_at"]
    assert [(one["list"], one["total"]) for one in answer["lists"]] == [("accounts", 2), ("suppliers", 1)]
    assert answer["latest_run"]["state"] == "completed"
    run = (await call("GET", f"/api/v1/sync-runs/{answer['latest_run']['sync_id']}")).json()
    assert run == answer["latest_run"]
    assert run["lists"]["accounts"] == {"added": 2, "updated": 0, "removed": 0, "total": 2}


async def test_an_expired_connection_has_no_next_turn(worker: Worker, call: Call) -> None:
    await worker.synced()
    await worker.hears(received(ConnectionExpired, sequence=2))
    answer = (await call("GET", "/api/v1/connections/con_1/sync")).json()
    assert (answer["suspended"], answer["next_due_at"]) == (True, None)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", REFRESH), ("GET", "/api/v1/connections/con_1/sync"), ("GET", "/api/v1/sync-runs/{sync_id}")],
)
async def test_another_business_finds_nothing(worker: Worker, call: Call, method: str, path: str) -> None:
    await worker.synced()
    answer = (await call("GET", "/api/v1/connections/con_1/sync")).json()
    path = path.format(sync_id=answer["latest_run"]["sync_id"])
    assert (await call(method, path, business="biz_other")).status_code == 404


async def test_an_operator_may_look_and_not_ask(worker: Worker, call: Call) -> None:
    await worker.synced()
    assert (await call("GET", "/api/v1/connections/con_1/sync", role="operator")).status_code == 200
    assert (await call("POST", REFRESH, role="operator")).status_code == 403
