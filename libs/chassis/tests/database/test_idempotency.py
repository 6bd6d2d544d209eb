import asyncio
from typing import Any

import pytest
from build_chassis import People, client, eventually
from fastapi import APIRouter, FastAPI, Response

from chassis.database import Database
from chassis.http import Problem, create_app


@pytest.fixture
def people() -> People:
    return People()


class Shop:
    """An API that notes in the database what it did."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.calls = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.then: Exception | None = None

    def router(self) -> APIRouter:
        router = APIRouter()

        @router.post("/things/{thing_id}", status_code=201)
        async def make(thing_id: str, body: dict[str, Any], response: Response) -> dict[str, Any]:
            self.calls += 1
            if body.get("refuse"):
                raise Problem(409, "not_now", "Not now", "Later perhaps.")
            async with self.database.transaction() as tx:
                await tx.execute("INSERT INTO things (id) VALUES ($1 || '/' || $2::text)", thing_id, str(self.calls))
            await self.goes_on.wait()
            if self.then:
                raise self.then
            response.headers["Location"] = f"/things/{thing_id}"
            if body.get("secret"):
                response.headers["Cache-Control"] = "no-store"
            return {"call": self.calls, **body}

        return router

    async def things(self) -> int:
        async with self.database.acquire() as connection:
            return await connection.fetchval("SELECT count(*) FROM things")


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


@pytest.fixture
def app(shop: Shop, people: People, database: Database) -> FastAPI:
    return create_app("stub", version="1", health={}, routers=[shop.router()], gate=people.gate, database=database)


async def post(app: FastAPI, headers: dict[str, str], path: str = "/things/a", **body: Any):
    async with client(app) as http:
        return await http.post(path, json=body, headers=headers)


async def test_the_same_request_again_gets_the_first_answer(app, shop: Shop, people: People) -> None:
    headers = people.headers(Idempotency_Key="k1")
    first = await post(app, headers, size=1)
    again = await post(app, headers, size=1)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json() == {"call": 1, "size": 1}
    assert again.headers["location"] == "/things/a"
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert await shop.things() == 1


async def test_the_key_with_another_body_is_refused(app, shop: Shop, people: People) -> None:
    await post(app, people.headers(Idempotency_Key="k1"), size=1)
    other = await post(app, people.headers(Idempotency_Key="k1"), size=2)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert shop.calls == 1


async def test_while_the_first_request_runs_the_next_is_told_so(app, shop: Shop, people: People) -> None:
    shop.goes_on.clear()
    first = asyncio.create_task(post(app, people.headers(Idempotency_Key="k1")))
    await eventually(lambda: shop.calls)
    second = await post(app, people.headers(Idempotency_Key="k1"))
    shop.goes_on.set()

    assert (second.status_code, second.json()["code"]) == (409, "idempotency_key_running")
    assert (await first).status_code == 201
    assert shop.calls == 1


async def test_many_at_once_take_effect_once(app, shop: Shop, people: People) -> None:
    answers = await asyncio.gather(*(post(app, people.headers(Idempotency_Key="k1")) for _ in range(10)))

    assert await shop.things() == 1
    assert {answer.status_code for answer in answers} <= {201, 409}


@pytest.mark.parametrize("other", [{"subject": "usr_2"}, {"business_id": "biz_2"}, {"Idempotency_Key": "k2"}])
async def test_another_caller_or_key_is_another_request(app, shop: Shop, people: People, other: dict[str, str]) -> None:
    await post(app, people.headers(Idempotency_Key="k1"))
    await post(app, people.headers(**({"Idempotency_Key": "k1"} | other)))

    assert await shop.things() == 2


async def test_another_route_is_another_request(app, shop: Shop, people: People) -> None:
    await post(app, people.headers(Idempotency_Key="k1"))
    await post(app, people.headers(Idempotency_Key="k1"), path="/things/b")

    assert await shop.things() == 2


async def test_without_a_key_every_request_counts(app, shop: Shop, people: People) -> None:
    await post(app, people.headers())
    await post(app, people.headers())

    assert await shop.things() == 2


async def test_a_refusal_is_not_kept(app, shop: Shop, people: People) -> None:
    headers = people.headers(Idempotency_Key="k1")
    assert (await post(app, headers, refuse=True)).status_code == 409
    assert (await post(app, headers, refuse=False)).status_code == 201


async def test_an_answer_that_holds_a_secret_is_not_kept(app, shop: Shop, people: People, database) -> None:
    answers = [await post(app, people.headers(Idempotency_Key="k1"), secret="s3cret") for _ in range(2)]

    assert [answer.json()["call"] for answer in answers] == [1, 2]
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM idempotency_keys") == 0


async def test_a_failure_before_any_effect_may_be_tried_again(app, shop: Shop, people: People, database) -> None:
    headers = people.headers(Idempotency_Key="k1")
    async with database.acquire() as connection:
        await connection.execute("ALTER TABLE things ADD CONSTRAINT never CHECK (false) NOT VALID")
        assert (await post(app, headers)).status_code == 500
        await connection.execute("ALTER TABLE things DROP CONSTRAINT never")
    assert (await post(app, headers)).status_code == 201
    assert await shop.things() == 1


async def test_a_failure_after_the_commit_is_never_done_again(app, shop: Shop, people: People, database) -> None:
    headers = people.headers(Idempotency_Key="k1")
    shop.then = RuntimeError("while answering")
    assert (await post(app, headers)).status_code == 500
    shop.then = None
    assert (await post(app, headers)).json()["code"] == "idempotency_key_running"
    await an_hour_passes(database)
    lost = await post(app, headers)

    assert (lost.status_code, lost.json()["code"]) == (409, "answer_lost")
    assert await shop.things() == 1


async def test_a_process_that_died_before_its_commit_does_not_block_the_next_try(app, shop, people, database) -> None:
    headers = people.headers(Idempotency_Key="k1")
    shop.goes_on.clear()
    dying = asyncio.create_task(post(app, headers, path="/things/dying"))
    await eventually(lambda: shop.calls)
    async with database.acquire() as connection:  # as if its transaction had never been committed
        await connection.execute("UPDATE idempotency_keys SET in_effect = false")
    await an_hour_passes(database)
    shop.goes_on.set()
    assert (await post(app, headers, path="/things/dying")).status_code == 201
    await dying


async def test_a_request_that_was_taken_over_cannot_commit_any_more(app, shop, people, database) -> None:
    headers = people.headers(Idempotency_Key="k1")
    slow = Slow(database)
    app.include_router(slow.router())
    late = asyncio.create_task(post(app, headers, path="/slow"))
    await slow.begun.wait()
    await an_hour_passes(database)
    slow.waits = False
    assert (await post(app, headers, path="/slow")).status_code == 200
    slow.goes_on.set()

    assert (await late).status_code == 409
    assert await shop.things() == 1


class Slow:
    """A request that waits inside its transaction."""

    def __init__(self, database: Database) -> None:
        self.database, self.waits = database, True
        self.begun, self.goes_on = asyncio.Event(), asyncio.Event()

    def router(self) -> APIRouter:
        router = APIRouter()

        @router.post("/slow")
        async def slow() -> str:
            async with self.database.transaction() as tx:
                self.begun.set()
                if self.waits:
                    await self.goes_on.wait()
                await tx.execute("INSERT INTO things (id) VALUES ('slow/' || random()::text)")
            return "done"

        return router


async def test_after_24_hours_the_key_is_free(app, shop: Shop, people: People, database) -> None:
    headers = people.headers(Idempotency_Key="k1")
    await post(app, headers)
    async with database.acquire() as connection:
        await connection.execute("UPDATE idempotency_keys SET begun_at = begun_at - interval '25 hours'")
    await post(app, headers)

    assert await shop.things() == 2


async def test_a_key_without_a_token_is_refused_like_any_request(app, shop: Shop) -> None:
    answer = await post(app, {"Idempotency-Key": "k1"})

    assert answer.status_code == 401
    assert shop.calls == 0


async def test_a_key_that_is_too_long_is_refused(app, shop: Shop, people: People) -> None:
    assert (await post(app, people.headers(Idempotency_Key="k" * 256))).status_code == 400
    assert shop.calls == 0


async def an_hour_passes(database: Database) -> None:
    async with database.acquire() as connection:
        await connection.execute("UPDATE idempotency_keys SET begun_at = begun_at - interval '1 hour'")
