"""A TCP proxy that is told to be bad: slow, silent, half-open, or gone, for those behind it alone.

It forwards each connection to `target` and obeys from then on: what is set holds for open connections and new ones.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from enum import Enum
from typing import Final, Self


class Cut(Enum):
    """When a connection is cut: before the chunk that was looked at reaches the server, or right after."""

    BEFORE = "before"
    AFTER = "after"


Inspect = Callable[[bytes], Cut | None]
"""Looks at each chunk on its way to the server, and may have that connection cut."""

_CHUNK, _FORWARDED_SECONDS = 65536, 0.05
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER of no time: close() sends RST


class Proxy:
    """Start it with `Proxy.start`. Each method takes effect at once, or on the next chunk."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._open: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self.delay_seconds = 0.0  # of each chunk in each direction
        self.cut_after_bytes: int | None = None  # towards the server, counted per connection, from its beginning
        self.inspect: Inspect | None = None
        self.forward_to_server, self.forward_to_client = asyncio.Event(), asyncio.Event()
        self.forward_to_server.set()
        self.forward_to_client.set()
        self.cuts = 0  # how many connections `inspect` or `cut_after_bytes` ended

    @classmethod
    async def start(cls, target: tuple[str, int], port: int = 0) -> Self:
        proxy = cls(target)
        await proxy.listen(port)
        return proxy

    @property
    def port(self) -> int:
        return self._port

    async def listen(self, port: int = 0) -> None:
        """Take connections, again after `refuse`."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", port or getattr(self, "_port", 0))
        self._port: int = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Take no new connection; the open ones stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def stall(self) -> None:
        """Connections stay open and nothing passes, either way."""
        self.forward_to_server.clear()
        self.forward_to_client.clear()

    def half_open(self) -> None:
        """What clients send arrives; no answer ever comes back."""
        self.forward_to_client.clear()

    def flow(self) -> None:
        """Everything passes again, what waited first."""
        self.forward_to_server.set()
        self.forward_to_client.set()

    def reset(self) -> int:
        """Cut every open connection with RST on both sides, and tell how many there were."""
        connections = list(self._open)
        for connection in connections:
            connection.cut()
        return len(connections)

    async def close(self) -> None:
        await self.refuse()
        self.reset()
        self.flow()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to_server = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(writer)
            return
        connection = Connection(self, (reader, writer), to_server)
        self._open.add(connection)
        try:
            await connection.run()
        finally:
            self._open.discard(connection)


class Connection:
    """One client's, with the server's end of it."""

    def __init__(
        self,
        proxy: Proxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._sent = 0

    async def run(self) -> None:
        ways = [
            asyncio.create_task(self._forward(self._client[0], self._server[1], to_server=True)),
            asyncio.create_task(self._forward(self._server[0], self._client[1], to_server=False)),
        ]
        self._ways = ways
        await asyncio.wait(ways)
        for writer in (self._client[1], self._server[1]):
            writer.close()

    def cut(self) -> None:
        """RST to both, and nothing more is forwarded."""
        for writer in (self._client[1], self._server[1]):
            _reset(writer)
        for way in self._ways:
            way.cancel()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_server: bool) -> None:
        may_pass = self._proxy.forward_to_server if to_server else self._proxy.forward_to_client
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if self._proxy.delay_seconds:
                    await asyncio.sleep(self._proxy.delay_seconds)
                await may_pass.wait()
                if to_server and await self._is_cut_after(chunk, writer):
                    return
                writer.write(chunk)
                await writer.drain()
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _is_cut_after(self, chunk: bytes, writer: asyncio.StreamWriter) -> bool:
        limit = self._proxy.cut_after_bytes
        cut = self._proxy.inspect(chunk) if self._proxy.inspect else None
        allowed = 0 if cut is Cut.BEFORE else len(chunk) if limit is None else max(0, limit - self._sent)
        is_over = cut is not None or allowed < len(chunk)
        self._sent += len(chunk)
        if is_over:
            self._proxy.cuts += 1
            # The client is cut first, so that no answer reaches it; the server reads what was sent, then our FIN.
            _reset(self._client[1])
            writer.write(chunk[:allowed])
            await writer.drain()
            await asyncio.sleep(_FORWARDED_SECONDS)
            self._ways[1].cancel()
        return is_over


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
