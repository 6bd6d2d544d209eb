"""Asking connection-svc for access tokens. The transport is in our hands."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from build_publish_svc import NOON, a_token
from joserfc.jwk import OKPKey

from chassis.service_tokens import ServiceSigner
from chassis.testing import FrozenClock
from providers.permits import Leased
from publish_svc.clients import BeingChecked, ConnectionService, ConnectionsUnavailable, NotUsable, Usable

SIGNER = ServiceSigner("publish-svc", json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)))
USABLE = {
    "status": "usable",
    "access_token": "token-1",
    "expires_at": "2026-11-02T12:30:00Z",
    "organisation_id": "org-1",
    "provider": "xero",
    "generation": 1,
}


MARGINS = {"xero": timedelta(minutes=5), "sage": timedelta(minutes=1)}


class ConnectionSvc:
    def __init__(self, *answers: Any) -> None:
        self.answers, self.calls, self.clock = list(answers), list[httpx2.Request](), FrozenClock(NOON)

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.calls.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer) if isinstance(answer, int) else httpx2.Response(200, json=answer)

    def client(self) -> ConnectionService:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self.handle))
        return ConnectionService(http, "http://connections/", SIGNER, clock=self.clock, margins=MARGINS)


async def test_a_usable_token_is_asked_for_as_ourselves_and_kept() -> None:
    connections = ConnectionSvc(USABLE)
    client = connections.client()

    assert await client.get("con_1", "biz_demo") == a_token()
    assert await client.get("con_1", "biz_demo") == a_token()

    [call] = connections.calls
    assert str(call.url) == "http://connections/internal/connections/con_1/access-token"
    assert json.loads(call.content) == {"class": "publish"}
    assert call.headers["authorization"].startswith("Bearer ")


async def test_a_token_that_is_nearly_over_is_asked_for_anew() -> None:
    connections = ConnectionSvc(USABLE, USABLE | {"access_token": "token-2"})
    client = connections.client()
    await client.get("con_1", "biz_demo")

    connections.clock.advance(timedelta(minutes=25))

    assert await client.get("con_1", "biz_demo") == a_token(access_token="token-2")


async def test_how_much_must_be_left_is_a_matter_of_the_provider() -> None:
    short_lived = USABLE | {"provider": "sage", "expires_at": "2026-11-02T12:05:00Z"}
    connections = ConnectionSvc(short_lived, short_lived)
    client = connections.client()
    await client.get("con_1", "biz_demo")

    connections.clock.advance(timedelta(minutes=3))
    await client.get("con_1", "biz_demo")
    assert len(connections.calls) == 1
    connections.clock.advance(timedelta(minutes=1))
    await client.get("con_1", "biz_demo")
    assert len(connections.calls) == 2


async def test_a_rejected_token_is_reported_by_its_fingerprint_and_forgotten() -> None:
    connections = ConnectionSvc(USABLE, {"status": "checking", "retry_after_seconds": 20}, USABLE)
    client = connections.client()
    token = await client.get("con_1", "biz_demo")
    assert isinstance(token, Usable)

    answer = await client.report_rejected("con_1", "biz_demo", token, "token_rejected")
    await client.get("con_1", "biz_demo")

    assert answer == BeingChecked(timedelta(seconds=20))
    report = json.loads(connections.calls[1].content)
    assert report == {
        "access_token_fingerprint": hashlib.sha256(b"token-1").hexdigest(),
        "problem": "token_rejected",
    }
    assert len(connections.calls) == 3


async def test_permits_are_leased_with_the_token() -> None:
    permits = {"calls": 2, "starts_in_seconds": 0.5, "valid_seconds": 1}
    connections = ConnectionSvc(USABLE | {"permits": permits})

    leased = await connections.client().lease("con_1", "biz_demo")

    assert leased == Leased(2, timedelta(seconds=0.5), timedelta(seconds=1))
    assert json.loads(connections.calls[0].content) == {"class": "publish", "permits": 5}


@pytest.mark.parametrize("answer", [500, {"status": "expired", "reason": "x"}, {}, httpx2.ConnectError("refused")])
async def test_there_is_no_permit_where_there_is_no_token(answer: Any) -> None:
    assert (await ConnectionSvc(answer).client().lease("con_1", "biz_demo")).calls == 0


async def test_a_pause_that_cannot_be_reported_is_no_failure() -> None:
    connections = ConnectionSvc(500)

    await connections.client().report_throttled("con_1", "biz_demo", timedelta(seconds=30))

    assert json.loads(connections.calls[0].content) == {"retry_after_seconds": 30}


async def test_an_expired_connection_is_said_to_be_so() -> None:
    client = ConnectionSvc({"status": "expired", "reason": "grant_revoked"}).client()

    assert await client.get("con_1", "biz_demo") == NotUsable("grant_revoked")


@pytest.mark.parametrize(
    "answer",
    [500, 404, {"status": "maybe"}, {}, httpx2.ConnectError("refused")],
    ids=["500", "404", "unknown", "empty", "away"],
)
async def test_no_usable_answer_says_nothing_about_the_connection(answer: Any) -> None:
    with pytest.raises(ConnectionsUnavailable):
        await ConnectionSvc(answer).client().get("con_1", "biz_demo")


async def test_a_token_is_never_shown() -> None:
    assert "token-1" not in repr(a_token())
