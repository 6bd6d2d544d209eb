"""Calls to Xero's APIs: headers in, JSON or one of our errors out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from providers.errors import OrganisationGone, ProviderError, Refused, TokenRejected
from providers.http import listed, lost, parsed, parsed_if_json, refuse_unusable, send, well_formed
from providers.models import Access
from providers.xero.refusals import gateway_detail, problems_in


@dataclass(frozen=True)
class Answer:
    """A usable answer and its size on our side of the wire."""

    body: Any
    size: int


@dataclass(frozen=True)
class XeroApi:
    """The Accounting API of any organisation, and the list of organisations a login may reach."""

    http: httpx2.AsyncClient
    api_url: str
    connections_url: str

    async def read(
        self,
        access: Access,
        path: str,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        request = self.http.build_request(
            "GET", f"{self.api_url}{path}", params=params, headers=_headers(access) | dict(headers or {})
        )
        response = await send(self.http, request, writes=False, permit=access.permit)
        await self._refuse(response, access, writes=False)
        return Answer(parsed(response, writes=False), len(response.content))

    async def write(  # noqa: PLR0913 - each one is part of the request
        self,
        access: Access,
        path: str,
        *,
        key: str,
        json: Any = None,
        content: bytes | None = None,
        content_type: str = "application/json",
        params: Mapping[str, str | int] | None = None,
        deadline: float | None = None,
    ) -> Any:
        """PUT, which at Xero creates and never changes what is there."""
        request = self.http.build_request(
            "PUT",
            f"{self.api_url}{path}",
            params=params,
            json=json,
            content=content,
            headers=_headers(access) | {"Content-Type": content_type, "Idempotency-Key": key},
        )
        response = await send(self.http, request, writes=True, permit=access.permit, deadline=deadline)
        await self._refuse(response, access, writes=True)
        return parsed(response, writes=True)

    async def connections(self, access_token: str, authorisation_event: str | None = None) -> list[dict[str, Any]]:
        """What this token may reach; with `authorisation_event`, only what was chosen in that login."""
        params = {"authEventId": authorisation_event} if authorisation_event else None
        request = self.http.build_request("GET", self.connections_url, params=params, headers=_bearer(access_token))
        response = await send(self.http, request, writes=False)
        refuse_unusable(response, writes=False)
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise TokenRejected(gateway_detail(parsed_if_json(response)))
        if response.is_error:
            raise lost("unexpected", f"HTTP {response.status_code}", writes=False)
        answer = parsed(response, writes=False)
        with well_formed(writes=False):
            return [one for one in listed(answer) if one["tenantType"] == "ORGANISATION"]

    async def disconnect(self, access_token: str, connection_id: str) -> None:
        """End our access to one organisation. One that has ended already is fine."""
        request = self.http.build_request(
            "DELETE", f"{self.connections_url}/{connection_id}", headers=_bearer(access_token)
        )
        response = await send(self.http, request, writes=False)
        refuse_unusable(response, writes=False)
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise TokenRejected(gateway_detail(parsed_if_json(response)))
        if response.is_error and response.status_code != httpx2.codes.NOT_FOUND:
            raise lost("unexpected", f"HTTP {response.status_code}", writes=False)

    async def _refuse(self, response: httpx2.Response, access: Access, *, writes: bool) -> None:
        refuse_unusable(response, writes=writes)
        if not response.is_error:
            return
        body = parsed_if_json(response)
        detail = gateway_detail(body)
        if "AuthorizationUnsuccessful" not in detail:
            if response.status_code == httpx2.codes.UNAUTHORIZED:
                raise TokenRejected(detail)
            if response.status_code == httpx2.codes.FORBIDDEN:
                raise await self._why_forbidden(access, detail)
        with well_formed(writes=writes):
            raise Refused(*problems_in(response.status_code, body, response.text))

    async def _why_forbidden(self, access: Access, detail: str) -> ProviderError:
        # The same 403 answers a missing header, an old token and a disconnected organisation. Only
        # the list of connections tells them apart, and only its word may end a customer's connection.
        reachable = await self.connections(access.access_token)
        with well_formed(writes=False):
            if access.organisation_id in {one["tenantId"] for one in reachable}:
                return TokenRejected(detail)
        return OrganisationGone(access.organisation_id)


def _bearer(access_token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}


def _headers(access: Access) -> dict[str, str]:
    return _bearer(access.access_token) | {"xero-tenant-id": access.organisation_id}
