"""Intuit's own Python OAuth client, unchanged, against practice QuickBooks."""

import pytest
from intuitlib.client import AuthClient
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError

from simulator.testing import CLIENT_ID, CLIENT_SECRET, REALM, REDIRECT_URI


@pytest.fixture
def client(practice) -> AuthClient:
    discovery = f"{practice.url}/quickbooks/.well-known/openid_configuration"
    return AuthClient(CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, discovery)


def test_the_client_discovers_every_address(practice, client: AuthClient) -> None:
    assert client.auth_endpoint == f"{practice.url}/quickbooks/authorize"
    assert client.get_authorization_url([Scopes.ACCOUNTING]).startswith(client.auth_endpoint)


def test_the_client_exchanges_the_code_of_the_callback(practice, client: AuthClient) -> None:
    callback = practice.callback("quickbooks", REALM)
    client.get_bearer_token(callback["code"], realm_id=callback["realmId"])
    assert client.access_token.startswith("eyJ")
    assert client.refresh_token.startswith("RT1-")
    assert (client.expires_in, client.x_refresh_token_expires_in) == (3600, 8_726_400)


def test_the_client_accepts_the_identity_token(practice, client: AuthClient) -> None:
    callback = practice.callback("quickbooks", REALM, scope="com.intuit.quickbooks.accounting openid email")
    client.get_bearer_token(callback["code"], realm_id=callback["realmId"])
    assert client.id_token is not None
    assert client.get_user_info().json()["email"] == "anna@demo.example"


def test_the_client_refreshes(practice, client: AuthClient) -> None:
    client.get_bearer_token(practice.callback("quickbooks", REALM)["code"])
    before = client.access_token
    client.refresh()
    assert client.access_token != before


def test_the_client_is_told_that_a_code_was_used_already(practice, client: AuthClient) -> None:
    code = practice.callback("quickbooks", REALM)["code"]
    client.get_bearer_token(code)
    with pytest.raises(AuthClientError) as refused:
        client.get_bearer_token(code)
    assert refused.value.status_code == 400
    assert b"invalid_grant" in refused.value.content
    assert refused.value.intuit_tid


def test_a_revoked_token_refreshes_no_more(practice, client: AuthClient) -> None:
    client.get_bearer_token(practice.callback("quickbooks", REALM)["code"])
    assert client.revoke() is True
    with pytest.raises(AuthClientError):
        client.refresh()
