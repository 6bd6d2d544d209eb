"""The product that delivers items and asks for their publication: a program with access tokens of its own."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import httpx2

_AGAIN: Final = (httpx2.codes.NOT_FOUND, httpx2.codes.PRECONDITION_FAILED)
_EXPENSES: Final = ("expense", "overheads", "admin_expenses")


class Outage(Exception):
    """The service could not be reached or answer, has not heard yet of what was asked for, or has heard of more.

    Every call here may be repeated.
    """


@dataclass
class Api:
    """The services' public APIs as one subject of one business sees them.

    Tokens come from the practice issuer, one for each service, and are kept as long as the demo runs.
    """

    http: httpx2.AsyncClient
    addresses: Mapping[str, str]
    business_id: str
    subject: str
    role: str
    _tokens: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, service: str, path: str, **content: Any) -> httpx2.Response:
        """Raises Outage, or httpx2.HTTPStatusError for what was refused."""
        headers = {"Authorization": f"Bearer {await self._token(service)}", **content.pop("headers", {})}
        return await self._send(method, f"{self.addresses[service]}{path}", headers=headers, **content)

    async def items(self, service: str, path: str) -> list[dict[str, Any]]:
        """The items of a list answer, first page."""
        items: list[dict[str, Any]] = (await self.call("GET", service, path)).json()["items"]
        return items

    async def fetch(self, address: str) -> bytes:
        """What lies at an address, without a token."""
        return (await self._send("GET", address)).content

    async def _token(self, service: str) -> str:
        if service not in self._tokens:
            wanted = {"business_id": self.business_id, "role": self.role, "subject": self.subject, "audience": service}
            answer = await self._send("POST", f"{self.addresses['simulator']}/sim/oidc/token", json=wanted)
            self._tokens[service] = answer.json()["access_token"]
        return self._tokens[service]

    async def _send(self, method: str, address: str, **content: Any) -> httpx2.Response:
        try:
            answer = await self.http.request(method, address, **content)
        except httpx2.TransportError as error:
            raise Outage(f"{address}: {error!r}") from error
        if answer.is_server_error or answer.status_code in _AGAIN or _code_of(answer) == "idempotency_key_running":
            raise Outage(f"{address} answered {answer.status_code}")
        return answer.raise_for_status()


def _code_of(answer: httpx2.Response) -> str | None:
    """The code of a refusal in the services' common form; None for any other answer."""
    if answer.headers.get("content-type") != "application/problem+json":
        return None
    return str(answer.json()["code"])


@dataclass(frozen=True)
class Coding:
    """Where a connection's items are booked: ids from the lists that were read."""

    account_id: str
    tax_rate_id: str | None
    supplier_id: str
    supplier_name: str


