"""Every provider as it is practised by the simulator, on a real port, with the real limits."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import pytest
from build_providers import NOON, a_bill

from providers import Provider, ProviderSettings, build
from providers.models import Access, Bill, Entry, Grant, ListName
from simulator.testing import CHALLENGE, KNOWN, REDIRECT_URI, VERIFIER, Known, Practice, Target, served


@dataclass
class World:
    """One provider, its practice, and a way through the login."""

    provider: Provider
    practice: Practice
    known: Known

    @property
    def organisation(self) -> str:
        return self.known.organisation

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
        account = next(one for one in accounts if one.active and "expense" in (one.type or "").casefold())
        line = replace(a_bill().lines[0], account_id=account.external_id, tax_rate_id=None)
        coded = {"supplier_id": supplier.external_id, "supplier_name": supplier.name, "lines": (line,)}
        return a_bill(**(coded | changes))

    def documents(self) -> list[dict[str, Any]]:
        return self.practice.documents(self.provider.name, self.organisation)

    def fault(self, target: Target, **action: Any) -> None:
        """The next of these calls goes as told."""
        rule = {"method": target.method, "path_regex": target.path_regex, "action": action}
        self.practice.fault(provider=self.provider.name, **rule)


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=2, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    with served(tmp_path_factory.mktemp("providers"), limits_factor=1) as practice:
        yield practice


@pytest.fixture(params=list(KNOWN))
def world(request: pytest.FixtureRequest, running: Practice, http: httpx2.AsyncClient) -> World:
    """As at the simulator's first start."""
    running.move(0)
    running.post("/sim/reset").raise_for_status()
    providers = build(ProviderSettings.model_validate(running.settings()), http)
    return World(providers[request.param], running, KNOWN[request.param])


Deadline = Callable[[], float]


@pytest.fixture
def soon() -> Deadline:
    return lambda: time.monotonic() + 30
