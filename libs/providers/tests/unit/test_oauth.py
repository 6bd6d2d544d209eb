"""The login at a provider, from the address the browser is sent to until the grant is given back."""

import base64
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from build_providers import COMPANY, NOON, REALM, TENANT, Practice, a_grant, company, ok, sage_page

from providers.errors import GrantRefused, ProviderUnavailable, Throttled, TokenRejected
from providers.interface import Provider
from providers.models import NO_PARAMS, Permission
from providers.xero.adapter import SCOPES

CALLBACK = "https://relink.example/oauth/callback/xero"
TOKENS = {"access_token": "a", "refresh_token": "r", "expires_in": 1800, "token_type": "Bearer"}


def a_jwt(claims: dict[str, Any]) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"header.{payload}.signature"


def connection(**changes: Any) -> dict[str, Any]:
    return {"id": "c-1", "tenantId": TENANT, "tenantType": "ORGANISATION", "tenantName": "Demo Trading Ltd"} | changes


EACH = pytest.mark.parametrize("name", ["xero", "quickbooks", "sage", "freeagent"])


def provider_of(practice: Practice, name: str) -> Provider:
    provider: Provider = getattr(practice, name)
    return provider


def token_endpoint(answer: Any) -> Practice:
    """Every provider's gives this answer."""
    return Practice(connect=answer, tokens=answer, token=answer, token_endpoint=answer)


@EACH
def test_the_browser_leaves_with_state_and_challenge(name: str) -> None:
    provider, challenge = provider_of(Practice(), name), create_s256_code_challenge("v" * 43)
    url = provider.authorise_url("the-state", challenge, CALLBACK, "anna@demo.example")
    asked = dict(parse_qsl(urlsplit(url).query))
    assert asked.pop("scope", "").split() == list(provider.facts.scopes)
    assert asked.pop("client_id") == f"relink-{name}"
    asked.pop("filter", None)
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


async def test_a_login_at_xero_without_scopes_that_we_need_is_no_grant_and_says_what_is_missing() -> None:
    scopes = " ".join(scope for scope in SCOPES if scope not in {"accounting.attachments", "accounting.invoices"})
    with pytest.raises(GrantRefused, match="scope_missing") as refused:
        await Practice(connect=ok(TOKENS | {"scope": scopes})).xero.exchange("c", "v", CALLBACK, NO_PARAMS, NOON)
    assert refused.value.missing == (Permission.BILLS, Permission.ATTACHMENTS)


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


def test_what_an_address_asks_for_itself_is_kept() -> None:
    url = Practice().sage.authorise_url("the-state", "a-challenge", CALLBACK)
    assert dict(parse_qsl(urlsplit(url).query))["filter"] == "apiv3.1"


async def test_a_login_at_sage_becomes_a_grant_and_our_secret_goes_in_the_form() -> None:
    answer = {"expires_in": 300, "refresh_token_expires_in": 2_678_400, "scope": "full_access"}
    practice = Practice(token=ok(TOKENS | answer))

    grant = await practice.sage.exchange("the-code", "the-verifier", CALLBACK, {"country": "GB"}, NOON)

    sent = {name: values[0] for name, values in parse_qs(practice.calls[0].content.decode()).items()}
    assert sent == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "code_verifier": "the-verifier",
        "redirect_uri": CALLBACK,
        "client_id": "relink-sage",
        "client_secret": "a-client-secret",
    }
    assert "Authorization" not in practice.calls[0].headers
    assert grant.access_expires_at == NOON + timedelta(minutes=5)
    assert grant.refresh_expires_at == NOON + timedelta(days=31)
    assert (grant.scopes, grant.organisation_hint) == (("full_access",), None)


@pytest.mark.parametrize("scope", ["readonly", ""])
async def test_a_login_at_sage_for_reading_alone_is_no_grant(scope: str) -> None:
    with pytest.raises(GrantRefused, match="scope_missing"):
        await Practice(token=ok(TOKENS | {"scope": scope})).sage.exchange("c", "v", CALLBACK, NO_PARAMS, NOON)


async def test_a_login_at_sage_that_names_no_scope_has_the_one_asked_for() -> None:
    grant = await Practice(token=ok(TOKENS)).sage.exchange("c", "v", CALLBACK, NO_PARAMS, NOON)
    assert grant.scopes == ("full_access",)


