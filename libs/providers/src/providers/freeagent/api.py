"""Calls to FreeAgent's API: path or document in, JSON or one of our errors out."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from providers.errors import Refused, TokenRejected
from providers.freeagent.refusals import problems_in
from providers.http import listed, page_numbers, parsed, refuse_unusable, send
from providers.models import Access, Cost

ROWS_PER_PAGE = 100
USER_AGENT = "Relink"
"""FreeAgent refuses calls that do not say whose they are."""


@dataclass(frozen=True)
class FreeAgentApi:
    """The API of the company that a token opens."""

    http: httpx2.AsyncClient
    api_url: str

    async def read(
        self, access: Access, path: str, params: Mapping[str, str | int] | None = None, *, cost: Cost | None = None
    ) -> Any:
        return parsed(await self._get(access, path, params or {}, cost), writes=False)

    async def rows(
        self, access: Access, path: str, params: Mapping[str, str] | None = None, *, cost: Cost | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every row of a list, page by page; the list is named as its path is."""
        for page in page_numbers():
            paged: dict[str, str | int] = {**(params or {}), "page": page, "per_page": ROWS_PER_PAGE}
            response = await self._get(access, path, paged, cost)
            for row in listed(parsed(response, writes=False)[path.removeprefix("/")]):
                yield row
            if "next" not in response.links:
                return

    async def write(
        self, access: Access, method: str, path: str, document: dict[str, Any], *, deadline: float | None = None
    ) -> Any:
        """POST creates, PUT changes the fields it names. An answer without a body is an empty one."""
        request = self.http.build_request(method, f"{self.api_url}{path}", json=document, headers=_headers(access))
        response = await send(self.http, request, writes=True, permit=access.permit, deadline=deadline)
        _refuse(response, writes=True)
        return parsed(response, writes=True) if response.content else {}

    async def _get(
        self, access: Access, path: str, params: Mapping[str, str | int], cost: Cost | None
    ) -> httpx2.Response:
        request = self.http.build_request("GET", f"{self.api_url}{path}", params=dict(params), headers=_headers(access))
        response = await send(self.http, request, writes=False, permit=access.permit)
        if cost:
            cost.add(len(response.content))
        _refuse(response, writes=False)
        return response


def _refuse(response: httpx2.Response, *, writes: bool) -> None:
    refuse_unusable(response, writes=writes)
    if response.status_code == httpx2.codes.UNAUTHORIZED:
        raise TokenRejected(response.text[:500])
    if response.is_error:
        raise Refused(*problems_in(response))


def _headers(access: Access) -> dict[str, str]:
    return {"Authorization": f"Bearer {access.access_token}", "Accept": "application/json", "User-Agent": USER_AGENT}