@dataclass(frozen=True)
class Upstream:
    """What the product asks of the services."""

    api: Api

    async def connections(self) -> list[dict[str, Any]]:
        return await self.api.items("connection-svc", "/api/v1/connections")

    async def connection(self, connection_id: str) -> dict[str, Any]:
        answer = await self.api.call("GET", "connection-svc", f"/api/v1/connections/{connection_id}")
        found: dict[str, Any] = answer.json()
        return found

    async def change_settings(self, connection_id: str, **wanted: object) -> None:
        """Change some settings, as somebody who looks at all of them would. Asking again changes nothing more."""
        path = f"/api/v1/connections/{connection_id}/settings"
        seen = await self.api.call("GET", "connection-svc", path)
        headers = {"If-Match": seen.headers["ETag"]}
        await self.api.call("PUT", "connection-svc", path, json={**seen.json(), **wanted}, headers=headers)

    async def refresh_lists(self, connection_id: str, key: str) -> None:
        """Ask for the lists to be read now."""
        path = f"/api/v1/connections/{connection_id}/refresh"
        await self.api.call("POST", "sync-svc", path, headers={"Idempotency-Key": key})

    async def lists(self, connection_id: str) -> list[dict[str, Any]]:
        return await self.api.items("list-svc", f"/api/v1/connections/{connection_id}/lists")

    async def entries(self, connection_id: str, name: str) -> list[dict[str, Any]]:
        """The first 200 entries of a list."""
        path = f"/api/v1/connections/{connection_id}/lists/{name}/entries?limit=200"
        return await self.api.items("list-svc", path)

    async def any_coding(self, connection_id: str) -> Coding:
        """The first expense account that is in use, and the first supplier."""
        accounts = await self.entries(connection_id, "accounts")
        supplier = (await self.entries(connection_id, "suppliers"))[0]
        account = next(a for a in accounts if a["active"] and str(a["type"]).lower() in _EXPENSES)
        taxes = account["valid_tax_rates"] or []
        return Coding(account["external_id"], taxes[0] if taxes else None, supplier["external_id"], supplier["name"])

    async def add_rule(self, connection_id: str, match: str, coding: Coding, key: str) -> None:
        rule = {
            "kind": "supplier",
            "match": {"operator": "contains", "text": match},
            "coding": {
                "connection_id": connection_id,
                "references": {"accounts": coding.account_id, "suppliers": coding.supplier_id},
            },
            "auto_publish": False,
        }
        await self.api.call("POST", "list-svc", "/api/v1/rules", json=rule, headers={"Idempotency-Key": key})

    async def reword_rule(self, connection_id: str, match: str) -> None:
        """Change the text of the connection's first rule. Asking again changes nothing more."""
        rules = await self.api.items("list-svc", "/api/v1/rules?limit=200")
        rule = next(rule for rule in rules if rule["coding"]["connection_id"] == connection_id)
        body = {name: rule[name] for name in ("kind", "coding", "auto_publish", "state")}
        body["match"] = {**rule["match"], "text": match}
        headers = {"If-Match": f'"{rule["revision"]}"'}
        await self.api.call("PUT", "list-svc", f"/api/v1/rules/{rule['rule_id']}", json=body, headers=headers)

    async def settings_and_rules(self, connection_id: str) -> bytes:
        """The exact bytes of a connection's settings and of all rules, to be compared later."""
        settings = await self.api.call("GET", "connection-svc", f"/api/v1/connections/{connection_id}/settings")
        rules = await self.api.call("GET", "list-svc", "/api/v1/rules?limit=200")
        return settings.content + rules.content

    async def deliver(self, connection_id: str, number: str, amount: Decimal, coding: Coding, date: str) -> str:
        """Hand over one item and answer our id for it."""
        item = {
            "connection_id": connection_id,
            "supplier": {"id": coding.supplier_id, "name": coding.supplier_name},
            "number": number,
            "date": date,
            "currency": "GBP",
            "lines": [
                {
                    "description": f"Goods and services, {number}",
                    "amount": {"amount": str(amount), "currency": "GBP"},
                    "account_id": coding.account_id,
                    "tax_rate_id": coding.tax_rate_id,
                }
            ],
            "document": await self._document(number),
        }
        answer = await self.api.call("PUT", "publish-svc", f"/api/v1/items/{number}", json=item)
        return str(answer.json()["item_id"])

    async def ask_to_publish(self, item_ids: Sequence[str], key: str) -> None:
        """Ask for all of them at once, in this order. Asking again under the same key changes nothing."""
        wanted, headers = {"ids": list(item_ids)}, {"Idempotency-Key": key}
        try:
            await self.api.call("POST", "publish-svc", "/api/v1/items/publish", json=wanted, headers=headers)
        except httpx2.HTTPStatusError as refusal:
            if _code_of(refusal.response) != "answer_lost":  # which says that it took effect
                raise

    async def standings(self, connection_id: str) -> dict[str, tuple[str, str | None]]:
        """Status and reason of each of the connection's newest 200 items, by id."""
        items = await self.api.items("publish-svc", f"/api/v1/items?connection_id={connection_id}&limit=200")
        return {item["item_id"]: (item["status"], item["reason"]) for item in items}

    async def _document(self, name: str) -> dict[str, str]:
        """A scanned document's address and fingerprint, as the item needs them."""
        url = f"{self.api.addresses['simulator']}/documents/{name}.pdf"
        fingerprint = hashlib.sha256(await self.api.fetch(url)).hexdigest()
        return {"url": url, "sha256": fingerprint, "file_name": f"{name}.pdf", "content_type": "application/pdf"}


async def notices_of(person: Api, connection_id: str) -> list[dict[str, Any]]:
    """The notices about a connection's expiry that a person finds in the product."""
    found = await person.items("notifier-svc", "/api/v1/notices?limit=200")
    return [notice for notice in found if notice["connection_id"] == connection_id and notice["stage"] == "expired"]
