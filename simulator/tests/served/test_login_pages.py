"""The login of each practice provider, as a person and an application meet it."""

import time

import pytest
from bs4 import BeautifulSoup
from build_simulator import EACH

from simulator.pages import SLOW_SECONDS
from simulator.testing import (
    CLIENT_ID,
    KNOWN,
    OTHER_REALM,
    OTHER_XERO_ORGANISATION,
    REALM,
    REDIRECT_URI,
    XERO_ORGANISATION,
    Practice,
)


@EACH
def test_an_agreement_comes_back_with_code_and_state(practice: Practice, provider: str, organisation: str) -> None:
    callback = practice.callback(provider, organisation)
    assert callback["state"] == "a-state"
    assert callback["code"]


def test_xero_names_the_scopes_and_quickbooks_the_company(practice: Practice) -> None:
    assert "accounting.invoices" in practice.callback("xero", XERO_ORGANISATION)["scope"]
    assert practice.callback("quickbooks", REALM)["realmId"] == REALM


@EACH
def test_cancel_and_the_deny_scenario_come_back_as_access_denied(
    practice: Practice, provider: str, organisation: str
) -> None:
    for scenario, decision in (("normal", "deny"), ("deny", "allow")):
        answer = practice.decide(practice.consent_page(provider), organisation, scenario, decision)
        assert answer.headers["location"] == f"{REDIRECT_URI}?error=access_denied&state=a-state"


@EACH
@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": REDIRECT_URI + "/"},
        {"redirect_uri": "http://127.0.0.1:9/callback"},
        {"redirect_uri": None},
        {"client_id": "somebody-else"},
        {"response_type": "token"},
        {"code_challenge": "abc", "code_challenge_method": "plain"},
    ],
)
def test_a_request_that_cannot_be_trusted_is_told_to_the_user_and_never_redirected(
    practice: Practice, provider: str, organisation: str, changes: dict[str, str | None]
) -> None:
    answer = practice.begin(provider, **changes)
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize("provider", ["xero", "quickbooks", "sage"])
@pytest.mark.parametrize("scope", ["accounting.transactions", None])
def test_a_scope_that_does_not_exist_and_none_at_all_are_refused(
    practice: Practice, provider: str, scope: str | None
) -> None:
    assert practice.begin(provider, scope=scope).status_code == 400


def test_freeagent_knows_no_scopes_and_ignores_them(practice: Practice) -> None:
    assert practice.begin("freeagent", scope="whatever").status_code == 303


@EACH
def test_a_login_needs_an_address_and_a_password(practice: Practice, provider: str, organisation: str) -> None:
    login = practice.begin(provider).headers["location"]
    assert practice.post(login + "/login", data={"email": "anna", "password": "x"}).status_code == 400
    assert practice.post(login + "/login", data={"email": "anna@demo.example", "password": ""}).status_code == 400
    # Nobody is logged in yet, so there is nothing to agree to.
    assert practice.decide(login + "/consent", organisation).status_code == 400


@EACH
def test_a_consent_answers_only_once(practice: Practice, provider: str, organisation: str) -> None:
    page = practice.consent_page(provider)
    assert practice.decide(page, organisation).status_code == 303
    assert practice.decide(page, organisation).status_code == 400


@EACH
def test_a_login_left_open_for_too_long_has_expired(practice: Practice, provider: str, organisation: str) -> None:
    page = practice.consent_page(provider)
    practice.move(31 * 60)
    answer = practice.decide(page, organisation)
    assert answer.status_code == 400
    assert "Start again" in answer.text


@EACH
def test_the_scenarios_error_and_expired_request_stay_at_the_provider(
    practice: Practice, provider: str, organisation: str
) -> None:
    page = practice.consent_page(provider)
    assert practice.decide(page, organisation, "server_error").status_code == 500
    assert practice.decide(page, organisation, "expired_request").status_code == 400
    assert practice.decide(page, organisation).status_code == 400


@EACH
def test_the_scenario_slow_takes_its_time(practice: Practice, provider: str, organisation: str) -> None:
    page = practice.consent_page(provider)
    began = time.monotonic()
    assert practice.decide(page, organisation, "slow").status_code == 303
    assert time.monotonic() - began >= SLOW_SECONDS


