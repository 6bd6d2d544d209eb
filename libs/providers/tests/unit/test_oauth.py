"""The login at a provider, from the address the browser is sent to until the grant is given back."""

import base64
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from build_providers import NOON, REALM, TENANT, Practice, a_grant, ok

from providers.errors import GrantRefused, ProviderUnavailable, Throttled, TokenRejected
from providers.interface import Provider
from providers.models import NO_PARAMS
from providers.xero.adapter import SCOPES

CALLBACK = "https://relink.example/oauth/callback/xero"
TOKENS = {"access_token": "a", "refresh_token": "r", "expires_in": 1800, "token_type": "Bearer"}


def a_jwt(claims: dict[str, Any]) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"header.{payload}.signature"


def connection(**changes: Any) -> dict[str, Any]:
    return {"id": "c-1", "tenantId": TENANT, "tenantType": "ORGANISATION", "tenantName": "Demo Trading Ltd"} | changes


def both(practice: Practice) -> list[Provider]:
    return [practice.xero, practice.quickbooks]


@pytest.mark.parametrize("index", [0, 1], ids=["xero", "quickbooks"])
def test_the_browser_leaves_with_state_and_challenge(index: int) -> None:
    challenge = create_s256_code_challenge("v" * 43)
    url = both(Practice())[index].authorise_url("the-state", challenge, CALLBACK, "anna@demo.example")
    asked = dict(parse_qsl(urlsplit(url).query))
    assert asked.pop("scope").split()
    assert asked.pop("client_id").startswith("relink-")
    assert asked == {
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "state": "the-state",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "login_hint": "anna@demo.example",
    }


async def test_a_login_at_xero_becomes_a_grant_that_knows_its_login() -> None:
    token = a_jwt({"authentication_event_id": "a-login", "scope": ["accounting.invoices"]})
    practice = Practice(connect=ok(TOKENS | {"access_token": token, "scope": " ".join(SCOPES)}))

    grant = await practice.xero.exchange("the-code", "the-verifier", CALLBACK, NO_PARAMS, NOON)

    sent = {name: values[0] for name, values in parse_qs(practice.calls[0].content.decode()).items()}
    assert sent == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "code_verifier": "the-verifier",
        "redirect_uri": CALLBACK,
    }
    assert practice.calls[0].headers["Authorization"].startswith("Basic ")
    assert grant.authorisation_event == "a-login"
    assert grant.access_expires_at == NOON + timedelta(minutes=30)
    assert grant.refresh_expires_at == NOON + timedelta(days=60)
    assert grant.scopes == SCOPES


async def test_a_login_at_xero_without_a_scope_that_we_need_is_no_grant() -> None:
    scopes = " ".join(scope for scope in SCOPES if scope != "accounting.attachments")
    with pytest.raises(GrantRefused, match="scope_missing"):
        await Practice(connect=ok(TOKENS | {"scope": scopes})).xero.exchange("c", "v", CALLBACK, NO_PARAMS, NOON)


async def test_a_login_at_quickbooks_becomes_a_grant_that_names_its_company() -> None:
    practice = Practice(tokens=ok(TOKENS | {"expires_in": 3600, "x_refresh_token_expires_in": 8726400}))
    grant = await practice.quickbooks.exchange("the-code", "the-verifier", CALLBACK, {"realmId": REALM}, NOON)
    assert grant.organisation_hint == REALM
    assert grant.access_expires_at == NOON + timedelta(hours=1)
    assert grant.refresh_expires_at == NOON + timedelta(days=101)


async def test_a_callback_from_quickbooks_without_a_company_lacks_the_scope_and_spends_no_code() -> None:
    practice = Practice(tokens=ok(TOKENS))
    with pytest.raises(GrantRefused, match="scope_missing"):
        await practice.quickbooks.exchange("the-code", "the-verifier", CALLBACK, NO_PARAMS, NOON)
    assert practice.calls == []


@pytest.mark.parametrize("index", [0, 1], ids=["xero", "quickbooks"])
async def test_only_invalid_grant_speaks_about_the_customers_grant(index: int) -> None:
    refused = httpx2.Response(400, json={"error": "invalid_grant"})
    provider = both(Practice(connect=refused, tokens=refused))[index]
    with pytest.raises(GrantRefused, match="grant_revoked"):
        await provider.refresh("r", NOON)
    with pytest.raises(GrantRefused, match="code_refused"):
        await provider.exchange("c", "v", CALLBACK, {"realmId": REALM}, NOON)


