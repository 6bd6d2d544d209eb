"""Mail sent over SMTP lies in the folder, in the order of its arrival."""

import asyncio
import smtplib
from email.message import EmailMessage
from pathlib import Path

from devstack.mailcatcher import caught, listen


def mail(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "relink@demo.example", "anna@demo.example", subject
    message.set_content("Grüße")
    return message


def send(port: int, *messages: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as connection:
        for message in messages:
            connection.send_message(message)


async def test_each_mail_is_kept_in_order(tmp_path: Path) -> None:
    async with await listen("127.0.0.1", 0, tmp_path) as server:
        port = server.sockets[0].getsockname()[1]
        await asyncio.to_thread(send, port, mail("first"), mail("second"))

    assert [message["Subject"] for message in caught(tmp_path)] == ["first", "second"]
    assert all(message.get_content().split() == ["Grüße"] for message in caught(tmp_path))
