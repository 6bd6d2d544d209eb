"""What connection-svc's answers mean."""

import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from build_sync_svc import USABLE
from joserfc.jwk import OKPKey

from chassis.service_tokens import ServiceSigner
from providers.permits import Leased
from sync_svc.clients import BeingChecked, ConnectionService, ConnectionsUnavailable, NotUsable

SIGNER = ServiceSigner("sync-svc", json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)))
TOKEN = {
    "status": "usable",
    "access_token": "token-1",
    "expires_at": "2026-11-12T12:30:00Z",
    "organisation_id": "org_1",
    "provider": "xero",
    "generation": 1,
}


def service(answer: httpx2.Response | Exception, calls: list[httpx2.Request] | None = None) -> ConnectionService:
    def answering(request: httpx2.Request) -> httpx2.Response:
        if calls is not None:
            calls.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answering))
    return ConnectionService(http, "http://connection-svc/", SIGNER)


async def test_a_usable_token_comes_with_its_organisation_and_consent() -> None:
    calls: list[httpx2.Request] = []
    assert await service(httpx2.Response(200, json=TOKEN), calls).get("con_1", "biz_demo") == USABLE
    assert str(calls[0].url) == "http://connection-svc/internal/connections/con_1/access-token"
    assert json.loads(calls[0].content) == {"class": "sync"}
    assert calls[0].headers["Authorization"].startswith("Bearer ey")


async def test_a_rejected_token_is_named_by_its_fingerprint_and_never_sent_back() -> None:
    calls: list[httpx2.Request] = []
    checking = httpx2.Response(200, json={"status": "checking", "retry_after_seconds": 7})
    answer = await service(checking, calls).report_rejected("con_1", "biz_demo", USABLE, "token_rejected")
    assert answer == BeingChecked(timedelta(seconds=7))
    assert str(calls[0].url).endswith("/access-token/rejected")
    assert b"token-1" not in calls[0].content


async def test_expired_is_the_customers_to_mend() -> None:
    expired = httpx2.Response(200, json={"status": "expired", "reason": "consent_lapsed"})
    assert await service(expired).get("con_1", "biz_demo") == NotUsable("consent_lapsed")


async def test_a_connection_that_its_owner_does_not_know_cannot_be_used() -> None:
    assert await service(httpx2.Response(404)).get("con_1", "biz_demo") == NotUsable("unknown")


async def test_permits_are_leased_with_the_token() -> None:
    calls: list[httpx2.Request] = []
    permits = {"calls": 2, "starts_in_seconds": 0.5, "valid_seconds": 1}
    leased = await service(httpx2.Response(200, json=TOKEN | {"permits": permits}), calls).lease("con_1", "biz_demo")
    assert leased == Leased(2, timedelta(seconds=0.5), timedelta(seconds=1))
    assert json.loads(calls[0].content) == {"class": "sync", "permits": 5}


async def test_a_connection_that_gives_no_token_gives_no_permit() -> None:
    expired = httpx2.Response(200, json={"status": "expired", "reason": "consent_lapsed"})
    assert (await service(expired).lease("con_1", "biz_demo")).calls == 0


async def test_the_pause_that_a_provider_asked_for_is_reported() -> None:
    calls: list[httpx2.Request] = []
    await service(httpx2.Response(204), calls).report_throttled("con_1", "biz_demo", timedelta(seconds=30))
    assert str(calls[0].url).endswith("/access-token/throttled")
    assert json.loads(calls[0].content) == {"retry_after_seconds": 30}


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(503),
        httpx2.Response(401),
        httpx2.Response(200, text="ok"),
        httpx2.Response(200, json={"status": "usable"}),
        httpx2.Response(200, json={"status": "sleeping"}),
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("slow"),
    ],
    ids=["503", "401", "text", "incomplete", "unknown", "refused", "timeout"],
)
async def test_anything_else_says_nothing_about_the_connection(answer: Any) -> None:
    with pytest.raises(ConnectionsUnavailable):
        await service(answer).get("con_1", "biz_demo")
