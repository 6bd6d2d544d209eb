"""connection-svc, the only one who has tokens: whether we may call a provider, with what and when."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

import httpx2

from chassis.service_tokens import ServiceSigner
from providers.permits import Leased


@dataclass(frozen=True)
class Usable:
    """A short-lived access token, whose books it opens, and under which of the customer's consents."""

    access_token: str = field(repr=False)
    organisation_id: str
    provider: str
    generation: int


@dataclass(frozen=True)
class NotUsable:
    """Only the customer can mend the connection."""

    reason: str


@dataclass(frozen=True)
class BeingChecked:
    """connection-svc does not know yet; ask again later."""

    retry_after: timedelta


CALLS = 5
"""As many as a page and its neighbours may need within a permit's second."""

NO_PERMIT = Leased(0, timedelta(seconds=5), timedelta(0))

TokenAnswer = Usable | NotUsable | BeingChecked


class ConnectionsUnavailable(Exception):
    """connection-svc gave no usable answer. Says nothing about any connection: try again later."""


class AccessTokens(Protocol):
    """Where access tokens come from."""

    async def get(self, connection_id: str, business_id: str) -> TokenAnswer:
        """A token that works by all we know. Raises ConnectionsUnavailable."""
        ...

    async def report_rejected(self, connection_id: str, business_id: str, token: Usable, problem: str) -> TokenAnswer:
        """Tell that the provider did not accept a token; the answer is what to do now. Raises ConnectionsUnavailable.

        `problem` is token_rejected or organisation_gone.
        """
        ...

    async def lease(self, connection_id: str, business_id: str) -> Leased:
        """Some calls of the organisation's budget, or none for now. Raises ConnectionsUnavailable."""
        ...

    async def report_throttled(self, connection_id: str, business_id: str, pause: timedelta) -> None:
        """Tell that the provider wants a pause. Raises ConnectionsUnavailable."""
        ...


class ConnectionService:
    """`AccessTokens` over HTTP. Asks anew for each run, which takes minutes at most: nothing is kept."""

    def __init__(self, http: httpx2.AsyncClient, url: str, signer: ServiceSigner) -> None:
        self._http, self._url, self._signer = http, url.rstrip("/"), signer

    async def get(self, connection_id: str, business_id: str) -> TokenAnswer:
        return await self._ask(connection_id, business_id, "access-token", {"class": "sync"})

    async def report_rejected(self, connection_id: str, business_id: str, token: Usable, problem: str) -> TokenAnswer:
        fingerprint = hashlib.sha256(token.access_token.encode()).hexdigest()
        report = {"access_token_fingerprint": fingerprint, "problem": problem}
        return await self._ask(connection_id, business_id, "access-token/rejected", report)

    async def lease(self, connection_id: str, business_id: str) -> Leased:
        response = await self._post(connection_id, business_id, "access-token", {"class": "sync", "permits": CALLS})
        with _usable_answer():
            answer = response.raise_for_status().json()
            return _leased(answer["permits"]) if answer["status"] == "usable" else NO_PERMIT

    async def report_throttled(self, connection_id: str, business_id: str, pause: timedelta) -> None:
        report = {"retry_after_seconds": pause.total_seconds()}
        response = await self._post(connection_id, business_id, "access-token/throttled", report)
        with _usable_answer():
            response.raise_for_status()

    async def _ask(self, connection_id: str, business_id: str, what: str, body: dict[str, str]) -> TokenAnswer:
        response = await self._post(connection_id, business_id, what, body)
        if response.status_code == httpx2.codes.NOT_FOUND:
            return NotUsable("unknown")
        with _usable_answer():
            return _token_answer(response.raise_for_status().json())

    async def _post(
        self, connection_id: str, business_id: str, what: str, body: Mapping[str, object]
    ) -> httpx2.Response:
        token = self._signer.token("connection-svc", "sync-svc", business_id, "service")
        with _usable_answer():
            return await self._http.post(
                f"{self._url}/internal/connections/{connection_id}/{what}",
                json=body,
                headers={"Authorization": f"Bearer {token}"},
            )


@contextmanager
def _usable_answer() -> Iterator[None]:
    try:
        yield
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as problem:
        raise ConnectionsUnavailable(f"connection-svc gave no usable answer: {problem!r}") from problem


def _leased(permits: dict[str, Any]) -> Leased:
    return Leased(
        calls=permits["calls"],
        starts_in=timedelta(seconds=permits["starts_in_seconds"]),
        valid_for=timedelta(seconds=permits["valid_seconds"]),
    )


def _token_answer(answer: dict[str, Any]) -> TokenAnswer:
    match answer["status"]:
        case "usable":
            return Usable(
                access_token=answer["access_token"],
                organisation_id=answer["organisation_id"],
                provider=answer["provider"],
                generation=answer["generation"],
            )
        case "expired":
            return NotUsable(answer["reason"])
        case "checking":
            return BeingChecked(timedelta(seconds=float(answer["retry_after_seconds"])))
        case unknown:
            raise ValueError(f"status {unknown!r} is none we know")
