"""The whole way with the real adapters, against every practice provider.

What it cannot catch: a redirect address that the provider does not know (the practice providers know one of their own).
"""

import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from build_connection_svc import BINDING_HASH, BUSINESS, VAULT, said

from chassis.database import Database
from chassis.testing import FrozenClock
from connection_svc.api.confirm import Confirmations
from connection_svc.api.parts import Addresses, Parts
from connection_svc.domain.connection import DetectedBy
from connection_svc.domain.grant import Over, Usable
from connection_svc.store import grants
from connection_svc.work.give_back import AccessReturner, return_access
from connection_svc.work.token_keeper import TokenKeeper
from connection_svc.work.watch_consents import watch_consents
from providers import ProviderSettings, build
from providers.interface import Revocation
from simulator.testing import KNOWN, REDIRECT_URI, Practice, served

YEAR = timedelta(days=365)
ORGANISATIONS = "/connections$|/companyinfo/|/businesses|/company$"


class PracticeAddresses(Addresses):
    def callback(self, provider: str) -> str:
        return REDIRECT_URI


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    with served(tmp_path_factory.mktemp("practice"), limits_factor=1) as practice:
        yield practice


@pytest.fixture(params=list(KNOWN))
def provider(request: pytest.FixtureRequest, running: Practice) -> str:
    running.move(0)
    running.post("/sim/reset").raise_for_status()
    return request.param


@pytest.fixture
def clock() -> FrozenClock:
    """The practice providers live in the present."""
    return FrozenClock(datetime.now(UTC))


@pytest.fixture
async def parts(parts: Parts, running: Practice, clock: FrozenClock, provider: str) -> AsyncIterator[Parts]:
    settings = ProviderSettings.model_validate(running.settings())
    async with httpx2.AsyncClient(timeout=5, trust_env=False) as http:
        known = build(settings, http)
        yield replace(
            parts,
            providers=known,
            tokens=TokenKeeper(parts.database, VAULT, known, clock),
            access_returner=AccessReturner(parts.database, VAULT, known, clock),
            confirmations=Confirmations(VAULT, YEAR, known),
            addresses=PracticeAddresses("https://relink.example", "https://relink.example"),
        )


