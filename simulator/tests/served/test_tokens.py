"""Codes and tokens: what is accepted, for how long, how often."""

import pytest
from build_simulator import EACH
from joserfc import jwt
from joserfc.jwk import KeySet

from simulator.testing import (
    CHALLENGE,
    CLIENT_ID,
    CLIENT_SECRET,
    FREEAGENT_COMPANY,
    KNOWN,
    OTHER_SAGE_BUSINESS,
    REALM,
    SAGE_BUSINESS,
    VERIFIER,
    XERO_ORGANISATION,
    Practice,
)

MINUTE, HOUR, DAY = 60, 3600, 86_400


def refused(answer) -> bool:
    return answer.status_code == 400 and answer.json()["error"] == "invalid_grant"


@EACH
def test_a_code_is_exchanged_once(practice: Practice, provider: str, organisation: str) -> None:
    code = practice.callback(provider, organisation)["code"]
    assert practice.exchange(provider, code).status_code == 200
    assert refused(practice.exchange(provider, code))


@EACH
def test_a_code_with_another_redirect_uri_is_refused_and_used_up(
    practice: Practice, provider: str, organisation: str
) -> None:
    code = practice.callback(provider, organisation)["code"]
    assert refused(practice.exchange(provider, code, redirect_uri="http://localhost:9/other"))
    assert refused(practice.exchange(provider, code))


@pytest.mark.parametrize(
    ("provider", "lifetime"),
    [("xero", 5 * MINUTE), ("quickbooks", 10 * MINUTE), ("sage", MINUTE), ("freeagent", 15 * MINUTE)],
)
def test_a_code_lives_so_long(practice: Practice, provider: str, lifetime: int) -> None:
    organisation = KNOWN[provider].organisation
    in_time, late = (practice.callback(provider, organisation)["code"] for _ in range(2))
    practice.move(lifetime - 10)
    assert practice.exchange(provider, in_time).status_code == 200
    practice.move(lifetime)
    assert refused(practice.exchange(provider, late))


@EACH
def test_a_challenge_asks_for_its_verifier(practice: Practice, provider: str, organisation: str) -> None:
    challenged = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    for given, status in (({}, 400), ({"code_verifier": "wrong"}, 400), ({"code_verifier": VERIFIER}, 200)):
        code = practice.callback(provider, organisation, **challenged)["code"]
        assert practice.exchange(provider, code, **given).status_code == status


@EACH
def test_a_code_of_one_provider_means_nothing_to_the_others(
    practice: Practice, provider: str, organisation: str
) -> None:
    code = practice.callback(provider, organisation)["code"]
    assert all(refused(practice.exchange(other, code)) for other in KNOWN if other != provider)


def test_xero_takes_credentials_from_the_form_too(practice: Practice) -> None:
    refresh_token = practice.connected("xero", XERO_ORGANISATION)["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": CLIENT_ID}
    url = "/xero/connect/token"
    assert practice.post(url, data={**form, "client_secret": CLIENT_SECRET}).status_code == 200
    for wrong in ({}, {"client_secret": "wrong"}):
        assert practice.post(url, data={**form, **wrong}).json() == {"error": "invalid_client"}


def test_quickbooks_refuses_a_wrong_client_with_401(practice: Practice) -> None:
    answer = practice.post("/quickbooks/oauth2/v1/tokens/bearer", data={}, auth=(CLIENT_ID, "wrong"))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@EACH
def test_an_unknown_grant_type_is_told(practice: Practice, provider: str, organisation: str) -> None:
    assert practice.token(provider, grant_type="password").json() == {"error": "unsupported_grant_type"}


# Xero


def test_xero_s_access_token_is_a_signed_statement_about_this_login(practice: Practice) -> None:
    tokens = practice.connected("xero", XERO_ORGANISATION)
    keys = practice.get("/xero/.well-known/openid-configuration/jwks").json()
    claims = jwt.decode(tokens["access_token"], KeySet.import_key_set(keys), algorithms=["RS256"]).claims
    (connection,) = practice.get(
        "/xero/connections",
        params={"authEventId": claims["authentication_event_id"]},
        headers={"authorization": f"Bearer {tokens['access_token']}"},
    ).json()
    assert connection["tenantId"] == XERO_ORGANISATION
    assert "accounting.invoices" in claims["scope"]
    assert (tokens["expires_in"], claims["exp"] - claims["nbf"]) == (1800, 1800)


