"""Serving over uvicorn, with the one thing an ASGI application cannot do: end a connection without an answer."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION = "simulator.connection"


class CuttableProtocol(HttpToolsProtocol):
    """uvicorn's protocol, handing the transport to the application."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"transport": self.transport}}


class ConnectionCut(Response):
    """Closes the TCP connection at once: the client learns nothing of what happened."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - part of ASGI
        scope["extensions"][EXTENSION]["transport"].abort()
        # uvicorn answers 500 for an application that returns before it knows that the connection is gone.
        while (await receive())["type"] != "http.disconnect":
            pass


def config(app: object, *, host: str, port: int) -> Config:
    """No access log: the journal is one, and queries of login pages hold codes."""
    return Config(
        app,  # type: ignore[arg-type]
        host=host,
        port=port,
        http=CuttableProtocol,
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )
