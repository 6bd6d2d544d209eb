"""The other services' HTTP APIs, always for the person who is looking."""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import httpx2
import structlog
from pydantic import TypeAdapter

from chassis.clock import Clock
from chassis.observe import traceparent
from web_svc import answers

PROVIDERS_KEPT = timedelta(seconds=10)


@dataclass(frozen=True)
class Speaker:
    """The person a call is made for, in one business and with one role."""

    user_id: str
    business_id: str
    role: str


@dataclass(frozen=True)
class Journey:
    """A way to a provider's login and back. A connect without a connection begins a new one.

    `return_to` is the page to come back to; `take_over` ends the journey that somebody else has begun there.
    """

    provider: str
    intent: str
    connection_id: str | None
    return_to: str
    channel: str = "web"
    take_over: bool = False


class Signer(Protocol):
    """Signs for this service; `chassis.service_tokens.ServiceSigner` does."""

    def token(self, audience: str, subject: str, business_id: str, role: str) -> str: ...


class ServiceUnavailable(Exception):
    """A service did not answer in time, or answered that it cannot now. Whether it did something is not known."""

    def __init__(self, service: str) -> None:
        self.service = service
        super().__init__(f"{service} does not answer")


class RequestRefused(Exception):
    """A service said no, with its reason. It changed nothing."""

    def __init__(self, service: str, status: int, code: str, detail: str | None, correlation_id: str | None) -> None:
        self.service, self.status, self.code = service, status, code
        self.detail, self.correlation_id = detail, correlation_id
        super().__init__(f"{service} refused with {status} {code}: {detail}")


class Service:
    """One service. GETs may be repeated by the caller; a POST carries the form's idempotency key, so it may be too."""

    def __init__(self, name: str, http: httpx2.AsyncClient, signer: Signer) -> None:
        self._name, self._http, self._signer = name, http, signer

    async def get(self, speaker: Speaker, path: str, params: Mapping[str, str | list[str]] | None = None) -> Any:
        return (await self._call("GET", path, self._authorised(speaker), params=params)).json()

    async def get_versioned(self, speaker: Speaker, path: str) -> tuple[Any, str]:
        """What is there, and the version that `replace` must name."""
        answer = await self._call("GET", path, self._authorised(speaker))
        return answer.json(), answer.headers["ETag"]

    async def post(self, speaker: Speaker, path: str, body: Mapping[str, object], *, key: str) -> Any:
        headers = {**self._authorised(speaker), "Idempotency-Key": key}
        answer = await self._call("POST", path, headers, json=body)
        return answer.json() if answer.content else None

    async def replace(self, speaker: Speaker, path: str, body: Mapping[str, object], *, version: str) -> None:
        """Put this in the place of that version. Raises RequestRefused (412) when it has changed since."""
        await self._call("PUT", path, {**self._authorised(speaker), "If-Match": version}, json=body)

    def _authorised(self, speaker: Speaker) -> dict[str, str]:
        token = self._signer.token(self._name, speaker.user_id, speaker.business_id, speaker.role)
        return {"Authorization": f"Bearer {token}"}

    async def _call(self, method: str, path: str, headers: dict[str, str], **more: Any) -> httpx2.Response:
        flow = {**traceparent(), "X-Request-Id": structlog.contextvars.get_contextvars().get("request_id", "")}
        try:
            answer = await self._http.request(method, path, headers=headers | flow, **more)
        except httpx2.TransportError as problem:
            raise ServiceUnavailable(self._name) from problem
        if answer.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR:
            raise ServiceUnavailable(self._name)
        if answer.is_error:
            raise self._refusal(answer)
        return answer

    def _refusal(self, answer: httpx2.Response) -> RequestRefused:
        is_problem = answer.headers.get("Content-Type", "").startswith("application/problem+json")
        problem = answer.json() if is_problem else {}
        return RequestRefused(
            self._name,
            answer.status_code,
            problem.get("code", "unknown"),
            problem.get("detail"),
            problem.get("correlation_id"),
        )