async def test_a_login_at_freeagent_becomes_a_grant_of_twenty_years() -> None:
    answer = {"expires_in": 3600, "refresh_token_expires_in": 631_151_957}
    practice = Practice(token_endpoint=ok(TOKENS | answer), me=ok({"user": {"permission_level": 8}}))
    grant = await practice.freeagent.exchange("the-code", "the-verifier", CALLBACK, NO_PARAMS, NOON)
    assert practice.calls[0].headers["Authorization"].startswith("Basic ")
    assert grant.access_expires_at == NOON + timedelta(hours=1)
    assert grant.refresh_expires_at == NOON + practice.freeagent.facts.idle_limit


@pytest.mark.parametrize(("level", "is_enough"), [(4, False), (5, True), (None, True)])
async def test_somebody_who_may_not_see_bills_at_freeagent_gives_no_grant(level: int | None, is_enough: bool) -> None:
    user = {} if level is None else {"permission_level": level}
    practice = Practice(token_endpoint=ok(TOKENS), me=ok({"user": user}))
    login = practice.freeagent.exchange("c", "v", CALLBACK, NO_PARAMS, NOON)
    if is_enough:
        assert await login
    else:
        with pytest.raises(GrantRefused, match="scope_missing"):
            await login


@EACH
async def test_only_invalid_grant_speaks_about_the_customers_grant(name: str) -> None:
    provider = provider_of(token_endpoint(httpx2.Response(400, json={"error": "invalid_grant"})), name)
    with pytest.raises(GrantRefused, match="grant_revoked"):
        await provider.refresh("r", NOON)
    with pytest.raises(GrantRefused, match="code_refused"):
        await provider.exchange("c", "v", CALLBACK, {"realmId": REALM}, NOON)


@EACH
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
async def test_no_other_answer_to_a_refresh_may_end_a_connection(name: str, answer: Any) -> None:
    provider = provider_of(token_endpoint(answer), name)
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


async def test_a_grant_of_sage_is_given_back_by_its_refresh_token() -> None:
    practice = Practice(revoke=ok({"success": "ok"}))
    await practice.sage.revoke(a_grant())
    sent = {name: values[0] for name, values in parse_qs(practice.calls[0].content.decode()).items()}
    assert sent == {"token": "a-refresh-token", "client_id": "relink-sage", "client_secret": "a-client-secret"}


@pytest.mark.parametrize("status", [400, 401])
async def test_a_revocation_that_was_refused_for_our_sake_is_not_done(status: int) -> None:
    practice = Practice(revoke=httpx2.Response(status, json={"error": "invalid_client"}))
    with pytest.raises(ProviderUnavailable, match="client_refused"):
        await practice.sage.revoke(a_grant())


async def test_a_grant_that_ended_before_counts_as_given_back() -> None:
    await Practice(revoke=httpx2.Response(400, json={"error": "invalid_request"})).sage.revoke(a_grant())


async def test_freeagent_is_not_asked_to_take_a_grant_back() -> None:
    practice = Practice()
    await practice.freeagent.revoke(a_grant())
    assert practice.calls == []


async def test_sage_names_every_business_of_the_person_on_any_page() -> None:
    first, second = ({"id": name, "displayed_as": f"{name} Ltd"} for name in ("demo", "other"))
    practice = Practice(businesses=[sage_page(first, more=True), sage_page(second)])
    found = await practice.sage.organisations(a_grant())
    assert [(one.id, one.name) for one in found] == [("demo", "demo Ltd"), ("other", "other Ltd")]
    assert "X-Business" not in practice.calls[0].headers


async def test_freeagent_names_the_company_that_the_token_opens() -> None:
    [found] = await Practice(company=company()).freeagent.organisations(a_grant())
    assert (found.id, found.name, found.currency) == (COMPANY, "Demo Trading Ltd", "GBP")


async def test_organisations_asked_for_with_a_dead_token_reject_the_token() -> None:
    with pytest.raises(TokenRejected):
        await Practice(connections=httpx2.Response(401, json={"Detail": "TokenExpired"})).xero.organisations(a_grant())


def test_no_secret_is_in_what_is_printed_of_a_grant() -> None:
    assert "a-refresh-token" not in repr(a_grant())
    assert "an-access-token" not in repr(a_grant())
