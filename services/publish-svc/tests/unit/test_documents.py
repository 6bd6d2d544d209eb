"""Fetching files: only from outside, only whole, only what was promised. The transport is in our hands."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import httpx2
import pytest
from build_publish_svc import DOCUMENT, FILE

from publish_svc.documents import DocumentRefused, DocumentUnavailable, HttpDocuments

PUBLIC = "93.184.216.34"
Answer = Callable[[httpx2.Request], httpx2.Response]


class Network:
    """Names with addresses, and one answer to everything; it remembers where calls went."""

    def __init__(self, answer: Answer, addresses: list[str]) -> None:
        self.answer, self.addresses, self.calls = answer, addresses, list[httpx2.Request]()

    async def resolve(self, host: str, port: int) -> list[str]:
        if not self.addresses:
            raise OSError("no such name")
        return self.addresses

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.calls.append(request)
        return self.answer(request)

    def documents(self, *allowed_origins: str) -> HttpDocuments:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self.handle))
        return HttpDocuments(http, allowed_origins=allowed_origins, max_bytes=1000, resolve=self.resolve)


def a_network(status: int = 200, content: bytes = FILE, addresses: list[str] | None = None, **headers: str) -> Network:
    return Network(
        lambda _: httpx2.Response(status, content=content, headers=headers),
        [PUBLIC] if addresses is None else addresses,
    )


async def refusal(network: Network, url: str = DOCUMENT.url, *allowed: str) -> str:
    with pytest.raises(DocumentRefused) as refused:
        await network.documents(*allowed).fetch(replace(DOCUMENT, url=url))
    return refused.value.code


async def test_a_file_is_fetched_from_the_address_that_was_judged() -> None:
    network = a_network()

    assert await network.documents().fetch(DOCUMENT) == FILE
    [call] = network.calls
    assert (call.url.host, call.headers["host"]) == (PUBLIC, "files.example")
    assert call.extensions["sni_hostname"] == "files.example"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:127.0.0.1",
    ],
)
async def test_an_address_of_ours_is_never_called(address: str) -> None:
    network = a_network(addresses=[address])

    assert await refusal(network) == "document_forbidden"
    assert network.calls == []


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    assert await refusal(a_network(addresses=[PUBLIC, "10.0.0.1"])) == "document_forbidden"


async def test_an_origin_of_ours_may_lie_anywhere_and_its_neighbour_port_may_not() -> None:
    network = a_network(addresses=["127.0.0.1"])

    assert await network.documents("http://127.0.0.1:9000").fetch(replace(DOCUMENT, url="http://127.0.0.1:9000/1.pdf"))
    assert await refusal(network, "http://127.0.0.1:9001/1.pdf", "http://127.0.0.1:9000") == "document_forbidden"


async def test_a_redirect_is_refused() -> None:
    assert await refusal(a_network(302, location="http://169.254.169.254/")) == "document_forbidden"


@pytest.mark.parametrize(
    "url", ["ftp://files.example/1.pdf", "file:///etc/passwd", "http://", "http://files.example:port/"]
)
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    assert await refusal(a_network(), url) == "document_forbidden"


async def test_another_content_than_announced_is_refused() -> None:
    assert await refusal(a_network(content=b"something else")) == "document_changed"


async def test_a_file_above_the_limit_is_refused() -> None:
    large = b"x" * 1001
    document = replace(DOCUMENT, sha256=hashlib.sha256(large).hexdigest())

    with pytest.raises(DocumentRefused, match="document_too_large"):
        await a_network(content=large).documents().fetch(document)


async def test_a_file_that_is_gone_is_refused() -> None:
    assert await refusal(a_network(404)) == "document_missing"


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_place_that_has_trouble_is_asked_again_later(status: int) -> None:
    with pytest.raises(DocumentUnavailable):
        await a_network(status).documents().fetch(DOCUMENT)


async def test_a_name_that_does_not_resolve_is_asked_again_later() -> None:
    with pytest.raises(DocumentUnavailable, match="unresolved"):
        await a_network(addresses=[]).documents().fetch(DOCUMENT)


async def test_a_connection_that_breaks_is_asked_again_later() -> None:
    def broken(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    with pytest.raises(DocumentUnavailable):
        await Network(broken, [PUBLIC]).documents().fetch(DOCUMENT)