class Connections:
    """connection-svc."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self._service, self._clock = service, clock
        self._providers: dict[str, answers.Provider] = {}
        self._providers_asked_at: datetime | None = None

    async def all(self, speaker: Speaker) -> list[answers.Connection]:
        page = await self._service.get(speaker, "/api/v1/connections")
        return TypeAdapter(list[answers.Connection]).validate_python(page["items"])

    async def one(self, speaker: Speaker, connection_id: str) -> answers.Connection:
        return answers.Connection.model_validate(
            await self._service.get(speaker, f"/api/v1/connections/{connection_id}")
        )

    async def history(self, speaker: Speaker, connection_id: str, *, cursor: str | None = None) -> answers.TimelinePage:
        """What happened to it, the latest first."""
        params = {"limit": "50"} | ({"cursor": cursor} if cursor is not None else {})
        return answers.TimelinePage.model_validate(
            await self._service.get(speaker, f"/api/v1/connections/{connection_id}/history", params)
        )

    async def settings(self, speaker: Speaker, connection_id: str) -> tuple[answers.ConnectionSettings, str]:
        """The integration settings, and the version that a change of them must name."""
        path = f"/api/v1/connections/{connection_id}/settings"
        settings, version = await self._service.get_versioned(speaker, path)
        return answers.ConnectionSettings.model_validate(settings), version

    async def change_settings(
        self, speaker: Speaker, connection_id: str, wanted: answers.ConnectionSettings, *, version: str, channel: str
    ) -> None:
        """Raises RequestRefused with `settings_changed` when somebody was faster."""
        path = f"/api/v1/connections/{connection_id}/settings?channel={channel}"
        await self._service.replace(speaker, path, wanted.model_dump(), version=version)

    async def explain(self, speaker: Speaker, connection_id: str) -> answers.Explanation:
        return answers.Explanation.model_validate(
            await self._service.get(speaker, f"/api/v1/connections/{connection_id}/explain")
        )

    async def providers(self, speaker: Speaker) -> Mapping[str, answers.Provider]:
        """What each provider is and can, and whether an operator has paused it: as of a few seconds ago."""
        now = self._clock.now()
        if self._providers_asked_at is None or now - self._providers_asked_at >= PROVIDERS_KEPT:
            page = await self._service.get(speaker, "/api/v1/providers")
            found = TypeAdapter(list[answers.Provider]).validate_python(page["items"])
            self._providers, self._providers_asked_at = {provider.provider: provider for provider in found}, now
        return self._providers

    async def provider_names(self, speaker: Speaker) -> Mapping[str, str]:
        """How each provider calls itself."""
        return {name: provider.display_name for name, provider in (await self.providers(speaker)).items()}

    async def begin(self, speaker: Speaker, journey: Journey, *, binding: str, key: str) -> answers.StartedAttempt:
        """Raises RequestRefused: `attempt_running` while somebody else is on the way, `provider_paused`."""
        body = {**asdict(journey), "browser_binding": _fingerprint(binding)}
        return answers.StartedAttempt.model_validate(
            await self._service.post(speaker, "/api/v1/connection-attempts", body, key=key)
        )

    async def running_attempts(self, speaker: Speaker, connection_id: str) -> list[answers.Attempt]:
        """The journeys to this connection that are under way: one, or none."""
        page = await self._service.get(speaker, "/api/v1/connection-attempts", {"connection_id": connection_id})
        return TypeAdapter(list[answers.Attempt]).validate_python(page["items"])

    async def attempt(self, speaker: Speaker, attempt_id: str) -> answers.Attempt:
        return answers.Attempt.model_validate(
            await self._service.get(speaker, f"/api/v1/connection-attempts/{attempt_id}")
        )

    async def choose_organisation(
        self, speaker: Speaker, attempt_id: str, organisation_id: str, *, switch: bool, key: str
    ) -> answers.Connection:
        """The connection that works now. `switch`: a reconnect may become a change to another organisation."""
        path, body = f"/api/v1/connection-attempts/{attempt_id}/organisation", {"organisation_id": organisation_id}
        return answers.Connection.model_validate(
            await self._service.post(speaker, path, {**body, "switch": switch}, key=key)
        )

    async def cancel(self, speaker: Speaker, attempt_id: str, *, key: str) -> None:
        await self._service.post(speaker, f"/api/v1/connection-attempts/{attempt_id}/cancel", {}, key=key)

    async def ask_administrators(self, speaker: Speaker, connection_id: str, *, key: str) -> answers.Asked:
        """Ask those who may reconnect; they are told once a day at most."""
        path = f"/api/v1/connections/{connection_id}/ask-admin"
        return answers.Asked.model_validate(await self._service.post(speaker, path, {}, key=key))

    async def check(self, speaker: Speaker, connection_id: str, *, key: str) -> None:
        """Have the provider asked whether it still lets us in. The answer is an event, or nothing."""
        await self._service.post(speaker, f"/api/v1/connections/{connection_id}/check", {}, key=key)

    async def snooze(self, speaker: Speaker, connection_id: str, *, until: datetime, key: str) -> None:
        """No reminder before `until`."""
        body = {"until": until.isoformat()}
        await self._service.post(speaker, f"/api/v1/connections/{connection_id}/snooze", body, key=key)

    async def make_link(
        self, speaker: Speaker, connection_id: str, *, lifetime: timedelta, send_to: str | None, key: str
    ) -> answers.NewLink | None:
        """A reconnect link to hand over; None when it was sent to a person of the business."""
        path = f"/api/v1/connections/{connection_id}/reconnect-links"
        body = {"ttl_seconds": round(lifetime.total_seconds()), "send_to_user_id": send_to}
        made = await self._service.post(speaker, path, body, key=key)
        return answers.NewLink.model_validate(made) if send_to is None else None

    async def disconnect(self, speaker: Speaker, connection_id: str, *, keep_lists: bool, key: str) -> str:
        """Leave the provider; what became of our access there: `given_back`, `not_yet` or `not_possible`."""
        path, body = f"/api/v1/connections/{connection_id}/disconnect", {"keep_lists": keep_lists}
        return str((await self._service.post(speaker, path, body, key=key))["access"])

    async def link(self, token: str) -> answers.ReconnectLink:
        return answers.ReconnectLink.model_validate(
            await self._service.get(LINK_HOLDER, f"/internal/reconnect-links/{token}")
        )

    async def consume_link(self, token: str, *, binding: str, key: str) -> str:
        """Spend the link; the address that starts the login. Raises RequestRefused when it cannot be used."""
        path, body = f"/internal/reconnect-links/{token}/consume", {"browser_binding": _fingerprint(binding)}
        answer = await self._service.post(LINK_HOLDER, path, body, key=key)
        return str(answer["start_url"])

    async def ask_for_another_link(self, token: str, *, key: str) -> datetime:
        """Those who can give a new link get a mail, once for each link; when that was. Raises RequestRefused."""
        answer = await self._service.post(LINK_HOLDER, f"/internal/reconnect-links/{token}/ask", {}, key=key)
        return TypeAdapter(datetime).validate_python(answer["asked_at"])


def _fingerprint(binding: str) -> str:
    """What connection-svc may know before the browser itself brings the binding."""
    return hashlib.sha256(binding.encode()).hexdigest()


LINK_HOLDER = Speaker(user_id="web-svc", business_id="biz_none", role="service")
"""Whoever holds a reconnect link speaks for nobody: the link itself is the right."""


class Syncs:
    """sync-svc."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def status(self, speaker: Speaker, connection_id: str) -> answers.SyncStatus:
        """How fresh the lists are. A connection that sync-svc has not heard of yet was never synchronised."""
        try:
            answer = await self._service.get(speaker, f"/api/v1/connections/{connection_id}/sync")
        except RequestRefused as refused:
            if refused.status != httpx2.codes.NOT_FOUND:
                raise
            return answers.SyncStatus()
        return answers.SyncStatus.model_validate(answer)

    async def refresh(self, speaker: Speaker, connection_id: str, *, key: str) -> None:
        await self._service.post(speaker, f"/api/v1/connections/{connection_id}/refresh", {}, key=key)


