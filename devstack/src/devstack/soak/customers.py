"""Who takes part: two businesses, each connected to both practice providers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import httpx2

from devstack.demo.story import NotAsTold
from devstack.demo.upstream import Api, Coding, Outage, Upstream
from devstack.topics import DEMO_BUSINESS, ROLES

SECOND_BUSINESS: Final = "biz_second"
SECOND_ROLES: Final = {"usr_anna": "admin", "usr_ben": "admin"}
ADDRESSES: Final = {"usr_anna": "anna@demo.example", "usr_ben": "ben@demo.example", "usr_carla": "carla@demo.example"}
BROKEN: Final = ("expired", "revoked")
ANSWER_WITHIN_SECONDS: Final = 150.0
"""Above the minute after which what a killed process had begun under an idempotency key may be begun again."""

T = TypeVar("T")


@dataclass
class Customer:
    """One connection of one business: what is known of it from outside, and what was asked of it so far."""

    business_id: str
    roles: Mapping[str, str]
    provider: str
    software: str
    organisation: str
    organisation_id: str
    upstream: Upstream
    connection_id: str = ""
    coding: Coding | None = None
    asked: list[str] = field(default_factory=list)
    """Document numbers in the order in which their publication was asked for."""
    settings: dict[str, object] = field(default_factory=dict)
    """What was last wished for, of those that were ever changed."""

    @property
    def name(self) -> str:
        return f"{self.organisation} at {self.software}"

    @property
    def login(self) -> dict[str, str]:
        """What its person fills in at the provider: each business has a login of its own there."""
        return {"email": f"books@{self.business_id}.example", "organisation": self.organisation_id}

    @property
    def told(self) -> tuple[str, ...]:
        """The users who are to be told of an expiry."""
        return tuple(user for user, role in self.roles.items() if role == "admin")

    def numbers(self, count: int) -> list[str]:
        """The next so many document numbers, unique over all customers."""
        first = len(self.asked) + 1
        prefix = f"{self.business_id.removeprefix('biz_')[:3]}-{self.provider[:2]}".upper()
        return [f"{prefix}-{first + place:05d}" for place in range(count)]

    async def standing(self) -> dict[str, Any]:
        """The connection as its owner shows it. Raises Outage."""
        return await self.upstream.connection(self.connection_id)


def customers_of(http: httpx2.AsyncClient, addresses: Mapping[str, str]) -> list[Customer]:
    """The four, not connected yet. The organisations are those that the practice providers have at their start."""
    organisations = {
        (DEMO_BUSINESS, "xero"): ("Demo Trading Ltd", "5f3c1e52-8a4b-4d0e-9c7a-1d2b3e4f5a61"),
        (DEMO_BUSINESS, "quickbooks"): ("Demo Trading Ltd", "9130350000000001"),
        (SECOND_BUSINESS, "xero"): ("Other Org Ltd", "c81b7d04-63aa-4f0b-8a52-7e9f0b1c2d34"),
        (SECOND_BUSINESS, "quickbooks"): ("Other Org Ltd", "9130350000000002"),
    }
    software = {"xero": "Xero", "quickbooks": "QuickBooks Online"}
    roles = {DEMO_BUSINESS: ROLES, SECOND_BUSINESS: SECOND_ROLES}
    return [
        Customer(
            business_id,
            roles[business_id],
            provider,
            software[provider],
            *organisation,
            Upstream(Api(http, addresses, business_id, "prg_upstream", "admin")),
        )
        for (business_id, provider), organisation in organisations.items()
    ]


async def until(look: Callable[[], Awaitable[T | None]], what: str, *, seconds: float = ANSWER_WITHIN_SECONDS) -> T:
    """Look until there is something to see. What is away meanwhile only costs patience; raises NotAsTold."""
    end = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < end:
        try:
            if found := await look():
                return found
            last = found
        except (Outage, httpx2.TransportError) as outage:
            last = outage
        await asyncio.sleep(0.3)
    raise NotAsTold(f"after {seconds:.0f} s it is still not so that {what} (last seen: {last!r})")


async def answered(ask: Callable[[], Awaitable[T]], what: str) -> T:
    """Ask until there is an answer; everything that is asked for here may be asked for again."""
    answers: list[T] = []

    async def once() -> list[T]:
        answers.append(await ask())
        return answers

    return (await until(once, what))[0]
