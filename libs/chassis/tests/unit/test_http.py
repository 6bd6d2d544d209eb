from collections.abc import AsyncIterator
from typing import Annotated, Any

import asyncpg
import pytest
from build_chassis import People, client
from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import StreamingResponse
from prometheus_client import REGISTRY
from pydantic import BaseModel

from chassis.http import MAX_BODY_BYTES, Problem, allow, create_app
from chassis.service_tokens import Caller

PEOPLE = People()


class Size(BaseModel):
    width: int


def routes() -> APIRouter:
    router = APIRouter()

    @router.get("/mine")
    async def mine(caller: Annotated[Caller, Depends(allow(PEOPLE.gate, "admin"))]) -> str:
        return caller.subject

    @router.get("/anybody")
    async def anybody(caller: Annotated[Caller, Depends(allow(PEOPLE.gate))]) -> str:
        return caller.role

    @router.post("/sizes/{name}")
    async def sizes(name: str, size: Size) -> int:
        return size.width

    @router.post("/raw")
    async def raw(body: dict[str, Any]) -> int:
        return len(body)

    @router.get("/fail/{how}")
    async def fail(how: str) -> None:
        fix = {"pointer": "/width", "code": "too_wide", "detail": "It is too wide.", "fix": "Make it narrower."}
        raise {
            "problem": Problem(409, "not_now", "Not now", "Later.", [fix], headers={"Retry-After": "9"}),
            "bug": RuntimeError("the secret is hunter2"),
            "outage": asyncpg.CannotConnectNowError("starting up"),
        }[how]

    @router.get("/breaks-off")
    async def breaks_off() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError

        return StreamingResponse(pieces())

    return router


def an_app() -> FastAPI:
    return create_app("stub", version="1.2.3", health={}, routers=[routes()])


async def get(path: str, app: FastAPI | None = None, **headers: str) -> Any:
    async with client(app or an_app()) as http:
        return await http.get(path, headers=headers)


async def test_a_problem_is_told_in_full() -> None:
    answer = await get("/fail/problem", **{"X-Request-Id": "req-1"})

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "9"
    assert answer.json() == {
        "type": "/docs/errors/not_now",
        "title": "Not now",
        "status": 409,
        "detail": "Later.",
        "code": "not_now",
        "correlation_id": "req-1",
        "errors": [{"pointer": "/width", "code": "too_wide", "detail": "It is too wide.", "fix": "Make it narrower."}],
    }


async def test_a_bug_is_500_and_tells_the_caller_nothing_of_it() -> None:
    answer = await get("/fail/bug")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "hunter2" not in answer.text


async def test_an_outage_of_the_database_is_503_and_asks_to_come_back() -> None:
    answer = await get("/fail/outage")

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "2"


async def test_a_body_that_does_not_fit_names_its_fields() -> None:
    async with client(an_app()) as http:
        answer = await http.post("/sizes/a", json={"width": "wide"})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/body/width", "int_parsing")
    assert "input" not in error


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/sizes/a", 405)])
async def test_the_frameworks_own_refusals_are_problems_too(path: str, status: int) -> None:
    answer = await get(path)

    assert (answer.status_code, answer.json()["code"]) == (status, f"http_{status}")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_request_that_is_too_large_is_refused_while_it_is_read() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * (MAX_BODY_BYTES // 2)

    async with client(an_app()) as http:
        answer = await http.post("/raw", content=pieces(), headers={"content-type": "application/json"})
        fits = await http.post("/raw", json={"x": "y" * (MAX_BODY_BYTES - 100)})

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert fits.status_code == 200


async def test_the_request_id_is_echoed_and_made_up_when_it_is_missing_or_odd() -> None:
    assert (await get("/health/live", **{"X-Request-Id": "abc-1.2"})).headers["x-request-id"] == "abc-1.2"
    made_up = (await get("/health/live", **{"X-Request-Id": "a b\tc" * 40})).headers["x-request-id"]
    assert len(made_up) == 32
    assert made_up != (await get("/health/live")).headers["x-request-id"]


async def test_only_the_roles_named_are_let_in() -> None:
    assert (await get("/mine", **PEOPLE.headers(role="admin"))).json() == "usr_1"
    refused = await get("/mine", **PEOPLE.headers(role="member"))
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await get("/anybody", **PEOPLE.headers(role="member"))).json() == "member"


async def test_without_a_token_it_is_401_and_says_how_to_come_back() -> None:
    answer = await get("/mine")

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_metrics_count_requests_by_route_template_and_never_by_path() -> None:
    labels = {"method": "POST", "route": "/sizes/{name}", "status": "200"}
    before = REGISTRY.get_sample_value("http_requests_total", labels) or 0
    async with client(an_app()) as http:
        for name in ("a", "b"):
            await http.post(f"/sizes/{name}", json={"width": 1})
        page = (await http.get("/metrics")).text

    assert REGISTRY.get_sample_value("http_requests_total", labels) == before + 2
    assert 'route="/sizes/{name}"' in page
    assert "/sizes/a" not in page


async def test_an_answer_that_breaks_off_is_cut_and_not_answered_twice() -> None:
    with pytest.raises(RuntimeError):
        await get("/breaks-off")


async def test_health_is_no_part_of_the_described_api() -> None:
    assert set(an_app().openapi()["paths"]) == {
        "/mine",
        "/anybody",
        "/sizes/{name}",
        "/raw",
        "/fail/{how}",
        "/breaks-off",
    }