@dataclass
class Journey:
    """Somebody who connects one provider through the practice login."""

    call: object
    browser: httpx2.AsyncClient
    practice: Practice
    provider: str
    clock: FrozenClock
    wanted: str | None = None

    @property
    def organisation(self) -> str:
        return self.wanted or KNOWN[self.provider].organisation

    def pass_time(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.practice.move((self.clock.now() - datetime.now(UTC)).total_seconds())

    async def begin(self, **changes: str) -> dict:
        body = {
            "provider": self.provider,
            "intent": "connect",
            "channel": "web",
            "return_to": "https://relink.example/",
            "browser_binding": BINDING_HASH.hexdigest(),
        }
        return (await self.call("POST", "/api/v1/connection-attempts", body | changes)).json()

    async def log_in(self, begun: dict, scenario: str = "normal") -> dict[str, str]:
        """What the provider sends the browser back with."""
        login = dict(parse_qsl(urlsplit((await self.browser.get(begun["start_url"])).headers["Location"]).query))
        return self.practice.callback(self.provider, self.organisation, scenario, **login)

    async def come_back(self, params: dict[str, str], browser: httpx2.AsyncClient | None = None) -> str:
        """Where the browser lands."""
        answer = await (browser or self.browser).get(f"/oauth/callback/{self.provider}", params=params)
        return answer.headers["Location"]

    async def attempt(self, begun: dict) -> dict:
        return (await self.call("GET", f"/api/v1/connection-attempts/{begun['attempt_id']}")).json()

    async def make(self, scenario: str = "normal", **changes: str) -> dict:
        """Log in and confirm the organisation; the attempt as it was before that."""
        begun = await self.begin(**changes)
        await self.come_back(await self.log_in(begun, scenario))
        attempt = await self.attempt(begun)
        if attempt["ask"]:
            url = f"/api/v1/connection-attempts/{begun['attempt_id']}/organisation"
            chosen = await self.call("POST", url, {"organisation_id": self.organisation})
            assert chosen.status_code == 200, chosen.text
        return attempt

    @property
    def tokens_asked_for(self) -> int:
        path = urlsplit(self.practice.settings()[self.provider]["token_url"]).path
        return sum(call["path"] == path for call in self.practice.journal(provider=self.provider))


@pytest.fixture
def journey(call, browser, running: Practice, provider: str, clock: FrozenClock) -> Journey:
    return Journey(call, browser, running, provider, clock)


async def test_a_year_from_consent_to_consent(journey: Journey, parts: Parts, database: Database) -> None:
    attempt = await journey.make()
    connection_id = attempt["connection_id"]
    assert attempt["organisations"][0]["name"] == "Demo Trading Ltd"
    assert isinstance(await parts.tokens.access(BUSINESS, connection_id, asked_by=DetectedBy.SYNC), Usable)

    journey.pass_time(YEAR)
    await watch_consents(database, journey.clock)
    over = await parts.tokens.access(BUSINESS, connection_id, asked_by=DetectedBy.PUBLISH)
    assert over == Over("consent_lapsed")

    again = await journey.make(intent="reconnect", connection_id=connection_id)
    assert again["organisations"][0]["expected"]
    assert isinstance(await parts.tokens.access(BUSINESS, connection_id, asked_by=DetectedBy.SYNC), Usable)
    async with database.acquire() as tx:
        events = [event for event, _ in await said(tx) if event != "connection.state"]
    assert events == [
        "connection.authorisation-started",
        "connection.established",
        "connection.expired",
        "reconnect.requested",
        "connection.authorisation-started",
        "connection.reconnected",
        "reconnect.completed",
    ]


async def test_a_token_is_refreshed_before_its_end(journey: Journey, parts: Parts, database: Database) -> None:
    connection_id = (await journey.make())["connection_id"]
    first = await parts.tokens.access(BUSINESS, connection_id, asked_by=DetectedBy.SYNC)
    journey.pass_time(timedelta(minutes=55))
    second = await parts.tokens.access(BUSINESS, connection_id, asked_by=DetectedBy.SYNC)

    assert second.access_token != first.access_token
    assert second.expires_at > journey.clock.now() + parts.providers[journey.provider].facts.access_margin
    async with database.acquire() as tx:
        assert (await grants.find(tx, VAULT, BUSINESS, connection_id)).version == 2


async def test_access_that_was_withdrawn_at_the_provider_is_found_out_by_a_report(
    journey: Journey, parts: Parts, provider: str
) -> None:
    connection_id = (await journey.make())["connection_id"]
    token = await parts.tokens.access(BUSINESS, connection_id, asked_by=DetectedBy.PUBLISH)
    journey.practice.withdraw(provider, journey.organisation)
    report = {"access_token_fingerprint": fingerprint(token.access_token), "problem": "401"}
    url = f"/internal/connections/{connection_id}/access-token/rejected"
    answer = (await journey.call("POST", url, report, service="publish-svc", role="service")).json()

    assert answer["status"] == "expired"
    assert answer["reason"] in {"grant_revoked", "organisation_withdrawn"}
    again = await journey.make(intent="reconnect", connection_id=connection_id)
    assert again["organisations"][0]["expected"]


async def test_a_healthy_connection_survives_a_mistaken_report(journey: Journey, parts: Parts) -> None:
    connection_id = (await journey.make())["connection_id"]
    token = await parts.tokens.access(BUSINESS, connection_id, asked_by=DetectedBy.PUBLISH)
    answer = await parts.tokens.rejected(
        BUSINESS, connection_id, fingerprint=fingerprint(token.access_token), asked_by=DetectedBy.PUBLISH
    )

    assert isinstance(answer, Usable)
    assert answer.access_token != token.access_token


RETURNS = {
    "denied": ("denied", "denied", 0),
    "without a code": ("no_code", "provider_error", 0),
    "with an error": ("provider_error", "provider_error", 0),
    "without a permission": ("scope_missing", "scope_missing", None),
    "after its half hour": ("timed_out", "timed_out", 0),
    "with a code of nobody": ("provider_error", "provider_error", 1),
}
"""Problem and event of each; how often the provider is asked for tokens, where that is the same at all of them."""


@pytest.mark.parametrize("how", list(RETURNS))
async def test_a_return_that_brings_nothing_has_a_code_of_its_own_at_every_provider(
    how: str, journey: Journey, database: Database
) -> None:
    problem, code, asked = RETURNS[how]
    begun = await journey.begin()
    scenario = {"denied": "deny", "without a permission": "scope_missing"}.get(how, "normal")
    params = await journey.log_in(begun, scenario)
    match how:
        case "without a code":
            del params["code"]
        case "with an error":
            params = {"state": params["state"], "error": "server_error"}
        case "with a code of nobody":
            params["code"] = "nobodys"
        case "after its half hour":
            journey.pass_time(timedelta(minutes=30))
    assert await journey.come_back(params) == f"https://relink.example/?attempt={begun['attempt_id']}"

    attempt = await journey.attempt(begun)
    assert (attempt["state"], attempt["problem"]) == ("timed_out" if problem == "timed_out" else "failed", problem)
    assert asked is None or journey.tokens_asked_for == asked
    async with database.acquire() as tx:
        (failure,) = [data for event, data in await said(tx) if event == "connection.authorisation-failed"]
        assert await tx.fetchval("SELECT count(*) FROM attempt_grants") == 0
    assert failure["code"] == code


async def test_a_return_in_another_browser_or_a_second_time_asks_no_provider_for_tokens(
    journey: Journey, another_browser: httpx2.AsyncClient
) -> None:
    begun = await journey.begin()
    params = await journey.log_in(begun)
    lands_on = f"https://relink.example/?attempt={begun['attempt_id']}"

    assert (
        await journey.come_back(params, another_browser)
        == "https://relink.example/connect/problem?code=foreign_browser"
    )
    foreign = params | {"state": "of-somebody-else"}
    assert await journey.come_back(foreign) == "https://relink.example/connect/problem?code=state_unknown"
    assert (journey.tokens_asked_for, (await journey.attempt(begun))["state"]) == (0, "started")

    assert [await journey.come_back(params) for _ in range(2)] == [lands_on, lands_on]
    assert (journey.tokens_asked_for, (await journey.attempt(begun))["state"]) == (1, "returned")


@pytest.mark.parametrize(
    ("action", "target"),
    [
        ({"status": 500}, "token"),
        ({"body": "<html>not JSON"}, "token"),
        ({"body": '{"access_token": null}'}, "token"),
        ({"body": "[]"}, "token"),
        ({"body": '{"access_token": null, "refresh_token": "r", "expires_in": "soon"}'}, "token"),
        ({"cut": "after"}, "token"),
        ({"status": 500}, "organisations"),
        ({"body": "{}"}, "organisations"),
        ({"body": "[" * 100_000}, "organisations"),
    ],
    ids=str,
)
async def test_a_provider_that_fails_during_the_return_connects_nothing(
    action: dict, target: str, journey: Journey, provider: str, database: Database
) -> None:
    paths = {"token": urlsplit(journey.practice.settings()[provider]["token_url"]).path, "organisations": ORGANISATIONS}
    method = "POST" if target == "token" else "GET"
    journey.practice.fault(provider=provider, method=method, path_regex=paths[target], times=None, action=action)
    attempt = await journey.make()

    assert (attempt["state"], attempt["problem"], attempt["organisations"]) == ("failed", "provider_error", [])
    shown = (await journey.call("GET", f"/api/v1/connections/{attempt['connection_id']}")).json()
    assert (shown["lifecycle"], shown["generation"]) == ("pending", 0)
    async with database.acquire() as tx:
        assert [event for event, _ in await said(tx)] == [
            "connection.authorisation-started",
            "connection.authorisation-failed",
        ]
        assert await tx.fetchval("SELECT count(*) FROM attempt_grants") == 0


async def test_a_change_to_another_organisation_at_every_provider(
    journey: Journey, parts: Parts, provider: str, database: Database
) -> None:
    old = (await journey.make())["connection_id"]
    journey.wanted = KNOWN[provider].other_organisation
    await journey.make(intent="change", connection_id=old)

    async with database.acquire() as tx:
        (changed,) = [data for event, data in await said(tx) if event == "connection.changed"]
    new = changed["new_connection_id"]
    assert isinstance(await parts.tokens.access(BUSINESS, old, asked_by=DetectedBy.SYNC), Over)
    assert await return_access(database, parts.access_returner, journey.clock)
    token = await parts.tokens.access(BUSINESS, new, asked_by=DetectedBy.SYNC)
    assert isinstance(token, Usable)
    report = fingerprint(token.access_token)
    again = await parts.tokens.rejected(BUSINESS, new, fingerprint=report, asked_by=DetectedBy.SYNC)
    assert isinstance(again, Usable), "giving the old access back did not end the new one"


async def test_leaving_long_after_the_last_call_gives_the_access_back(journey: Journey, parts: Parts) -> None:
    connection_id = (await journey.make())["connection_id"]
    journey.pass_time(timedelta(days=2))
    url = f"/api/v1/connections/{connection_id}/disconnect"
    answer = (await journey.call("POST", url, {"keep_lists": True})).json()

    is_offered = parts.providers[journey.provider].facts.revocation is not Revocation.NOT_OFFERED
    assert answer["access"] == ("given_back" if is_offered else "not_possible")


async def test_leaving_gives_the_access_back_where_the_provider_takes_it(
    journey: Journey, parts: Parts, database: Database
) -> None:
    connection_id = (await journey.make())["connection_id"]
    await journey.call("POST", f"/api/v1/connections/{connection_id}/disconnect", {"keep_lists": True})

    async with database.acquire() as tx:
        is_revoked = dict(await said(tx))["connection.disconnected"]["revoked_at_provider"]
    assert is_revoked == (parts.providers[journey.provider].facts.revocation is not Revocation.NOT_OFFERED)


def fingerprint(access_token: str) -> str:
    return hashlib.sha256(access_token.encode()).hexdigest()