class Rules:
    """list-svc, as far as rules go."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def count(self, speaker: Speaker, connection_id: str) -> int:
        """The automation rules that code to this connection; of more than 200 rules in a business the first 200."""
        page = await self._service.get(speaker, "/api/v1/rules", {"limit": "200"})
        rules = TypeAdapter(list[answers.Rule]).validate_python(page["items"])
        return sum(rule.coding.connection_id == connection_id for rule in rules)


class Items:
    """publish-svc."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def with_status(
        self, speaker: Speaker, statuses: tuple[str, ...], *, cursor: str | None = None
    ) -> answers.ItemPage:
        params: dict[str, str | list[str]] = {"status": list(statuses), "limit": "50"}
        if cursor is not None:
            params["cursor"] = cursor
        return answers.ItemPage.model_validate(await self._service.get(speaker, "/api/v1/items", params))

    async def counts(self, speaker: Speaker) -> dict[str, int]:
        """How many items there are of each status."""
        answer = await self._service.get(speaker, "/api/v1/items/counts")
        return TypeAdapter(dict[str, int]).validate_python(answer["statuses"])

    async def one(self, speaker: Speaker, item_id: str) -> answers.Item:
        return answers.Item.model_validate(await self._service.get(speaker, f"/api/v1/items/{item_id}"))

    async def history(self, speaker: Speaker, item_id: str) -> list[answers.TimelineEntry]:
        page = await self._service.get(speaker, f"/api/v1/items/{item_id}/history")
        return TypeAdapter(list[answers.TimelineEntry]).validate_python(page["items"])

    async def held(self, speaker: Speaker, connection_id: str) -> answers.Held:
        """What waits. Nothing does for a connection that publish-svc has not heard of yet."""
        try:
            answer = await self._service.get(speaker, f"/api/v1/connections/{connection_id}/held")
        except RequestRefused as refused:
            if refused.status != httpx2.codes.NOT_FOUND:
                raise
            return answers.Held(waiting=0)
        return answers.Held.model_validate(answer)

    async def publish(self, speaker: Speaker, item_id: str, *, key: str) -> None:
        await self._service.post(speaker, f"/api/v1/items/{item_id}/publish", {}, key=key)

    async def publish_all(self, speaker: Speaker, item_ids: list[str], *, key: str) -> None:
        await self._service.post(speaker, "/api/v1/items/publish", {"ids": item_ids}, key=key)

    async def retry(self, speaker: Speaker, item_id: str, *, key: str) -> None:
        await self._service.post(speaker, f"/api/v1/items/{item_id}/retry", {}, key=key)


class Identity:
    """The identity system's people. One who cannot be looked up now goes by the id: no page fails for a name."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self._known: dict[str, answers.Person] = {}

    async def people(self, user_ids: Iterable[str]) -> list[answers.Person]:
        return await asyncio.gather(*map(self._person, user_ids))

    async def _person(self, user_id: str) -> answers.Person:
        if user_id not in self._known:
            try:
                answer = await self._http.get(f"/identity/v1/users/{user_id}")
            except httpx2.TransportError:
                return answers.Person(name=user_id)
            if answer.is_error:
                return answers.Person(name=user_id)
            self._known[user_id] = answers.Person.model_validate(answer.json())
        return self._known[user_id]
