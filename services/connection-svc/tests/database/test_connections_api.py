"""Connections over HTTP: what people see, change and leave, and who may."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from build_connection_svc import (
    BINDING_HASH,
    YEAR,
    FakeProvider,
    Organisation,
    a_case,
    a_connection,
    an_attempt,
    an_expired_connection,
    said,
    some_tokens,
    stored,
    types_said,
)
from fastapi.routing import APIRoute

from chassis.database import Database
from chassis.testing import FrozenClock
from connection_svc.api.parts import Parts
from connection_svc.domain.connection import Connection
from connection_svc.main.api import ROUTERS
from connection_svc.store import attempts, cases
from connection_svc.work.republish_state import republish_state
from connection_svc.work.watch_consents import watch_consents
from providers.errors import ProviderUnavailable

SETTINGS = {
    "warn_new_supplier": True,
    "always_ask_organisation": True,
    "auto_publish": False,
    "default_destination": "draft",
}
ATTEMPT = {
    "provider": "xero",
    "intent": "reconnect",
    "channel": "web",
    "return_to": "https://relink.example/b/biz_demo/x",
    "browser_binding": BINDING_HASH.hexdigest(),
}


@pytest.fixture
async def connection(database: Database) -> Connection:
    async with database.transaction() as tx:
        return await stored(tx, a_connection(), some_tokens())


async def test_a_connection_is_shown_as_it_is(call, connection: Connection) -> None:
    shown = (await call("GET", f"/api/v1/connections/{connection.id}", role="member")).json()

    assert (shown["connection_id"], shown["lifecycle"], shown["generation"]) == (connection.id, "active", 1)
    assert (shown["organisation_name"], shown["provider"]) == ("Demo Trading Ltd", "xero")
    assert shown["consent_expires_at"] == "2027-03-02T12:00:00Z"


async def test_pages_hold_every_connection_once(call, database: Database) -> None:
    async with database.transaction() as tx:
        made = [
            await stored(tx, a_connection(organisation=Organisation(f"org-{number}", "One of many")))
            for number in range(5)
        ]
    seen, cursor = [], ""
    while cursor is not None:
        page = (await call("GET", f"/api/v1/connections?limit=2&cursor={cursor}")).json()
        seen += [one["connection_id"] for one in page["items"]]
        cursor = page["next"]

    assert seen == [one.id for one in made]


async def test_a_cursor_that_is_none_of_ours_is_refused(call, connection: Connection) -> None:
    answers = [
        await call("GET", "/api/v1/connections?cursor=a"),
        await call("GET", f"/api/v1/connections/{connection.id}/history?cursor=YWJj"),
    ]

    assert [answer.json()["code"] for answer in answers] == ["cursor_invalid"] * 2


async def test_the_history_tells_who_did_what_the_latest_first(
    call, connection: Connection, database: Database, clock: FrozenClock
) -> None:
    await call("PUT", f"/api/v1/connections/{connection.id}/settings", SETTINGS, if_match='"1"')
    clock.advance(YEAR)
    await watch_consents(database, clock)

    lines = (await call("GET", f"/api/v1/connections/{connection.id}/history", role="member")).json()["items"]

    assert [(line["what"], line["by"]) for line in lines] == [
        ("expired", "connection-svc"),
        ("settings_changed", "usr_anna"),
    ]
    assert lines[0]["detail"] == "reason: consent lapsed, detected by: clock"
    assert lines[1]["detail"] == "changed: warn new supplier and default destination"


async def test_a_long_history_comes_in_pages(call, connection: Connection) -> None:
    for version in range(1, 4):
        wanted = SETTINGS | {"auto_publish": bool(version % 2)}
        await call("PUT", f"/api/v1/connections/{connection.id}/settings", wanted, if_match=f'"{version}"')
    url = f"/api/v1/connections/{connection.id}/history"
    first = (await call("GET", f"{url}?limit=2")).json()
    second = (await call("GET", f"{url}?limit=2&cursor={first['next']}")).json()

    assert (len(first["items"]), len(second["items"]), second["next"]) == (2, 1, None)


@pytest.mark.parametrize(
    ("after", "why", "following"),
    [
        (
            timedelta(0),
            "Connected to Demo Trading Ltd.",
            "Nothing to do. The next reconnection is due by 2 March 2027.",
        ),
        (
            YEAR - timedelta(days=5),
            "Connected to Demo Trading Ltd. The yearly consent ends on 2 March 2027.",
            "Reconnect before then.",
        ),
        (
            YEAR,
            "The yearly consent ended on 2 March 2027.",
            "An administrator logs in to Xero again; what waits is then published by itself.",
        ),
    ],
)
async def test_the_state_is_explained_in_words(
    *, after: timedelta, why: str, following: str, call, connection: Connection, clock: FrozenClock
) -> None:
    clock.advance(after)

    explained = (await call("GET", f"/api/v1/connections/{connection.id}/explain", role="member")).json()

    assert explained == {"why": why, "next": following}


async def test_providers_are_listed_with_what_they_can_do(call) -> None:
    (provider,) = (await call("GET", "/api/v1/providers", role="member")).json()["items"]

    assert (provider["provider"], provider["display_name"]) == ("xero", "Xero")
    assert (provider["supports_supplier_warning"], provider["mobile"]) == (True, True)


async def test_settings_change_says_what_changed_and_the_state(call, connection: Connection, database) -> None:
    answer = await call("PUT", f"/api/v1/connections/{connection.id}/settings", SETTINGS, if_match='"1"')

    assert (answer.status_code, answer.headers["ETag"], answer.json()) == (200, '"2"', SETTINGS)
    async with database.acquire() as tx:
        events = dict(await said(tx))
    assert events["connection.settings-changed"]["changed"] == ["warn_new_supplier", "default_destination"]
    assert events["connection.state"]["settings_version"] == 2


async def test_settings_that_are_so_already_change_nothing(call, connection: Connection, database) -> None:
    url = f"/api/v1/connections/{connection.id}/settings"
    present = await call("GET", url)
    answer = await call("PUT", url, present.json(), if_match=present.headers["ETag"])

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')
    async with database.acquire() as tx:
        assert await types_said(tx) == []


async def test_settings_are_changed_only_by_whoever_names_their_version(call, connection: Connection) -> None:
    url = f"/api/v1/connections/{connection.id}/settings"
    without = await call("PUT", url, SETTINGS)
    await call("PUT", url, SETTINGS, if_match='"1"')
    stale = await call("PUT", url, SETTINGS | {"auto_publish": True}, if_match='"1"')
    garbage = await call("PUT", url, SETTINGS, if_match="*")

    assert [without.status_code, stale.status_code, garbage.status_code] == [428, 412, 412]
    assert stale.json()["detail"] == (
        "usr_anna changed warn_new_supplier, default_destination at 2026-03-02T12:00:00+00:00."
    )


async def test_a_412_tells_a_machine_who_changed_what_and_when(call, connection: Connection) -> None:
    url = f"/api/v1/connections/{connection.id}/settings"
    await call("PUT", url, SETTINGS, if_match='"1"')
    stale = await call("PUT", url, SETTINGS | {"auto_publish": True}, if_match='"1"')

    assert stale.json()["errors"][0] == {
        "pointer": "/body/warn_new_supplier",
        "code": "changed",
        "detail": "changed by usr_anna",
        "changed_by": "usr_anna",
        "changed_at": "2026-03-02T12:00:00+00:00",
    }


async def test_on_a_phone_only_the_warning_about_new_suppliers_is_changed(call, connection: Connection) -> None:
    url = f"/api/v1/connections/{connection.id}/settings"
    present = (await call("GET", url)).json()
    refused = await call("PUT", f"{url}?channel=mobile", SETTINGS | {"auto_publish": True}, if_match='"1"')
    changed = await call("PUT", f"{url}?channel=mobile", present | {"warn_new_supplier": True}, if_match='"1"')

    assert (refused.status_code, refused.json()["code"]) == (422, "settings_for_web_only")
    assert [error["pointer"] for error in refused.json()["errors"]] == [
        "/body/auto_publish",
        "/body/default_destination",
    ]
    assert (changed.status_code, changed.json()) == (200, present | {"warn_new_supplier": True})


async def test_a_warning_that_the_provider_cannot_give_is_refused(
    call, database, connection: Connection, parts
) -> None:
    parts.providers["xero"].facts = replace(parts.providers["xero"].facts, supports_supplier_warning=False)
    answer = await call("PUT", f"/api/v1/connections/{connection.id}/settings", SETTINGS, if_match='"1"')

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/warn_new_supplier")


@pytest.mark.parametrize(
    "body", [{}, SETTINGS | {"colour": "red"}, SETTINGS | {"auto_publish": "perhaps"}, ["not", "an", "object"]]
)
async def test_a_body_that_does_not_fit_names_its_field(body: object, call, connection: Connection) -> None:
    answer = await call("PUT", f"/api/v1/connections/{connection.id}/settings", body, if_match='"1"')

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/body")


async def test_leaving_gives_access_back_and_closes_the_case(call, database: Database, xero: FakeProvider) -> None:
    async with database.transaction() as tx:
        connection = await stored(tx, an_expired_connection(), some_tokens())
        await cases.add(tx, a_case(connection))
    answer = await call("POST", f"/api/v1/connections/{connection.id}/disconnect", {"keep_lists": True})

    assert answer.json()["lifecycle"] == "disconnected"
    assert xero.revoked == ["refresh-1"]
    async with database.acquire() as tx:
        events = dict(await said(tx))
        assert await tx.fetchval("SELECT count(*) FROM grants") == 0
    assert events["connection.disconnected"]["revoked_at_provider"] is True
    assert events["reconnect.completed"]["outcome"] == "disconnected"


async def test_leaving_succeeds_while_the_provider_is_away_and_says_so(
    call, connection: Connection, database: Database, xero: FakeProvider
) -> None:
    xero.errors = [ProviderUnavailable("timeout")]
    url = f"/api/v1/connections/{connection.id}/disconnect"
    first = await call("POST", url, {"keep_lists": False})
    again = await call("POST", url, {"keep_lists": False})

    assert (first.status_code, again.json()["code"]) == (200, "not_disconnectable")
    async with database.acquire() as tx:
        events = dict(await said(tx))
    assert events["connection.disconnected"]["revoked_at_provider"] is False


async def test_every_state_is_said_again_on_request(connection: Connection, database: Database, clock) -> None:
    assert await republish_state(database, clock) == 1
    async with database.acquire() as tx:
        assert await types_said(tx) == ["connection.state"]


async def test_access_tokens_are_handed_to_the_two_services_that_call_providers(call, connection: Connection) -> None:
    url = f"/internal/connections/{connection.id}/access-token"
    answer = await call("POST", url, {"class": "publish"}, service="publish-svc", role="service")
    report = {"access_token_fingerprint": some_tokens().fingerprint, "problem": "401"}
    renewed = await call("POST", f"{url}/rejected", report, service="sync-svc", role="service")

    assert answer.json() == {
        "status": "usable",
        "access_token": "access-1",
        "expires_at": "2026-03-02T12:30:00Z",
        "organisation_id": "org-demo",
        "provider": "xero",
        "generation": 1,
        "permits": None,
    }
    assert renewed.json()["access_token"] == "access-2"


async def test_a_request_for_a_token_sees_the_year_pass(
    call, connection: Connection, clock: FrozenClock, database
) -> None:
    clock.advance(YEAR)
    url = f"/internal/connections/{connection.id}/access-token"
    answer = await call("POST", url, {"class": "sync"}, service="sync-svc", role="service")

    assert answer.json() == {"status": "expired", "reason": "consent_lapsed"}
    async with database.acquire() as tx:
        events = dict(await said(tx))
    assert events["connection.expired"]["detected_by"] == "sync"


async def test_a_provider_without_answer_is_being_checked(
    call, connection: Connection, clock: FrozenClock, xero: FakeProvider
) -> None:
    clock.advance(timedelta(minutes=31))
    xero.errors = [ProviderUnavailable("timeout")]
    url = f"/internal/connections/{connection.id}/access-token"
    answer = await call("POST", url, {"class": "publish"}, service="publish-svc", role="service")

    assert answer.json() == {"status": "checking", "retry_after_seconds": 2.0}


def every_route(connection_id: str, attempt_id: str, case_id: str) -> dict[str, tuple[object, str, str]]:
    """Each route with an id in it: body, service and role of a caller that is allowed to call it."""
    people, token = ("web-svc", "admin"), f"POST /internal/connections/{connection_id}/access-token"
    fingerprint = {"access_token_fingerprint": "0" * 64, "problem": "401"}
    at = f"/api/v1/connections/{connection_id}"
    return {
        f"GET {at}": (None, *people),
        f"GET {at}/history": (None, *people),
        f"GET {at}/explain": (None, *people),
        f"GET {at}/settings": (None, *people),
        f"PUT {at}/settings": (SETTINGS, *people),
        f"POST {at}/disconnect": ({"keep_lists": True}, *people),
        f"POST {at}/snooze": ({"until": "2026-03-05T12:00:00Z"}, *people),
        f"POST {at}/check": (None, *people),
        f"POST {at}/ask-admin": (None, "web-svc", "member"),
        f"POST {at}/reconnect-links": ({"ttl_seconds": 3600}, *people),
        f"POST /internal/connections/{connection_id}/reconnect-links": (
            {"ttl_seconds": 3600, "asked_by": "usr_anna"},
            "notifier-svc",
            "service",
        ),
        "POST /api/v1/connection-attempts": (ATTEMPT | {"connection_id": connection_id}, *people),
        f"GET /api/v1/connection-attempts?connection_id={connection_id}": (None, *people),
        f"GET /api/v1/connection-attempts/{attempt_id}": (None, *people),
        f"POST /api/v1/connection-attempts/{attempt_id}/cancel": (None, *people),
        f"POST /api/v1/connection-attempts/{attempt_id}/organisation": ({"organisation_id": "org-demo"}, *people),
        token: ({"class": "publish"}, "publish-svc", "service"),
        f"{token}/rejected": (fingerprint, "sync-svc", "service"),
        f"{token}/throttled": ({"retry_after_seconds": 1}, "publish-svc", "service"),
        f"POST /internal/reconnect-cases/{case_id}/links": (None, "notifier-svc", "service"),
    }


@pytest.fixture
async def routes(connection: Connection, database: Database) -> dict[str, tuple[object, str, str]]:
    attempt, case = an_attempt(connection_id=connection.id), a_case(connection)
    async with database.transaction() as tx:
        await attempts.add(tx, attempt)
        await cases.add(tx, case)
    return every_route(connection.id, attempt.id, case.id)


async def test_another_businesss_ids_are_not_found_anywhere(call, routes, database: Database) -> None:
    for route, (body, service, role) in routes.items():
        method, path = route.split()
        answer = await call(method, path, body, service=service, role=role, business="biz_other", if_match='"1"')
        assert answer.status_code == 404, f"{route}: {answer.text}"
    async with database.acquire() as tx:
        assert await types_said(tx) == []
    assert (await call("GET", "/api/v1/connections", business="biz_other")).json()["items"] == []


async def test_everybody_who_may_not_is_refused_everywhere(call, routes, database: Database) -> None:
    for route, (body, service, role) in routes.items():
        method, path = route.split()
        strangers = {("web-svc", "member"), ("web-svc", "service"), ("notifier-svc", "service")} - {(service, role)}
        if method == "GET" and "/connections/" in path:
            strangers.remove(("web-svc", "member"))  # looking is everybody's right
        for stranger, their_role in strangers:
            answer = await call(method, path, body, service=stranger, role=their_role, if_match='"1"')
            assert answer.status_code == 403, f"{route} as {stranger} {their_role}: {answer.text}"
    async with database.acquire() as tx:
        assert await types_said(tx) == []


def untried(parts: Parts, tried: Iterable[str]) -> list[APIRoute]:
    asked = [route.split() for route in tried]
    return [
        route
        for module in ROUTERS
        for route in module.router(parts).routes
        if isinstance(route, APIRoute)
        and not any(method in route.methods and route.path_regex.match(path) for method, path in asked)
    ]


def test_the_routes_tried_here_are_all_that_have_an_id(parts: Parts) -> None:
    left = [route.path for route in untried(parts, every_route("con_1", "att_1", "rec_1")) if "{" in route.path]

    assert sorted(left) == [
        "/internal/reconnect-links/{secret}",  # the secret is the right: test_links.py
        "/internal/reconnect-links/{secret}/ask",
        "/internal/reconnect-links/{secret}/consume",
        "/oauth/callback/{provider}",  # browsers without a token: test_logins.py
        "/oauth/start/{attempt_id}",
    ]


def with_a_body(routes: dict[str, tuple[object, str, str]]) -> dict[str, tuple[dict, str, str]]:
    """Of the routes those that take a body; a link's is looked at before its secret."""
    press = ({"browser_binding": BINDING_HASH.hexdigest()}, "web-svc", "service")
    return {route: rest for route, rest in routes.items() if rest[0] is not None} | {
        "POST /internal/reconnect-links/a-secret/consume": press
    }


