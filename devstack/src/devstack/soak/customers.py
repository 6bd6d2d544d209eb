"""Who takes part: two businesses, each connected to both practice providers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import httpx2

from devstack.customers import Customer
from devstack.demo.upstream import Api, Coding, Upstream
from devstack.topics import DEMO_BUSINESS, ROLES

SECOND_BUSINESS: Final = "biz_second"
SECOND_ROLES: Final = {"usr_anna": "admin", "usr_ben": "admin"}


@dataclass(kw_only=True)
class BusyCustomer(Customer):
    """One who hands items over all day, and what was asked so far."""

    coding: Coding | None = None
    asked: list[str] = field(default_factory=list)
    """Document numbers in the order in which their publication was asked for."""
    settings: dict[str, object] = field(default_factory=dict)
    """What was last wished for, of those that were ever changed."""

    def numbers(self, count: int) -> list[str]:
        """The next so many document numbers, unique over all customers."""
        first = len(self.asked) + 1
        prefix = f"{self.business_id.removeprefix('biz_')[:3]}-{self.provider[:2]}".upper()
        return [f"{prefix}-{first + place:05d}" for place in range(count)]


def customers_of(http: httpx2.AsyncClient, addresses: Mapping[str, str]) -> list[BusyCustomer]:
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
        BusyCustomer(
            business_id=business_id,
            roles=roles[business_id],
            provider=provider,
            software=software[provider],
            organisation=organisation,
            organisation_id=organisation_id,
            upstream=Upstream(Api(http, addresses, business_id, "prg_upstream", "admin")),
        )
        for (business_id, provider), (organisation, organisation_id) in organisations.items()
    ]