def test_xero_gives_a_new_refresh_token_each_time_and_the_old_one_half_an_hour(practice: Practice) -> None:
    first = practice.connected("xero", XERO_ORGANISATION)["refresh_token"]
    second = practice.refresh("xero", first).json()["refresh_token"]
    assert second != first
    practice.move(29 * MINUTE)
    assert practice.refresh("xero", first).status_code == 200
    practice.move(31 * MINUTE)
    assert refused(practice.refresh("xero", first))
    assert practice.refresh("xero", second).status_code == 200


def test_xero_s_refresh_token_dies_after_sixty_days_unused(practice: Practice) -> None:
    first = practice.connected("xero", XERO_ORGANISATION)["refresh_token"]
    practice.move(59 * DAY)
    second = practice.refresh("xero", first).json()["refresh_token"]
    practice.move(118 * DAY)
    third = practice.refresh("xero", second).json()["refresh_token"]
    practice.move(179 * DAY)
    answer = practice.refresh("xero", third)
    assert answer.json() == {"error": "invalid_grant"}


def test_xero_s_access_token_ends_after_thirty_minutes_with_a_sentence(practice: Practice) -> None:
    api = practice.xero()
    practice.move(30 * MINUTE)
    answer = api.get("/Accounts")
    assert answer.status_code == 401
    assert (answer.json()["Title"], answer.json()["Detail"].startswith("TokenExpired: token expired at ")) == (
        "Unauthorized",
        True,
    )


def test_without_offline_access_xero_gives_no_refresh_token(practice: Practice) -> None:
    tokens = practice.connected("xero", XERO_ORGANISATION, scope="openid accounting.contacts")
    assert "refresh_token" not in tokens
    assert "id_token" in tokens


def test_revoking_at_xero_ends_the_tokens_and_every_connection_of_the_user(practice: Practice) -> None:
    first = practice.connected("xero", XERO_ORGANISATION)
    second = practice.connected("xero", XERO_ORGANISATION)
    answer = practice.post(
        "/xero/connect/revocation", data={"token": first["refresh_token"]}, auth=(CLIENT_ID, CLIENT_SECRET)
    )
    assert (answer.status_code, answer.content) == (200, b"")
    assert refused(practice.refresh("xero", first["refresh_token"]))
    left = practice.get("/xero/connections", headers={"authorization": f"Bearer {second['access_token']}"})
    assert left.json() == []


def test_reconnecting_keeps_the_connection_and_moves_its_login(practice: Practice) -> None:
    found = []
    for seconds in (0, HOUR):
        practice.move(seconds)
        token = practice.connected("xero", XERO_ORGANISATION)["access_token"]
        found += practice.get("/xero/connections", headers={"authorization": f"Bearer {token}"}).json()
    first, second = found
    assert first["id"] == second["id"]
    assert first["authEventId"] != second["authEventId"]
    assert second["updatedDateUtc"] > second["createdDateUtc"] == first["createdDateUtc"]


# QuickBooks


def test_quickbooks_keeps_the_refresh_value_for_a_day_and_then_changes_it(practice: Practice) -> None:
    first = practice.connected("quickbooks", REALM)["refresh_token"]
    practice.move(23 * HOUR)
    assert practice.refresh("quickbooks", first).json()["refresh_token"] == first
    practice.move(25 * HOUR)
    second = practice.refresh("quickbooks", first).json()["refresh_token"]
    assert second != first
    assert refused(practice.refresh("quickbooks", first))
    assert practice.refresh("quickbooks", second).json()["refresh_token"] == second


def test_quickbooks_refresh_token_lives_about_a_hundred_days_from_its_last_use(practice: Practice) -> None:
    first = practice.connected("quickbooks", REALM)["refresh_token"]
    practice.move(100 * DAY)
    second = practice.refresh("quickbooks", first).json()["refresh_token"]
    practice.move(202 * DAY)
    assert refused(practice.refresh("quickbooks", second))


def test_quickbooks_tells_the_hard_end_of_a_consent_when_asked(practice: Practice) -> None:
    refresh_token = practice.connected("quickbooks", REALM)["refresh_token"]
    practice.move(DAY)
    answer = practice.post(
        "/quickbooks/oauth2/v1/tokens/bearer",
        data={"grant_type": "refresh_token", "refresh_token": refresh_token},
        auth=(CLIENT_ID, CLIENT_SECRET),
        headers={"x-include-refresh-token-hard-expires-in": "true"},
    )
    assert answer.json()["x_refresh_token_hard_expires_in"] == pytest.approx((5 * 365 - 1) * DAY, abs=5)
    assert (
        "x_refresh_token_hard_expires_in" not in practice.refresh("quickbooks", answer.json()["refresh_token"]).json()
    )