async def test_every_body_that_does_not_fit_is_refused_by_the_name_of_its_field(
    call, routes, database: Database
) -> None:
    for route, (body, service, role) in with_a_body(routes).items():
        method, path = route.split()
        broken = {
            "/body/surprise": body | {"surprise": 1},
            f"/body/{next(iter(body))}": body | {next(iter(body)): {"neither": "this"}},
            "/body": ["no", "object"],
        }
        for pointer, sent in broken.items():
            answer = await call(method, path, sent, service=service, role=role, if_match='"1"')
            assert answer.status_code == 422, f"{route} with {sent}: {answer.text}"
            assert pointer in {error["pointer"] for error in answer.json()["errors"]}, f"{route}: {answer.text}"
            assert answer.headers["Content-Type"] == "application/problem+json"
    async with database.acquire() as tx:
        assert await types_said(tx) == []


async def test_every_body_that_is_no_document_or_too_large_is_refused(call, routes, database: Database) -> None:
    for route, (body, service, role) in with_a_body(routes).items():
        method, path = route.split()
        for content, status in ((b"{", 422), (b"\xff", 422), (json.dumps(body).encode() + b" " * 2_000_000, 413)):
            answer = await call(method, path, content=content, service=service, role=role, if_match='"1"')
            assert answer.status_code == status, f"{route} with {content[:9]!r}: {answer.text}"
            assert answer.headers["Content-Type"] == "application/problem+json"
    async with database.acquire() as tx:
        assert await types_said(tx) == []


def test_the_bodies_tried_here_are_all_that_are_taken(parts: Parts) -> None:
    tried = with_a_body(every_route("con_1", "att_1", "rec_1"))

    assert [route.path for route in untried(parts, tried) if route.body_field is not None] == []


async def test_without_a_token_nobody_is_heard(browser, routes) -> None:
    for route in routes:
        method, path = route.split()
        assert (await browser.request(method, path)).status_code == 401