@pytest.mark.parametrize("index", [0, 1], ids=["xero", "quickbooks"])
@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(401, json={"error": "invalid_client"}),
        httpx2.Response(400, json={"error": "unauthorized_client"}),
        httpx2.Response(400, text="invalid_grant"),
        httpx2.Response(400, json=["invalid_grant"]),
        httpx2.Response(500, json={"error": "invalid_grant"}),
        httpx2.Response(200, json={"access_token": "a"}),
        httpx2.Response(200, text="ok"),
        httpx2.ReadTimeout("slow"),
    ],
    ids=["client", "unauthorised", "text", "array", "5xx", "incomplete", "no-json", "timeout"],
)
async def test_no_other_answer_to_a_refresh_may_end_a_connection(index: int, answer: Any) -> None:
    provider = both(Practice(connect=answer, tokens=answer))[index]
    with pytest.raises(ProviderUnavailable):
        await provider.refresh("r", NOON)


async def test_a_throttled_refresh_waits() -> None:
    with pytest.raises(Throttled):
        await Practice(connect=httpx2.Response(429)).xero.refresh("r", NOON)


async def test_xero_names_the_organisations_of_this_login_only() -> None:
    practice = Practice(connections=ok([connection(), connection(tenantId="p", tenantType="PRACTICE")]))
    found = await practice.xero.organisations(a_grant())
    assert [(one.id, one.name) for one in found] == [(TENANT, "Demo Trading Ltd")]
    assert practice.calls[0].url.params["authEventId"] == "a-login"


async def test_quickbooks_names_the_company_of_the_callback() -> None:
    practice = Practice(company=ok({"CompanyInfo": {"CompanyName": "Demo Trading Ltd", "Country": "GB"}}))
    [company] = await practice.quickbooks.organisations(a_grant(organisation_hint=REALM))
    assert (company.id, company.name, company.country) == (REALM, "Demo Trading Ltd", "GB")


async def test_a_grant_of_xero_is_given_back_organisation_by_organisation() -> None:
    practice = Practice(
        connections=[ok([connection()]), httpx2.Response(204), ok([connection(id="c-2", tenantId="another")])]
    )
    await practice.xero.revoke(a_grant())
    assert [(call.method, call.url.path) for call in practice.calls] == [
        ("GET", "/connections"),
        ("DELETE", "/connections/c-1"),
        ("GET", "/connections"),
    ], "the token that still reaches another organisation is left alone"


async def test_of_two_organisations_chosen_in_one_login_only_the_named_one_is_given_back() -> None:
    chosen = ok([connection(), connection(id="c-2", tenantId="another")])
    practice = Practice(connections=[chosen, httpx2.Response(204), chosen])
    await practice.xero.revoke(a_grant(organisation_hint="another"))
    assert [call.url.path for call in practice.calls if call.method == "DELETE"] == ["/connections/c-2"]


async def test_the_token_of_xero_is_revoked_when_it_reaches_nothing_else() -> None:
    practice = Practice(connections=[ok([connection()]), httpx2.Response(404), ok([])], connect=httpx2.Response(200))
    await practice.xero.revoke(a_grant())
    assert practice.calls[-1].url.path == "/connect/revocation"
    assert practice.calls[-1].content == b"token=a-refresh-token"


async def test_a_grant_of_quickbooks_is_revoked_as_a_whole() -> None:
    practice = Practice(tokens=httpx2.Response(200))
    await practice.quickbooks.revoke(a_grant())
    assert practice.sent() == {"token": "a-refresh-token"}


async def test_organisations_asked_for_with_a_dead_token_reject_the_token() -> None:
    with pytest.raises(TokenRejected):
        await Practice(connections=httpx2.Response(401, json={"Detail": "TokenExpired"})).xero.organisations(a_grant())


def test_no_secret_is_in_what_is_printed_of_a_grant() -> None:
    assert "a-refresh-token" not in repr(a_grant())
    assert "an-access-token" not in repr(a_grant())
