"""The real clients and a real SMTP server; the other two systems are played by a few lines each."""

import asyncio
import email
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import Message
from typing import Any

import httpx2
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from build_notifier_svc import NOON, a_connection, a_notice
from joserfc.jwk import OKPKey

from chassis import leases
from chassis.database import Database
from chassis.service_tokens import Gate, ServiceSigner
from chassis.testing import FrozenClock
from notifier_svc.clients import ConnectionService, IdentitySystem
from notifier_svc.domain.notices import FIRST_PAUSE, MOST_ATTEMPTS, Stage
from notifier_svc.mail import Mailer
from notifier_svc.store import connections, notices
from notifier_svc.work.send_mail import MailRoom

KEY = OKPKey.generate_key("Ed25519")
ANNA = {
    "user_id": "usr_anna",
    "name": "Anna",
    "email": "anna@demo.example",
    "time_zone": "Europe/London",
    "locale": "en",
}
LINK = {"url": "https://relink.example/r/s3cret", "expires_at": "2027-11-19T12:00:00Z"}


@dataclass
class MailBox:
    """An SMTP server that answers with `says` and keeps what it took."""

    port: int = 0
    says: str = "250 OK"
    mails: list[Message] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        if self.says.startswith("250"):
            self.mails.append(email.message_from_bytes(envelope.content or b""))
        return self.says


@dataclass
class Others:
    """The identity system and connection-svc."""

    person: httpx2.Response = field(default_factory=lambda: httpx2.Response(200, json=ANNA))
    link: httpx2.Response = field(default_factory=lambda: httpx2.Response(201, json=LINK))
    asked: list[httpx2.Request] = field(default_factory=list)
    before_link: Callable[[], Any] | None = None

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if request.url.host == "identity":
            return self.person
        if self.before_link:
            await self.before_link()
        return self.link


@pytest.fixture
async def mail_box() -> AsyncIterator[MailBox]:
    box = MailBox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(box), "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    yield box
    server.close()


@pytest.fixture
def others() -> Others:
    return Others()


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
async def room(database: Database, mail_box: MailBox, others: Others, clock: FrozenClock) -> AsyncIterator[MailRoom]:
    """A mail room with one mail that is due."""
    async with database.transaction() as tx:
        await connections.remember(tx, a_connection(), 1)
        await notices.add(tx, a_notice())
    signer = ServiceSigner("notifier-svc", json.dumps(KEY.as_dict(private=True)))
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(others.answer)) as http:
        yield MailRoom(
            database=database,
            clock=clock,
            people=IdentitySystem("http://identity", http),
            connection_svc=ConnectionService("http://connection-svc", http, signer),
            mailer=Mailer("127.0.0.1", mail_box.port, "Relink <relink@product.example>"),
            holder="a test",
            lease_time=timedelta(minutes=2),
        )


async def state(database: Database) -> tuple[str, list[dict[str, Any]]]:
    """The notice's state, and what was said about it."""
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT type, payload FROM outbox ORDER BY id")
        said = [{"type": row["type"], **json.loads(row["payload"])} for row in rows]
        return await connection.fetchval("SELECT state FROM notices"), said


async def test_a_mail_that_is_due_goes_out_once_with_the_link(room: MailRoom, mail_box: MailBox) -> None:
    assert await room.send_next() is True
    assert await room.send_next() is False

    (mail,) = mail_box.mails
    assert (mail["To"], mail["Subject"]) == ("anna@demo.example", "Xero has disconnected")
    assert (mail["Message-ID"], mail["X-Relink-Stage"]) == ("<ntc_1@product.example>", "expired")
    texts = [part.get_payload(decode=True).decode() for part in mail.walk() if not part.is_multipart()]
    assert all(LINK["url"] in text for text in texts)
    assert len(texts) == 2


async def test_what_was_sent_is_said_without_address_name_or_link(room: MailRoom, database: Database) -> None:
    await room.send_next()

    sent, (said,) = await state(database)
    assert sent == "sent"
    assert (said["type"], said["recipient_user_id"], said["channel"], said["stage"], said["about"]) == (
        "relink.notification.sent.v1",
        "usr_anna",
        "mail",
        "expired",
        "con_1",
    )
    assert "demo.example" not in str(said)
    assert "s3cret" not in str(said)


async def test_connection_svc_is_asked_as_a_service_for_this_business(room: MailRoom, others: Others) -> None:
    await room.send_next()

    asked = others.asked[-1]
    assert asked.url.path == "/internal/reconnect-cases/rec_1/links"
    gate = Gate("connection-svc", {"notifier-svc": KEY.as_dict(private=False)})
    caller = await gate.caller(asked.headers["authorization"])
    assert (caller.service, caller.business_id, caller.role) == ("notifier-svc", "biz_demo", "service")


