"""The practice OpenID Connect issuer."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from bs4 import BeautifulSoup
from joserfc import jwt
from joserfc.jwk import KeySet

from simulator.testing import CHALLENGE, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, VERIFIER, Practice

ASKED = {
    "response_type": "code",
    "client_id": CLIENT_ID,
    "redirect_uri": REDIRECT_URI,
    "scope": "openid profile email",
    "state": "a-state",
    "nonce": "a-nonce",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def sign_in(practice: Practice, user: str = "usr_anna") -> dict[str, str]:
    page = practice.get("/oidc/authorize", params=ASKED).headers["location"]
    back = practice.post(page, data={"user": user}).headers["location"]
    return dict(parse_qsl(urlsplit(back).query))


def exchange(practice: Practice, code: str, verifier: str = VERIFIER):
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI, "code_verifier": verifier}
    return practice.post("/oidc/token", data=form, auth=(CLIENT_ID, CLIENT_SECRET))


def test_the_discovery_document_names_addresses_that_answer(practice: Practice) -> None:
    found = practice.get("/oidc/.well-known/openid-configuration").json()
    assert found["issuer"] == f"{practice.url}/oidc"
    assert practice.http.get(found["jwks_uri"]).json()["keys"][0]["use"] == "sig"
    assert practice.http.get(found["userinfo_endpoint"]).status_code == 401


def test_the_page_offers_one_button_for_each_practice_user(practice: Practice) -> None:
    page = practice.get(practice.get("/oidc/authorize", params=ASKED).headers["location"])
    buttons = BeautifulSoup(page.text, "html.parser").find_all("button")
    assert [button["value"] for button in buttons] == ["usr_anna", "usr_ben", "usr_carla"]
    assert "Practice identity provider" in page.text


def test_a_sign_in_ends_in_tokens_about_the_chosen_user(practice: Practice) -> None:
    callback = sign_in(practice, "usr_carla")
    assert callback["state"] == "a-state"
    tokens = exchange(practice, callback["code"]).json()
    keys = KeySet.import_key_set(practice.get("/oidc/jwks").json())
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
    assert (claims["sub"], claims["nonce"], claims["aud"]) == ("usr_carla", "a-nonce", CLIENT_ID)
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert practice.get("/oidc/userinfo", headers=bearer).json()["email"] == "carla@demo.example"


def test_a_code_needs_its_verifier_and_works_once(practice: Practice) -> None:
    assert exchange(practice, sign_in(practice)["code"], "wrong").status_code == 400
    code = sign_in(practice)["code"]
    assert exchange(practice, code).status_code == 200
    assert exchange(practice, code).status_code == 400


def test_sign_in_follows_the_system_clock(practice: Practice) -> None:
    code = sign_in(practice)["code"]
    practice.move(365 * 86_400)
    assert exchange(practice, code).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", "x"),
        ("redirect_uri", "http://evil"),
        ("scope", "email"),
        ("code_challenge", ""),
        ("response_type", ""),
    ],
)
def test_a_request_that_cannot_be_trusted_stays_here(practice: Practice, name: str, value: str) -> None:
    assert practice.get("/oidc/authorize", params={**ASKED, name: value}).status_code == 400


def test_somebody_unknown_cannot_sign_in(practice: Practice) -> None:
    page = practice.get("/oidc/authorize", params=ASKED).headers["location"]
    assert practice.post(page, data={"user": "usr_root"}).status_code == 400


def test_signing_out_goes_back_only_to_the_application(practice: Practice) -> None:
    own = {"post_logout_redirect_uri": "http://localhost:9/bye", "state": "s"}
    assert practice.get("/oidc/end-session", params=own).headers["location"] == "http://localhost:9/bye?state=s"
    foreign = practice.get("/oidc/end-session", params={"post_logout_redirect_uri": "http://evil.example/"})
    assert (foreign.status_code, "location" in foreign.headers) == (200, False)
