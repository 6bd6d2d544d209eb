"""For tests: a simulator on a free port, and a client of it that logs in as a person and calls as an application.

A pytest plugin: `practice` is a simulator as at its first start, `strict_practice` one with the real limits.
"""

import base64
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from pydantic import SecretStr
from uvicorn import Server

from simulator.addresses import PATHS, PROVIDERS, addresses_of
from simulator.app import create_app
from simulator.server import config
from simulator.settings import OAuthClient, SimulatorSettings

XERO_ORGANISATION = "5f3c1e52-8a4b-4d0e-9c7a-1d2b3e4f5a61"
OTHER_XERO_ORGANISATION = "c81b7d04-63aa-4f0b-8a52-7e9f0b1c2d34"
REALM = "9130350000000001"
OTHER_REALM = "9130350000000002"
SAGE_BUSINESS = "7a1c4e0f92b84d6fa35e0c1d8b964271"
OTHER_SAGE_BUSINESS = "e4920b7dc1354a08b6f2d85317ac90fe"
FREEAGENT_COMPANY = "4100001"
OTHER_FREEAGENT_COMPANY = "4100002"
CLIENT_ID = "relink"
CLIENT_SECRET = "practice-secret"  # noqa: S105 - opens nothing but a practice provider
REDIRECT_URI = "http://localhost:9/callback"
XERO_SCOPES = (
    "openid profile email offline_access accounting.invoices accounting.contacts "
    "accounting.settings.read accounting.attachments"
)
SCOPES = {
    "xero": XERO_SCOPES,
    "quickbooks": "com.intuit.quickbooks.accounting",
    "sage": "full_access",
    "freeagent": None,
}
VERIFIER = "practice-verifier-practice-verifier-practice-verifier"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class Target:
    """Calls that a fault rule shall hit."""

    method: str
    path_regex: str


@dataclass(frozen=True)
class Known:
    """What tests need to know of a practice provider: its organisations, and which calls write what."""

    organisation: str
    other_organisation: str
    writes_bill: Target
    writes_file: Target
    writes_supplier: Target


KNOWN = {
    "xero": Known(
        XERO_ORGANISATION,
        OTHER_XERO_ORGANISATION,
        Target("PUT", "/Invoices$"),
        Target("PUT", "/Attachments/"),
        Target("PUT", "/Contacts$"),
    ),
    "quickbooks": Known(
        REALM, OTHER_REALM, Target("POST", "/bill$"), Target("POST", "/upload$"), Target("POST", "/vendor$")
    ),
    "sage": Known(
        SAGE_BUSINESS,
        OTHER_SAGE_BUSINESS,
        Target("POST", "/purchase_invoices$"),
        Target("POST", "/attachments$"),
        Target("POST", "/contacts$"),
    ),
    "freeagent": Known(
        FREEAGENT_COMPANY,
        OTHER_FREEAGENT_COMPANY,
        Target("POST", "/bills$"),
        Target("PUT", "/bills/"),
        Target("POST", "/contacts$"),
    ),
}


