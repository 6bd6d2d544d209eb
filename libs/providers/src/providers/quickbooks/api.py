"""Calls to QuickBooks' data service: statement or document in, JSON or one of our errors out."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from providers.errors import Refused, TokenRejected
from providers.http import listed, lost, page_numbers, parsed, parsed_if_json, refuse_unusable, send
from providers.models import Access, Cost
from providers.quickbooks.refusals import BROKEN, errors_in, problem_of

MINOR_VERSION = 75
ROWS_PER_PAGE = 1000
LONGEST_KEY = 50


@dataclass(frozen=True)
class QuickBooksApi:
    """The data service of any company."""

    http: httpx2.AsyncClient
    api_url: str

    async def read(
        self, access: Access, path: str, params: Mapping[str, str] | None = None, *, cost: Cost | None = None
    ) -> Any:
        request = self.http.build_request(
            "GET",
            self._url(access, path),
            params={"minorversion": MINOR_VERSION} | dict(params or {}),
            headers=_headers(access),
        )
        response = await send(self.http, request, writes=False, permit=access.permit)
        if cost:
            cost.add(len(response.content))
        return _answer(response, writes=False)

    async def rows(
        self, access: Access, entity: str, where: str = "", *, cost: Cost | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every row of a query, page by page. `where` is a condition with its values quoted."""
        condition = f" WHERE {where}" if where else ""
        for number in page_numbers():
            start = (number - 1) * ROWS_PER_PAGE + 1
            page_of = f"STARTPOSITION {start} MAXRESULTS {ROWS_PER_PAGE}"
            statement = f"SELECT * FROM {entity}{condition} ORDERBY Id {page_of}"  # noqa: S608 - values come quoted
            answer = await self.read(access, "/query", {"query": statement}, cost=cost)
            page = listed(answer["QueryResponse"].get(entity, []))
            for row in page:
                yield row
            if len(page) < ROWS_PER_PAGE:
                return

    async def create(
        self, access: Access, path: str, document: dict[str, Any], *, key: str, deadline: float | None = None
    ) -> Any:
        request = self.http.build_request(
            "POST", self._url(access, path), params=_write_params(key), json=document, headers=_headers(access)
        )
        return _answer(
            await send(self.http, request, writes=True, permit=access.permit, deadline=deadline), writes=True
        )

    async def upload(self, access: Access, metadata: dict[str, Any], file: tuple[str, bytes, str], *, key: str) -> Any:
        """One file, `(name, content, content type)`, with what it is attached to."""
        request = self.http.build_request(
            "POST",
            self._url(access, "/upload"),
            params=_write_params(key),
            files={
                "file_metadata_01": ("metadata.json", json.dumps(metadata).encode(), "application/json"),
                "file_content_01": file,
            },
            headers=_headers(access),
        )
        return _answer(await send(self.http, request, writes=True, permit=access.permit), writes=True)

    def _url(self, access: Access, path: str) -> str:
        return f"{self.api_url}/company/{access.organisation_id}{path}"


def quoted(value: str) -> str:
    """The value as a literal of the query language."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def refuse_fault(body: Any, *, writes: bool) -> None:
    """Raise for the fault in an answer, if there is one: a 200 may carry it, and so may one file of an upload."""
    errors = errors_in(body)
    if any(str(error.get("code")) in BROKEN for error in errors):
        raise lost("server_error", "QuickBooks reports a failure of its own", writes=writes)
    if errors:
        raise Refused(*(problem_of(error) for error in errors))


def _answer(response: httpx2.Response, *, writes: bool) -> Any:
    refuse_unusable(response, writes=writes)
    if response.status_code == httpx2.codes.UNAUTHORIZED:
        errors = errors_in(parsed_if_json(response))
        raise TokenRejected(str(errors[0].get("detail", "")) if errors else "")
    if response.is_error:
        refuse_fault(parsed_if_json(response), writes=writes)
        raise Refused(problem_of({"message": response.text[:500] or f"HTTP {response.status_code}"}))
    body = parsed(response, writes=writes)
    refuse_fault(body, writes=writes)
    return body


def _headers(access: Access) -> dict[str, str]:
    return {"Authorization": f"Bearer {access.access_token}", "Accept": "application/json"}


def _write_params(key: str) -> dict[str, str | int]:
    return {"minorversion": MINOR_VERSION, "requestid": key}
