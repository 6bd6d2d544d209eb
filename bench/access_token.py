"""How fast one process hands out access tokens that live, beside the least that an endpoint with a query can be.

- ours: `POST /internal/connections/{id}/access-token` of connection-svc's API, one process: the caller's service token
  is verified, connection and grant are read, its tokens are opened. No provider is called, and no permit asked for.
- theirs: `bench.bare_endpoint`: FastAPI, an asyncpg pool and one SELECT of that connection's row, under uvicorn.

Sixteen connections that are kept open send the same request again as soon as it is answered, written and read by hand:
the client takes what it can of the second core, and no more.
"""

import asyncio
import time
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from bench.connections import BUSINESS, Connections, connection_svc
from bench.ground import Ground
from bench.runner import ROUNDS, AtLeast, Case, interleaved
from devstack.ports import free_port

AT_ONCE: Final = 16
SECONDS, SECONDS_SMALL = 8.0, 2.0


async def run(ground: Ground, *, small: bool) -> list[Case]:
    seconds, rounds = (SECONDS_SMALL, 3) if small else (SECONDS, ROUNDS)
    port = free_port()
    async with connection_svc(ground) as service:
        connection_id = await service.connect()
        async with ground.process("bench.bare_endpoint", service.database_url, str(port)):
            bare = partial(rate, f"http://127.0.0.1:{port}/connections/{connection_id}", "", seconds)
            handed_out = partial(_handed_out, service, connection_id, seconds)
            ours, theirs = await interleaved(handed_out, bare, rounds=rounds)
    cases = [Case("beside a bare endpoint with one SELECT", "requests/s", ours, theirs, AtLeast(0.3))]
    return cases if small else [*cases, Case("tokens handed out", "requests/s", ours, [], AtLeast(500))]


async def _handed_out(service: Connections, connection_id: str, seconds: float) -> float:
    token = service.signer_of("publish-svc").token("connection-svc", "publish-svc", BUSINESS, "service")
    return await rate(f"{service.url}/internal/connections/{connection_id}/access-token", token, seconds)


async def rate(url: str, token: str, seconds: float) -> float:
    """Requests answered with 200 in a second. Any other answer is an error of the benchmark."""
    place, body = urlsplit(url), b'{"class":"publish"}'
    head = (
        f"POST {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    ends_at = time.perf_counter() + seconds
    answered = await asyncio.gather(
        *(_repeated(place.port or 80, head.encode() + body, ends_at) for _ in range(AT_ONCE))
    )
    return sum(answered) / seconds


async def _repeated(port: int, request: bytes, ends_at: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    while time.perf_counter() < ends_at:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200"), head
        await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        answered += 1
    writer.close()
    return answered