@dataclass
class Practice:
    """One running simulator. `move` shifts its domain clock, as the offset file of the local stack does."""

    url: str
    offset_file: Path
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=10, trust_env=False))

    def move(self, seconds: float) -> None:
        self.offset_file.write_text(str(seconds))

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.http.get(self.url + path, **more)

    def post(self, path: str, **more: Any) -> httpx2.Response:
        return self.http.post(self.url + path, **more)

    def journal(self, **query: str) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = self.get("/sim/journal", params=query).json()["calls"]
        return calls

    def documents(self, provider: str, organisation: str) -> list[dict[str, Any]]:
        answer = self.get(f"/sim/{provider}/organisations/{organisation}/documents").raise_for_status()
        documents: list[dict[str, Any]] = answer.json()["documents"]
        return documents

    def fault(self, **rule: Any) -> None:
        """See `simulator.faults.Rule`."""
        self.post("/sim/faults", json=rule).raise_for_status()

    def withdraw(self, provider: str, organisation: str) -> None:
        """Somebody at the organisation disconnects the application."""
        self.post(f"/sim/{provider}/grants/revoke", json={"organisation_id": organisation}).raise_for_status()

    def expire(self, provider: str, organisation: str) -> None:
        """Every token that reaches the organisation expires."""
        self.post(f"/sim/{provider}/grants/expire", json={"organisation_id": organisation}).raise_for_status()

    def settings(self) -> dict[str, dict[str, str]]:
        """Addresses and credentials of every provider, as a client of them needs them."""
        client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        return {name: addresses_of(name, public=self.url, inside=self.url) | client for name in PROVIDERS}

    # Logging in

    def begin(self, provider: str, **changes: str | None) -> httpx2.Response:
        """The authorize call; a change to None leaves a parameter out."""
        query = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT_URI,
            "scope": SCOPES[provider],
            "state": "a-state",
        }
        wanted = {name: value for name, value in {**query, **changes}.items() if value is not None}
        return self.get(f"/{provider}/authorize", params=wanted)

    def consent_page(self, provider: str, **changes: str | None) -> str:
        """The address of the consent page, logged in as Anna."""
        login = self.begin(provider, **changes).headers["location"]
        filled_in = {"email": "anna@demo.example", "password": "practice"}
        return self.post(login + "/login", data=filled_in).headers["location"]

    def decide(
        self, page: str, organisation: str, scenario: str = "normal", decision: str = "allow"
    ) -> httpx2.Response:
        """Send the form of a consent page."""
        return self.post(page, data={"organisation": organisation, "scenario": scenario, "decision": decision})

    def callback(
        self, provider: str, organisation: str, scenario: str = "normal", **changes: str | None
    ) -> dict[str, str]:
        """The parameters with which the user comes back."""
        response = self.decide(self.consent_page(provider, **changes), organisation, scenario)
        assert response.status_code == httpx2.codes.SEE_OTHER, response.text
        return dict(parse_qsl(urlsplit(response.headers["location"]).query))

    # Tokens

    def token(self, provider: str, **form: str) -> httpx2.Response:
        return self.post(PATHS[provider]["token_url"], data=form, auth=(CLIENT_ID, CLIENT_SECRET))

    def exchange(self, provider: str, code: str, **changes: str) -> httpx2.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI, **changes}
        return self.token(provider, **form)

    def refresh(self, provider: str, refresh_token: str) -> httpx2.Response:
        return self.token(provider, grant_type="refresh_token", refresh_token=refresh_token)

    def connected(
        self, provider: str, organisation: str, scenario: str = "normal", **changes: str | None
    ) -> dict[str, Any]:
        """The token answer of a login that went as chosen."""
        answer = self.exchange(provider, self.callback(provider, organisation, scenario, **changes)["code"])
        assert answer.status_code == httpx2.codes.OK, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    # APIs

    def xero(self, organisation: str = XERO_ORGANISATION, **login: Any) -> "Api":
        token = self.connected("xero", organisation, **login)["access_token"]
        headers = {
            "authorization": f"Bearer {token}",
            "xero-tenant-id": organisation,
            "accept": "application/json",
        }
        return Api(self.http, f"{self.url}/xero/api.xro/2.0", headers)

    def quickbooks(self, realm: str = REALM, **login: Any) -> "Api":
        token = self.connected("quickbooks", realm, **login)["access_token"]
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        return Api(self.http, f"{self.url}/quickbooks/v3/company/{realm}", headers)

    def sage(self, business: str = SAGE_BUSINESS, **login: Any) -> "Api":
        token = self.connected("sage", business, **login)["access_token"]
        return Api(self.http, f"{self.url}/sage/v3.1", {"authorization": f"Bearer {token}", "x-business": business})

    def freeagent(self, company: str = FREEAGENT_COMPANY, **login: Any) -> "Api":
        token = self.connected("freeagent", company, **login)["access_token"]
        return Api(self.http, f"{self.url}/freeagent/v2", {"authorization": f"Bearer {token}"})


@dataclass
class Api:
    """The accounting API of one organisation, with a usable token."""

    http: httpx2.Client
    url: str
    headers: dict[str, str]

    def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any) -> httpx2.Response:
        return self.http.request(method, self.url + path, headers={**self.headers, **(headers or {})}, **more)

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.call("GET", path, **more)

    def put(self, path: str, **more: Any) -> httpx2.Response:
        return self.call("PUT", path, **more)

    def post(self, path: str, **more: Any) -> httpx2.Response:
        return self.call("POST", path, **more)

    def query(self, statement: str) -> httpx2.Response:
        return self.get("/query", params={"query": statement, "minorversion": "75"})


@contextmanager
def served(folder: Path, *, limits_factor: int) -> Iterator[Practice]:
    """A simulator on a free port of this machine, in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://localhost:{listening.getsockname()[1]}"
        client = OAuthClient(client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET), redirect_uris=[REDIRECT_URI])
        settings = SimulatorSettings(
            host="127.0.0.1",
            port=1,
            public_url=url,
            state_file=folder / "state.sqlite",
            limits_factor=limits_factor,
            clock_offset_file=folder / "clock",
            xero=client,
            quickbooks=client,
            sage=client,
            freeagent=client,
            oidc=client,
        )
        server = Server(config(create_app(settings), host="127.0.0.1", port=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not server.started:
            assert time.monotonic() < deadline, "the simulator does not start"
            time.sleep(0.01)
        practice = Practice(url, folder / "clock")
        try:
            yield practice
        finally:
            practice.http.close()
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    with served(tmp_path_factory.mktemp("simulator"), limits_factor=20) as found:
        yield found


@pytest.fixture
def practice(_running: Practice) -> Practice:
    """The simulator as at its first start, with twenty times the real limits."""
    _running.move(0)
    _running.post("/sim/reset").raise_for_status()
    return _running


@pytest.fixture
def strict_practice(tmp_path: Path) -> Iterator[Practice]:
    """A simulator of its own, with the real limits."""
    with served(tmp_path, limits_factor=1) as found:
        yield found
