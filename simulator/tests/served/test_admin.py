"""The admin API: the evidence it gives and the changes it makes."""

import pytest
from build_simulator import EACH, a_quickbooks_bill, a_supplier, a_xero_bill
from joserfc import jwt
from joserfc.jwk import KeySet

from simulator.testing import KNOWN, OTHER_XERO_ORGANISATION, REALM, XERO_ORGANISATION, Practice

UNKNOWN = "00000000-0000-0000-0000-000000000000"


def test_the_journal_tells_every_call_in_order_with_what_it_changed(practice: Practice) -> None:
    xero = practice.xero()
    contact_id = a_supplier(xero)["ContactID"]
    xero.put("/Invoices", json=a_xero_bill(contact_id, Url="https://relink.example/itm_1/1"))
    practice.quickbooks()
    calls = practice.journal(organisation=XERO_ORGANISATION)
    assert [(call["method"], call["path"], call["status"]) for call in calls] == [
        ("GET", "/xero/api.xro/2.0/Contacts", 200),
        ("PUT", "/xero/api.xro/2.0/Invoices", 200),
    ]
    assert calls[0]["query"] == "page=1&pageSize=1"
    assert (calls[1]["effect"]["kind"], calls[1]["effect"]["reference"]) == ("bill", "https://relink.example/itm_1/1")
    everything = practice.journal()
    assert [call["seq"] for call in everything] == sorted(call["seq"] for call in everything)
    assert practice.journal(provider="quickbooks")
    assert practice.journal(after=str(everything[-1]["seq"])) == []


@pytest.mark.parametrize(
    "path", ["/xero/api.xro/2.0/Moons", "/quickbooks/v3/moon", "/sage/v3.1/moons", "/freeagent/v2/moons"]
)
def test_a_call_of_an_address_that_is_not_imitated_is_in_the_journal_too(practice: Practice, path: str) -> None:
    assert practice.post(path).status_code == 404
    assert [(call["path"], call["status"]) for call in practice.journal()] == [(path, 404)]


def test_the_journal_holds_no_secret(practice: Practice) -> None:
    tokens = practice.connected("xero", XERO_ORGANISATION)
    practice.refresh("xero", tokens["refresh_token"])
    text = practice.get("/sim/journal").text
    for secret in (tokens["access_token"], tokens["refresh_token"], "practice-secret"):
        assert secret not in text


def test_documents_are_told_in_the_order_they_were_created_with_their_files(practice: Practice) -> None:
    quickbooks = practice.quickbooks()
    for number in ("R-2", "R-1"):
        quickbooks.post("/bill", json=a_quickbooks_bill(DocNumber=number, PrivateNote=f"note {number}"))
    found = practice.documents("quickbooks", REALM)
    assert [(one["number"], one["reference"], one["total"]) for one in found] == [
        ("R-2", "note R-2", "120.12"),
        ("R-1", "note R-1", "120.12"),
    ]
    assert found[0]["attachments"] == []


def test_withdrawing_at_xero_disconnects_the_organisation_and_leaves_the_tokens(practice: Practice) -> None:
    tokens = practice.connected("xero", XERO_ORGANISATION)
    practice.withdraw("xero", XERO_ORGANISATION)
    token = practice.refresh("xero", tokens["refresh_token"]).json()["access_token"]
    bearer = {"authorization": f"Bearer {token}"}
    assert practice.get("/xero/connections", headers=bearer).json() == []
    headers = {**bearer, "xero-tenant-id": XERO_ORGANISATION}
    assert practice.get("/xero/api.xro/2.0/Accounts", headers=headers).status_code == 403


