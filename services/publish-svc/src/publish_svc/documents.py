"""The files of items, fetched where their owner keeps them: only from outside, only whole, only what was promised."""

import asyncio
import hashlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection
from typing import Final, Protocol

import httpx2

from publish_svc.domain.items import DocumentRef

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to addresses. Raises OSError."""

_HTTPS_PORT: Final = 443
_HTTP_PORT: Final = 80


class DocumentRefused(Exception):
    """The file cannot be had as it was announced; the same again cannot succeed.

    `code`: document_forbidden (an address of ours, or a redirect), document_missing, document_changed (another
    content than announced), document_too_large.
    """

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{code}: {detail}")


class DocumentUnavailable(Exception):
    """The file's place gave no usable answer: try again later."""

    def __init__(self, symptom: str) -> None:
        self.symptom = symptom
        super().__init__(f"no usable answer from the file's place: {symptom}")


class Documents(Protocol):
    async def fetch(self, document: DocumentRef) -> bytes:
        """The file's bytes, proved by their hash. Raises DocumentRefused, DocumentUnavailable."""
        ...


async def resolve_by_dns(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class HttpDocuments:
    """`Documents` over HTTP.

    The host is resolved first, and the call goes to the address that was judged: a name cannot answer differently
    the second time. `allowed_origins` (scheme://host:port) are ours and may lie at private addresses. Redirects
    are refused, since they lead elsewhere unjudged.
    """

    def __init__(
        self, http: httpx2.AsyncClient, *, allowed_origins: Collection[str], max_bytes: int, resolve: Resolve
    ) -> None:
        self._http, self._allowed_origins = http, frozenset(allowed_origins)
        self._max_bytes, self._resolve = max_bytes, resolve

    async def fetch(self, document: DocumentRef) -> bytes:
        content = await self._get(document.url)
        if hashlib.sha256(content).hexdigest() != document.sha256:
            raise DocumentRefused("document_changed", "the file is another than the one announced")
        return content

    async def _get(self, url: str) -> bytes:
        request = await self._request(url)
        try:
            response = await self._http.send(request, stream=True, follow_redirects=False)
            try:
                _judge(response)
                return await self._read(response)
            finally:
                await response.aclose()
        except httpx2.HTTPError as problem:
            raise DocumentUnavailable(type(problem).__name__) from problem

    async def _request(self, url: str) -> httpx2.Request:
        try:
            target = httpx2.URL(url)
        except httpx2.InvalidURL as problem:
            raise DocumentRefused("document_forbidden", "the address cannot be read") from problem
        if target.scheme not in {"http", "https"} or not target.host:
            raise DocumentRefused("document_forbidden", "only http and https addresses are fetched")
        port = target.port or (_HTTPS_PORT if target.scheme == "https" else _HTTP_PORT)
        if f"{target.scheme}://{target.host}:{port}" in self._allowed_origins:
            return self._http.build_request("GET", target)
        address = await self._public_address(target.host, port)
        return self._http.build_request(
            "GET",
            target.copy_with(host=address),
            headers={"Host": target.netloc.decode()},
            extensions={"sni_hostname": target.host},
        )

    async def _public_address(self, host: str, port: int) -> str:
        try:
            addresses = await self._resolve(host, port)
        except OSError as problem:
            raise DocumentUnavailable("unresolved") from problem
        if not addresses or not all(_is_public(address) for address in addresses):
            raise DocumentRefused("document_forbidden", f"{host} lies at an address that is not public")
        return addresses[0]

    async def _read(self, response: httpx2.Response) -> bytes:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > self._max_bytes:
                raise DocumentRefused("document_too_large", f"the file has more than {self._max_bytes} bytes")
        return bytes(content)


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    mapped = getattr(ip, "ipv4_mapped", None) or ip
    return bool(mapped.is_global) and not mapped.is_multicast


def _judge(response: httpx2.Response) -> None:
    if response.is_redirect:
        raise DocumentRefused("document_forbidden", "the file's place redirects elsewhere")
    if response.is_client_error and response.status_code not in {408, 425, 429}:
        raise DocumentRefused("document_missing", f"the file's place answers {response.status_code}")
    if not response.is_success:
        raise DocumentUnavailable(f"http_{response.status_code}")
