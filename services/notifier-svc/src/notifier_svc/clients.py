"""The other systems that notifier-svc asks over HTTP when it sends a mail."""

from datetime import datetime

import httpx2
from pydantic import BaseModel, ValidationError

from chassis.service_tokens import ServiceSigner
from notifier_svc.domain.notices import Notice, Stage
from notifier_svc.domain.wording import Link, Person

TIMEOUT_SECONDS = 10.0
_GONE = frozenset({404, 409, 410})


class Unavailable(Exception):
    """The other system gave no answer that we understand; the same again may work later."""

    def __init__(self, system: str, what: str) -> None:
        self.system = system
        super().__init__(f"{system}: {what}")


class _PersonBody(BaseModel):
    name: str
    email: str
    time_zone: str


class _LinkBody(BaseModel):
    url: str
    expires_at: datetime


class IdentitySystem:
    """Names and addresses of people. They are asked for when needed and not kept."""

    def __init__(self, url: str, http: httpx2.AsyncClient) -> None:
        self._url, self._http = url.rstrip("/"), http

    async def person(self, user_id: str) -> Person | None:
        """None for somebody whom the identity system does not know. Raises Unavailable."""
        try:
            answer = await self._http.get(f"{self._url}/identity/v1/users/{user_id}", timeout=TIMEOUT_SECONDS)
            if answer.status_code in _GONE:
                return None
            body = _PersonBody.model_validate_json(answer.raise_for_status().content)
        except (httpx2.HTTPError, ValidationError) as problem:
            raise Unavailable("the identity system", type(problem).__name__) from problem
        return Person(name=body.name, email=body.email, time_zone=body.time_zone)


class ConnectionService:
    """connection-svc, which makes the links that repair a connection."""

    def __init__(self, url: str, http: httpx2.AsyncClient, signer: ServiceSigner) -> None:
        self._url, self._http, self._signer = url.rstrip("/"), http, signer

    async def reconnect_link(self, notice: Notice) -> Link | None:
        """A new link for this notice; None when there is nothing to reconnect any more. Raises Unavailable."""
        token = self._signer.token("connection-svc", "notifier-svc", notice.business_id, "service")
        path, wanted = _wanted_link(notice)
        try:
            answer = await self._http.post(
                f"{self._url}{path}",
                json=wanted,
                headers={"Authorization": f"Bearer {token}"},
                timeout=TIMEOUT_SECONDS,
            )
            if answer.status_code in _GONE:
                return None
            body = _LinkBody.model_validate_json(answer.raise_for_status().content)
        except (httpx2.HTTPError, ValidationError) as problem:
            raise Unavailable("connection-svc", type(problem).__name__) from problem
        return Link(url=body.url, expires_at=body.expires_at)


def _wanted_link(notice: Notice) -> tuple[str, dict[str, object] | None]:
    """Where a link is made, and what for: the repair after an expiry, or what somebody asked for."""
    if notice.stage is not Stage.ASKED:
        return f"/internal/reconnect-cases/{notice.reconnect_id}/links", None
    wanted: dict[str, object] = {"ttl_seconds": notice.link_lifetime_seconds, "asked_by": notice.asked_by}
    return f"/internal/connections/{notice.connection_id}/reconnect-links", wanted