@EACH
def test_expiring_ends_every_token_that_reaches_the_organisation(
    practice: Practice, provider: str, organisation: str
) -> None:
    tokens = practice.connected(provider, organisation)
    practice.expire(provider, organisation)
    assert practice.refresh(provider, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    again = practice.connected(provider, organisation)
    assert practice.refresh(provider, again["refresh_token"]).status_code == 200


def test_expiring_one_organisation_leaves_the_other_s_logins(practice: Practice) -> None:
    login = practice.begin("xero").headers["location"]
    page = practice.post(login + "/login", data={"email": "ben@demo.example", "password": "x"}).headers["location"]
    back = practice.decide(page, OTHER_XERO_ORGANISATION).headers["location"]
    code = back.split("code=")[1].split("&")[0]
    tokens = practice.exchange("xero", code).json()
    practice.expire("xero", XERO_ORGANISATION)
    assert practice.refresh("xero", tokens["refresh_token"]).status_code == 200


def test_an_entry_added_there_appears_in_the_list(practice: Practice) -> None:
    practice.post(
        f"/sim/xero/organisations/{XERO_ORGANISATION}/entries", json={"list": "suppliers", "name": "Newcomer Ltd"}
    ).raise_for_status()
    practice.post(
        f"/sim/quickbooks/organisations/{REALM}/entries",
        json={"list": "accounts", "name": "Moon Travel", "fields": {"AcctNum": "999"}},
    ).raise_for_status()
    found = practice.xero().get("/Contacts", params={"where": 'Name=="Newcomer Ltd"'}).json()["Contacts"]
    assert [one["IsSupplier"] for one in found] == [True]
    accounts = practice.quickbooks().query("SELECT * FROM Account WHERE AcctNum = '999'").json()["QueryResponse"]
    assert accounts["Account"][0]["Name"] == "Moon Travel"


@EACH
@pytest.mark.parametrize("list_name", ["accounts", "suppliers", "customers", "items"])
def test_every_list_takes_a_new_entry_at_every_provider(
    practice: Practice, provider: str, organisation: str, list_name: str
) -> None:
    url = f"/sim/{provider}/organisations/{organisation}/entries"
    first, second = (practice.post(url, json={"list": list_name, "name": f"Newcomer {n}"}) for n in (1, 2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


def test_a_new_supplier_at_sage_and_a_new_category_at_freeagent_can_be_read(practice: Practice) -> None:
    for provider, entry in (
        ("sage", {"list": "suppliers", "name": "Newcomer Ltd"}),
        ("freeagent", {"list": "accounts", "name": "Moon Travel", "fields": {"nominal_code": "998"}}),
    ):
        url = f"/sim/{provider}/organisations/{KNOWN[provider].organisation}/entries"
        practice.post(url, json=entry).raise_for_status()
    found = practice.sage().get("/contacts", params={"search": "newcomer", "contact_type_id": "VENDOR"}).json()
    assert [one["displayed_as"] for one in found["$items"]] == ["Newcomer Ltd"]
    groups = practice.freeagent().get("/categories").json()
    assert "998" in [one["nominal_code"] for one in groups["admin_expenses_categories"]]


@EACH
def test_withdrawing_ends_what_the_organisation_had_granted(
    practice: Practice, provider: str, organisation: str
) -> None:
    practice.connected(provider, organisation)
    answer = practice.post(f"/sim/{provider}/grants/revoke", json={"organisation_id": organisation})
    assert answer.json() == {"revoked": 1}


@EACH
def test_an_organisation_that_is_opened_can_be_connected_and_has_lists(
    practice: Practice, provider: str, organisation: str
) -> None:
    first, second = (
        practice.post(f"/sim/{provider}/organisations", json={"name": name}).json()["id"]
        for name in ("Third Ltd", "Fourth Ltd")
    )
    token = practice.connected(provider, second)["access_token"]
    assert len({organisation, first, second}) == 3
    assert reached(practice, provider, token) == [second]
    known = practice.get(f"/sim/{provider}/organisations").json()["organisations"]
    assert known[-1] == {"id": second, "name": "Fourth Ltd"}
    url = f"/sim/{provider}/organisations/{second}/entries"
    assert practice.post(url, json={"list": "suppliers", "name": "Newcomer"}).status_code == 201


@EACH
def test_a_token_reaches_the_organisation_that_was_chosen_until_access_is_withdrawn(
    practice: Practice, provider: str, organisation: str
) -> None:
    token = practice.connected(provider, organisation)["access_token"]
    before = reached(practice, provider, token)
    practice.withdraw(provider, organisation)
    assert (before, reached(practice, provider, token)) == ([organisation], [])


def reached(practice: Practice, provider: str, token: str) -> list[str]:
    return practice.post(f"/sim/{provider}/grants/reach", json={"access_token": token}).json()["organisations"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/sim/xero/grants/reach", {"access_token": "x"}, 404),
        (f"/sim/xero/organisations/{UNKNOWN}/entries", {"list": "accounts", "name": "x"}, 404),
        (f"/sim/xero/organisations/{XERO_ORGANISATION}/entries", {"list": "moons", "name": "x"}, 422),
        ("/sim/xero/grants/revoke", {"organisation_id": UNKNOWN}, 404),
        ("/sim/xero/grants/expire", {}, 422),
        ("/sim/moon/grants/expire", {"organisation_id": REALM}, 422),
        ("/sim/oidc/token", {"subject": "x"}, 422),
    ],
)
def test_what_is_unknown_or_incomplete_is_refused(practice: Practice, path: str, body: dict, status: int) -> None:
    assert practice.post(path, json=body).status_code == status


def test_a_program_token_carries_what_was_asked_for(practice: Practice) -> None:
    wanted = {"business_id": "biz_demo", "role": "publisher", "subject": "upstream", "audience": "publish-svc"}
    token = practice.post("/sim/oidc/token", json=wanted).json()["access_token"]
    keys = KeySet.import_key_set(practice.get("/oidc/jwks").json())
    claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
    assert (claims["sub"], claims["aud"], claims["business_id"], claims["role"]) == (
        "upstream",
        "publish-svc",
        "biz_demo",
        "publisher",
    )
    assert claims["iss"] == f"{practice.url}/oidc"


def test_a_reset_forgets_everything_but_the_signing_key(practice: Practice) -> None:
    keys = practice.get("/oidc/jwks").json()
    tokens = practice.connected("xero", XERO_ORGANISATION)
    practice.post("/sim/reset").raise_for_status()
    assert practice.journal() == []
    assert practice.refresh("xero", tokens["refresh_token"]).status_code == 400
    assert practice.get("/oidc/jwks").json() == keys


def test_the_identity_system_tells_where_to_reach_a_user(practice: Practice) -> None:
    assert practice.get("/identity/v1/users/usr_carla").json() == {
        "user_id": "usr_carla",
        "name": "Carla Castle",
        "email": "carla@demo.example",
        "time_zone": "Europe/London",
        "locale": "en-GB",
    }
    assert practice.get("/identity/v1/users/usr_nobody").status_code == 404


def test_a_practice_document_is_served_as_a_pdf(practice: Practice) -> None:
    first, again = (practice.get("/documents/INV-1.pdf") for _ in range(2))
    assert first.headers["content-type"] == "application/pdf"
    assert first.content == again.content