async def test_a_mail_to_somebody_who_was_asked_brings_a_link_of_the_lifetime_that_was_wanted(
    room: MailRoom, database: Database, others: Others, mail_box: MailBox
) -> None:
    asked = a_notice(notice_id="ntc_2", stage=Stage.ASKED, asked_by="usr_ben", link_lifetime_seconds=3600)
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM notices")
        await notices.add(tx, asked)

    await room.send_next()

    assert [mail["Subject"] for mail in mail_box.mails] == ["Anna asks you to reconnect Xero"]
    assert [request.url.path for request in others.asked] == [
        "/identity/v1/users/usr_anna",
        "/identity/v1/users/usr_ben",
        "/internal/connections/con_1/reconnect-links",
    ]
    assert json.loads(others.asked[-1].content) == {"ttl_seconds": 3600, "asked_by": "usr_ben"}


@pytest.mark.parametrize(
    "repaired", [{"lifecycle": "active", "generation": 2}, {"lifecycle": "disconnected"}, {"lifecycle": "replaced"}]
)
async def test_a_mail_whose_connection_was_repaired_before_is_withdrawn_and_asks_for_no_link(
    room: MailRoom,
    database: Database,
    others: Others,
    mail_box: MailBox,
    repaired: dict[str, Any],
) -> None:
    async with database.transaction() as tx:
        await connections.remember(tx, a_connection(**repaired), 2)

    await room.send_next()

    assert await state(database) == ("withdrawn", [])
    assert (mail_box.mails, others.asked) == ([], [])


async def test_a_mail_whose_case_is_closed_already_is_withdrawn(
    room: MailRoom, database: Database, others: Others, mail_box: MailBox
) -> None:
    others.link = httpx2.Response(404)

    await room.send_next()

    assert await state(database) == ("withdrawn", [])
    assert mail_box.mails == []


async def test_somebody_whom_the_identity_system_does_not_know_cannot_be_told(
    room: MailRoom, database: Database, others: Others
) -> None:
    others.person = httpx2.Response(404)

    await room.send_next()

    failed, (said,) = await state(database)
    assert (failed, said["type"], said["code"]) == ("failed", "relink.notification.failed.v1", "recipient_unknown")


@pytest.mark.parametrize(
    "trouble",
    [
        {"person": httpx2.Response(503)},
        {"person": httpx2.Response(200, json={"name": "Anna"})},
        {"link": httpx2.Response(500)},
        {"link": httpx2.Response(401)},
    ],
)
async def test_a_mail_waits_while_another_system_gives_no_answer(
    room: MailRoom, database: Database, others: Others, trouble: dict[str, httpx2.Response]
) -> None:
    vars(others).update(trouble)

    await room.send_next()

    assert await state(database) == ("due", [])
    assert await room.send_next() is False


async def test_a_mail_that_waited_goes_out_after_its_pause(
    room: MailRoom, others: Others, clock: FrozenClock, mail_box: MailBox
) -> None:
    others.link = httpx2.Response(500)
    await room.send_next()

    others.link = httpx2.Response(201, json=LINK)
    clock.advance(FIRST_PAUSE)
    await room.send_next()

    assert len(mail_box.mails) == 1


async def test_a_mail_waits_while_the_server_asks_to_come_again(
    room: MailRoom, database: Database, mail_box: MailBox
) -> None:
    mail_box.says = "451 later"

    await room.send_next()

    assert await state(database) == ("due", [])


async def test_a_mail_waits_while_there_is_no_server(room: MailRoom, database: Database, unused_tcp_port: int) -> None:
    room = MailRoom(**{**vars(room), "mailer": Mailer("127.0.0.1", unused_tcp_port, "relink@product.example")})

    await room.send_next()

    assert await state(database) == ("due", [])


async def test_a_mail_that_the_server_refuses_has_failed(room: MailRoom, database: Database, mail_box: MailBox) -> None:
    mail_box.says = "554 never"

    await room.send_next()

    failed, (said,) = await state(database)
    assert (failed, said["code"]) == ("failed", "smtp_554")


async def test_a_mail_that_waited_too_long_has_failed(
    room: MailRoom, database: Database, others: Others, clock: FrozenClock
) -> None:
    others.link = httpx2.Response(500)
    for _ in range(MOST_ATTEMPTS):
        assert await room.send_next() is True
        clock.advance(timedelta(hours=1))

    failed, (said,) = await state(database)
    assert (failed, said["code"]) == ("failed", "unavailable_too_long")
    assert await room.send_next() is False


async def test_a_mail_in_another_processes_hands_is_left_alone(room: MailRoom, database: Database) -> None:
    await leases.acquire(database, "notice:ntc_1", "another process", timedelta(minutes=1))

    assert await room.send_next() is False


async def test_whoever_lost_the_lease_while_sending_records_nothing(
    room: MailRoom, database: Database, others: Others, mail_box: MailBox
) -> None:
    async def another_takes_over() -> None:
        async with database.acquire() as connection:
            await connection.execute("UPDATE leases SET until = clock_timestamp()")
        await leases.acquire(database, "notice:ntc_1", "another process", timedelta(minutes=1))

    others.before_link = another_takes_over

    await room.send_next()

    assert await state(database) == ("due", [])
    assert len(mail_box.mails) == 1
