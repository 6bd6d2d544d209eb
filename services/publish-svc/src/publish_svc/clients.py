"""Asking connection-svc, the only one who has tokens, whether we may call a provider, with what and when."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import httpx2
import structlog

from chassis.clock import Clock
from chassis.service_tokens import ServiceSigner
from providers.permits import Leased

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Usable:
    """A short-lived access token, and whose books it opens."""

    access_token: str = field(repr=False)
    expires_at: datetime
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


CALLS_OF_AN_ITEM = 5
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
        """Tell that the provider did not accept a token, and hear what to do now. Raises ConnectionsUnavailable."""
        ...

    async def lease(self, connection_id: str, business_id: str) -> Leased:
        """Some calls of the organisation's budget; none while connection-svc gives us no token or no answer."""
        ...

    async def report_throttled(self, connection_id: str, business_id: str, pause: timedelta) -> None:
        """Tell that the provider wants a pause. Nothing happens when nobody hears it: the next call will tell again."""
        ...


class ConnectionService:
    """`AccessTokens` over HTTP. A token is kept until less of it is left than its provider's margin."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        url: str,
        signer: ServiceSigner,
        *,
        clock: Clock,
        margins: Mapping[str, timedelta],
    ) -> None:
        self._http, self._url, self._signer = http, url.rstrip("/"), signer
        self._clock, self._margins = clock, margins
        self._kept: dict[str, Usable] = {}

    async def get(self, connection_id: str, business_id: str) -> TokenAnswer:
        kept = self._kept.get(connection_id)
        if kept is not None and self._clock.now() + self._margins[kept.provider] < kept.expires_at:
            return kept
        return await self._ask(connection_id, business_id, "access-token", {"class": "publish"})

    async def report_rejected(self, connection_id: str, business_id: str, token: Usable, problem: str) -> TokenAnswer:
        fingerprint = hashlib.sha256(token.access_token.encode()).hexdigest()
        report = {"access_token_fingerprint": fingerprint, "problem": problem}
        return await self._ask(connection_id, business_id, "access-token/rejected", report)

    async def lease(self, connection_id: str, business_id: str) -> Leased:
        try:
            wanted = {"class": "publish", "permits": CALLS_OF_AN_ITEM}
            answer = (await self._post(connection_id, business_id, "access-token", wanted)).json()
            return _leased(answer["permits"]) if answer["status"] == "usable" else NO_PERMIT
        except (httpx2.HTTPError, ValueError, KeyError) as problem:
            _log.warning("permits.unavailable", connection_id=connection_id, error=repr(problem))
            return NO_PERMIT

    async def report_throttled(self, connection_id: str, business_id: str, pause: timedelta) -> None:
        try:
            report = {"retry_after_seconds": pause.total_seconds()}
            await self._post(connection_id, business_id, "access-token/throttled", report)
        except httpx2.HTTPError as problem:
            _log.warning("throttle.unreported", connection_id=connection_id, error=repr(problem))

    async def _ask(self, connection_id: str, business_id: str, what: str, body: dict[str, str]) -> TokenAnswer:
        self._kept.pop(connection_id, None)
        try:
            answer = _token_answer((await self._post(connection_id, business_id, what, body)).json())
        except (httpx2.HTTPError, ValueError, KeyError) as problem:
            raise ConnectionsUnavailable(f"connection-svc gave no usable answer: {problem!r}") from problem
        if isinstance(answer, Usable):
            self._kept[connection_id] = answer
        return answer

    async def _post(
        self, connection_id: str, business_id: str, what: str, body: Mapping[str, object]
    ) -> httpx2.Response:
        token = self._signer.token("connection-svc", "publish-svc", business_id, "service")
        response = await self._http.post(
            f"{self._url}/internal/connections/{connection_id}/{what}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
        )
        return response.raise_for_status()


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
                expires_at=datetime.fromisoformat(answer["expires_at"]),
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
