"""An SMTP server that delivers nothing: each mail becomes one `.eml` file. `python -m devstack.mailcatcher`.

What it confirmed is on disk; a mail that was sent twice is there twice.
"""

import argparse
import asyncio
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from devstack.home import write_whole


@dataclass(frozen=True)
class Catcher:
    """The hooks that aiosmtpd calls."""

    directory: Path

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """Write the mail under the moment of its arrival, so that names sort by time."""
        write_whole(self.directory / f"{time.time_ns()}.eml", envelope.content or b"")
        return "250 Kept"


def caught(directory: Path) -> Iterator[EmailMessage]:
    """Every mail so far, the oldest first."""
    for file in sorted(directory.glob("*.eml")):
        message = message_from_bytes(file.read_bytes(), policy=policy.default)
        if isinstance(message, EmailMessage):
            yield message


async def listen(host: str, port: int, directory: Path) -> asyncio.Server:
    """Take mail from now on, until the server is closed."""

    def session() -> SMTP:
        return SMTP(Catcher(directory), hostname="mailcatcher", enable_SMTPUTF8=True)

    return await asyncio.get_running_loop().create_server(session, host, port)


async def serve(host: str, port: int, directory: Path) -> None:
    """Take mail until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopped.set)
    async with await listen(host, port, directory):
        await stopped.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="catch mail into files")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.host, arguments.port, arguments.directory))


if __name__ == "__main__":
    main()
