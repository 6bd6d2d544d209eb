"""Calls to Sage's API: path or document in, JSON or one of our errors out."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from providers.errors import OrganisationGone, ProviderError, Refused, TokenRejected
from providers.http import listed, page_numbers, parsed, refuse_unusable, send, well_formed
from providers.models import Access, Cost, Permit, unlimited
from providers.sage.refusals import errors_in, problem_of, sentence_of, speaks_of_the_subscription

ITEMS_PER_PAGE = 200


@dataclass(frozen=True)
class SageApi:
    """The API of any business, and the list of businesses a person has."""

    http: httpx2.AsyncClient
    api_url: str

    async def read(
        self, access: Access, path: str, params: Mapping[str, str | int] | None = None, *, cost: Cost | None = None
    ) -> Any:
        response = await self._get(path, params or {}, _headers(access), access.permit)
        if cost:
            cost.add(len(response.content))
        await self._refuse(response, access, writes=False)
        return parsed(response, writes=False)

    async def items(
        self, access: Access, path: str, params: Mapping[str, str], *, cost: Cost | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every item of a list, page by page. Without `attributes` an item is its id and a name."""

        async def page_of(paging: dict[str, int]) -> Any:
            return await self.read(access, path, {**params, **paging}, cost=cost)

        async for item in _page_by_page(page_of):
            yield item

    async def businesses(self, access_token: str) -> list[dict[str, Any]]:
        """Those of the person behind the token."""

        async def page_of(paging: dict[str, int]) -> Any:
            response = await self._get("/businesses", paging, _bearer(access_token))
            _refuse_unusable(response, writes=False)
            return parsed(response, writes=False)

        with well_formed(writes=False):
            return [one async for one in _page_by_page(page_of)]

    async def create(
        self, access: Access, path: str, document: dict[str, Any], *, deadline: float | None = None
    ) -> Any:
        request = self.http.build_request("POST", f"{self.api_url}{path}", json=document, headers=_headers(access))
        response = await send(self.http, request, writes=True, permit=access.permit, deadline=deadline)
        await self._refuse(response, access, writes=True)
        return parsed(response, writes=True)

    async def _get(
        self, path: str, params: Mapping[str, str | int], headers: Mapping[str, str], permit: Permit = unlimited
    ) -> httpx2.Response:
        request = self.http.build_request("GET", f"{self.api_url}{path}", params=dict(params), headers=dict(headers))
        return await send(self.http, request, writes=False, permit=permit)

    async def _refuse(self, response: httpx2.Response, access: Access, *, writes: bool) -> None:
        if response.status_code == httpx2.codes.FORBIDDEN:
            raise await self._why_forbidden(response, access)
        _refuse_unusable(response, writes=writes)

    async def _why_forbidden(self, response: httpx2.Response, access: Access) -> ProviderError:
        # What answers a business that is not the person's any more is not documented. Only
        # the list of businesses may end a customer's connection.
        reachable = await self.businesses(access.access_token)
        with well_formed(writes=False):
            if access.organisation_id in {one["id"] for one in reachable}:
                return Refused(*(problem_of(error) for error in errors_in(response)))
        return OrganisationGone(access.organisation_id)


async def _page_by_page(page_of: Callable[[dict[str, int]], Awaitable[Any]]) -> AsyncIterator[dict[str, Any]]:
    for page in page_numbers():
        answer = await page_of({"page": page, "items_per_page": ITEMS_PER_PAGE})
        for item in listed(answer["$items"]):
            yield item
        if not answer["$next"]:
            return


def _refuse_unusable(response: httpx2.Response, *, writes: bool) -> None:
    refuse_unusable(response, writes=writes)
    if not response.is_error:
        return
    errors = errors_in(response)
    if response.status_code == httpx2.codes.UNAUTHORIZED and not speaks_of_the_subscription(errors):
        raise TokenRejected("; ".join(sentence_of(error) for error in errors))
    raise Refused(*(problem_of(error) for error in errors))


def _bearer(access_token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}


def _headers(access: Access) -> dict[str, str]:
    return _bearer(access.access_token) | {"X-Business": access.organisation_id}
