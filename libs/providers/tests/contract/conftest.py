"""Both providers as they are practised by the simulator, on a real port, with the real limits."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import pytest
from build_providers import NOON, a_bill

from providers import Provider, ProviderSettings, build
from providers.models import Access, Bill, Entry, Grant, ListName
from simulator.testing import (
    CHALLENGE,
    CLIENT_ID,
    CLIENT_SECRET,
    OTHER_REALM,
    OTHER_XERO_ORGANISATION,
    REALM,
    REDIRECT_URI,
    VERIFIER,
    XERO_ORGANISATION,
    Practice,
    served,
)

CLIENT = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def settings_of(practice: Practice) -> ProviderSettings:
    xero, quickbooks = f"{practice.url}/xero", f"{practice.url}/quickbooks"
    return ProviderSettings.model_validate(
        {
            "xero": {
                "authorize_url": f"{xero}/authorize",
                "token_url": f"{xero}/connect/token",
                "revoke_url": f"{xero}/connect/revocation",
                "connections_url": f"{xero}/connections",
                "api_url": f"{xero}/api.xro/2.0",
                **CLIENT,
            },
            "quickbooks": {
                "authorize_url": f"{quickbooks}/authorize",
                "token_url": f"{quickbooks}/oauth2/v1/tokens/bearer",
                "revoke_url": f"{quickbooks}/v2/oauth2/tokens/revoke",
                "api_url": f"{quickbooks}/v3",
                **CLIENT,
            },
        }
    )


@dataclass
class World:
    """One provider, its practice, and a way through the login."""

    provider: Provider
    practice: Practice
    organisation: str
    other_organisation: str
    bill_path: str
    """What the path of a write of a bill ends with."""
    file_path: str

    def login(self, *, scenario: str = "normal", organisation: str | None = None) -> dict[str, str]:
        """The callback's parameters after a person went through the pages."""
        query = dict(httpx2.URL(self.provider.authorise_url("the-state", CHALLENGE, REDIRECT_URI)).params)
        return self.practice.callback(self.provider.name, organisation or self.organisation, scenario, **query)

    async def granted(self, *, scenario: str = "normal", organisation: str | None = None) -> Grant:
        callback = self.login(scenario=scenario, organisation=organisation)
        return await self.provider.exchange(callback["code"], VERIFIER, REDIRECT_URI, callback, NOON)

    async def access(self) -> Access:
        return Access((await self.granted()).access_token, self.organisation)

    async def entries(self, access: Access, list_name: ListName) -> list[Entry]:
        return list((await self.provider.read_list(access, list_name, None)).entries)

    async def a_bill(self, access: Access, **changes: Any) -> Bill:
        """A bill coded with what the organisation has."""
        accounts = await self.entries(access, ListName.ACCOUNTS)
        suppliers = await self.entries(access, ListName.SUPPLIERS)
        supplier = next(one for one in suppliers if one.active)
        account = next(one for one in accounts if one.active and (one.type or "").casefold() == "expense")
        line = replace(a_bill().lines[0], account_id=account.external_id, tax_rate_id=None)
        coded = {"supplier_id": supplier.external_id, "supplier_name": supplier.name, "lines": (line,)}
        return a_bill(**(coded | changes))

    def documents(self) -> list[dict[str, Any]]:
        return self.practice.documents(self.provider.name, self.organisation)

    def fault(self, path: str, **action: Any) -> None:
        """The next call to a path that ends like this goes as told."""
        self.practice.fault(provider=self.provider.name, path_regex=path, action=action)


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=2, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    with served(tmp_path_factory.mktemp("providers"), limits_factor=1) as practice:
        yield practice


@pytest.fixture(params=["xero", "quickbooks"])
def world(request: pytest.FixtureRequest, running: Practice, http: httpx2.AsyncClient) -> World:
    """As at the simulator's first start."""
    running.move(0)
    running.post("/sim/reset").raise_for_status()
    provider = build(settings_of(running), http)[request.param]
    if request.param == "xero":
        return World(provider, running, XERO_ORGANISATION, OTHER_XERO_ORGANISATION, "/Invoices$", "/Attachments/")
    return World(provider, running, REALM, OTHER_REALM, "/bill$", "/upload$")


Deadline = Callable[[], float]


@pytest.fixture
def soon() -> Deadline:
    return lambda: time.monotonic() + 30
