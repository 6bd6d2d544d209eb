"""Businesses and their connections, as far as they are known from outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from devstack.demo.upstream import Upstream

ADDRESSES: Final = {"usr_anna": "anna@demo.example", "usr_ben": "ben@demo.example", "usr_carla": "carla@demo.example"}
BROKEN: Final = ("expired", "revoked")


@dataclass(kw_only=True)
class Customer:
    """One connection of one business."""

    business_id: str
    roles: Mapping[str, str]
    provider: str
    software: str
    organisation: str
    organisation_id: str
    upstream: Upstream
    connection_id: str = ""

    @property
    def name(self) -> str:
        return f"{self.organisation} at {self.software}"

    @property
    def login(self) -> dict[str, str]:
        """What its people fill in at the provider: each business has a login of its own there."""
        return {"email": f"books@{self.business_id}.example", "organisation": self.organisation_id}

    @property
    def told(self) -> tuple[str, ...]:
        """The users who are to be told of an expiry."""
        return tuple(user for user, role in self.roles.items() if role == "admin")

    async def standing(self) -> dict[str, Any]:
        """The connection as its owner shows it. Raises Outage."""
        return await self.upstream.connection(self.connection_id)