def test_a_scenario_that_does_not_exist_here_is_refused(practice: Practice) -> None:
    assert practice.decide(practice.consent_page("xero"), XERO_ORGANISATION, "moon").status_code == 400
    for provider, scenario in (
        ("quickbooks", "two_organisations"),
        ("freeagent", "two_organisations"),
        ("freeagent", "no_organisation"),
    ):
        page = practice.consent_page(provider)
        assert practice.decide(page, KNOWN[provider].organisation, scenario).status_code == 400


def test_the_scenario_wrong_organisation_connects_the_other_one(practice: Practice) -> None:
    token = practice.connected("xero", XERO_ORGANISATION, "wrong_organisation")["access_token"]
    found = practice.get("/xero/connections", headers={"authorization": f"Bearer {token}"}).json()
    assert [one["tenantId"] for one in found] == [OTHER_XERO_ORGANISATION]
    assert practice.callback("quickbooks", REALM, "wrong_organisation")["realmId"] == OTHER_REALM


@pytest.mark.parametrize(("scenario", "count"), [("two_organisations", 2), ("no_organisation", 0)])
def test_xero_may_connect_two_organisations_or_none(practice: Practice, scenario: str, count: int) -> None:
    token = practice.connected("xero", XERO_ORGANISATION, scenario)["access_token"]
    found = practice.get("/xero/connections", headers={"authorization": f"Bearer {token}"})
    assert len(found.json()) == count


def test_without_a_company_or_the_accounting_scope_quickbooks_names_no_realm(practice: Practice) -> None:
    assert "realmId" not in practice.callback("quickbooks", REALM, "no_organisation")
    assert "realmId" not in practice.callback("quickbooks", REALM, "scope_missing")


def test_somebody_without_the_right_level_at_freeagent_may_see_no_bills(practice: Practice) -> None:
    freeagent = practice.freeagent(scenario="scope_missing")
    assert freeagent.get("/users/me").json()["user"]["permission_level"] == 3
    assert freeagent.get("/bills").status_code == 403


def test_the_scenario_scope_missing_grants_all_but_the_invoices(practice: Practice) -> None:
    granted = practice.connected("xero", XERO_ORGANISATION, "scope_missing")["scope"].split()
    assert "accounting.contacts" in granted
    assert not [scope for scope in granted if scope.startswith("accounting.invoices")]


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("xero", "Xero"),
        ("quickbooks", "QuickBooks Online"),
        ("sage", "Sage Accounting"),
        ("freeagent", "FreeAgent"),
    ],
)
def test_every_page_says_that_it_is_practice(practice: Practice, provider: str, name: str) -> None:
    login = practice.begin(provider).headers["location"]
    consent = practice.consent_page(provider)
    for page in (practice.get(login), practice.get(consent), practice.begin(provider, client_id="x")):
        assert f"Practice provider, not {name}." in page.text


@EACH
def test_the_pages_work_without_scripts_and_forbid_them(practice: Practice, provider: str, organisation: str) -> None:
    page = practice.get(practice.consent_page(provider))
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    soup = BeautifulSoup(page.text, "html.parser")
    assert not soup.find_all("script")
    assert not soup.find_all(style=True)
    style = practice.get(soup.find("link", rel="stylesheet")["href"])
    assert style.headers["content-type"].startswith("text/css")


def test_one_organisation_is_greyed_out_and_every_field_has_a_label(practice: Practice) -> None:
    soup = BeautifulSoup(practice.get(practice.consent_page("xero")).text, "html.parser")
    radios = soup.find_all("input", attrs={"name": "organisation"})
    assert [radio.has_attr("disabled") for radio in radios] == [False, False, True]
    assert all(radio.find_parent("label") for radio in soup.find_all("input", type="radio"))
    login = BeautifulSoup(practice.get(practice.begin("xero").headers["location"]).text, "html.parser")
    assert {label["for"] for label in login.find_all("label")} == {"email", "password"}


def test_what_a_user_types_is_shown_as_text(practice: Practice) -> None:
    login = practice.begin("xero", login_hint='"><script>alert(1)</script>').headers["location"]
    assert "<script>" not in practice.get(login).text


def test_the_login_hint_is_filled_in(practice: Practice) -> None:
    login = practice.begin("xero", login_hint="carla@demo.example", client_id=CLIENT_ID).headers["location"]
    assert 'value="carla@demo.example"' in practice.get(login).text