def test_quickbooks_access_token_ends_after_an_hour_with_a_lower_case_fault(practice: Practice) -> None:
    api = practice.quickbooks()
    practice.move(HOUR)
    answer = api.query("SELECT * FROM Vendor")
    assert answer.status_code == 401
    (error,) = answer.json()["fault"]["error"]
    assert (error["code"], error["detail"], answer.json()["fault"]["type"]) == (
        "3200",
        "Token expired",
        "AUTHENTICATION",
    )


def test_revoking_at_quickbooks_ends_the_consent_at_once(practice: Practice) -> None:
    tokens = practice.connected("quickbooks", REALM)
    answer = practice.post(
        "/quickbooks/v2/oauth2/tokens/revoke", json={"token": tokens["access_token"]}, auth=(CLIENT_ID, CLIENT_SECRET)
    )
    assert answer.status_code == 200
    assert refused(practice.refresh("quickbooks", tokens["refresh_token"]))


# Sage and FreeAgent


@pytest.mark.parametrize("provider", ["sage", "freeagent"])
def test_a_refresh_always_brings_a_new_token_and_ends_the_old_one(practice: Practice, provider: str) -> None:
    first = practice.connected(provider, KNOWN[provider].organisation)["refresh_token"]
    second = practice.refresh(provider, first).json()["refresh_token"]
    assert second != first
    assert refused(practice.refresh(provider, first))
    assert practice.refresh(provider, second).status_code == 200


def test_sage_names_its_lifetimes_the_scope_and_the_person(practice: Practice) -> None:
    tokens = practice.connected("sage", SAGE_BUSINESS)
    assert {name: tokens[name] for name in ("expires_in", "refresh_token_expires_in", "scope", "token_type")} == {
        "expires_in": 300,
        "refresh_token_expires_in": 2_678_400,
        "scope": "full_access",
        "token_type": "bearer",
    }
    assert len(tokens["requested_by_id"]) == 32


def test_sage_s_refresh_token_dies_after_thirty_one_days_unused(practice: Practice) -> None:
    first = practice.connected("sage", SAGE_BUSINESS)["refresh_token"]
    practice.move(30 * DAY)
    second = practice.refresh("sage", first).json()["refresh_token"]
    practice.move(61 * DAY)
    assert refused(practice.refresh("sage", second))


def test_sage_s_access_token_lives_five_minutes_even_when_its_grant_was_given_back(practice: Practice) -> None:
    tokens = practice.connected("sage", SAGE_BUSINESS)
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "token": tokens["refresh_token"]}
    assert practice.post("/sage/revoke", data=form).json() == {"success": "ok"}
    assert refused(practice.refresh("sage", tokens["refresh_token"]))
    assert practice.get("/sage/v3.1/businesses", headers=headers).status_code == 200
    practice.move(5 * MINUTE)
    answer = practice.get("/sage/v3.1/businesses", headers=headers)
    assert (answer.status_code, answer.json()[0]["$dataCode"]) == (401, "AuthorizationFailure")


def test_a_login_at_sage_reaches_every_business_that_was_chosen(practice: Practice) -> None:
    token = practice.connected("sage", SAGE_BUSINESS, "two_organisations")["access_token"]
    found = practice.get("/sage/v3.1/businesses", headers={"authorization": f"Bearer {token}"}).json()
    assert [one["id"] for one in found["$items"]] == [SAGE_BUSINESS, OTHER_SAGE_BUSINESS]


def test_freeagent_s_tokens_live_an_hour_and_twenty_years(practice: Practice) -> None:
    tokens = practice.connected("freeagent", FREEAGENT_COMPANY)
    assert (tokens["expires_in"], tokens["refresh_token_expires_in"]) == (3600, 631_151_957)
    practice.move(19 * 365 * DAY)
    assert practice.refresh("freeagent", tokens["refresh_token"]).status_code == 200


def test_freeagent_takes_fifteen_token_calls_a_minute(strict_practice: Practice) -> None:
    token = strict_practice.connected("freeagent", FREEAGENT_COMPANY)["refresh_token"]
    answers = []
    for _ in range(15):
        answers.append(strict_practice.refresh("freeagent", token))
        token = answers[-1].json().get("refresh_token", token) if answers[-1].status_code == 200 else token
    assert [answer.status_code for answer in answers] == [200] * 14 + [429]
    assert answers[14].text == "You must not exceed 15 requests per 60 seconds"
    assert 0 < int(answers[14].headers["Retry-After"]) <= 60
