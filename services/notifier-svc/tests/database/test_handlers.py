"""Each handler gets each event twice, as Kafka may deliver it."""

from dataclasses import replace
from typing import Any

import pytest

from chassis.consume import NotYetKnown
from chassis.database import Tx
from chassis.testing import twice
from notifier_svc.handlers import HANDLERS
from notifier_svc.handlers.on_memberships import on_memberships
from notifier_svc.store import connections, members
from relink_contracts.envelope import EventData, Received
from relink_contracts.events import (
    ConnectionDisconnected,
    ConnectionEstablished,
    ConnectionExpired,
    ConnectionReconnected,
    ConnectionState,
    Membership,
    ReconnectAsked,
    ReconnectRequested,
)
from relink_contracts.testing import received, received_tombstone

ANNA = received(Membership, 1, roles=("admin",))
BEN = received(Membership, 1, user_id="usr_ben", roles=("member",))
CARLA = received(Membership, 1, user_id="usr_carla", roles=("accountant",))
CONNECTED = received(ConnectionState, 1)
EXPIRED = received(ConnectionExpired, 2)
OPENED = received(ReconnectRequested, 3)
REPAIRED = received(ConnectionReconnected, 4)


async def hear(tx: Tx, *events: Received[EventData]) -> None:
    for event in events:
        for handler in HANDLERS:
            if event.type == handler.event.TYPE:
                await twice(handler, event, tx, consumer="notifier-svc")


async def notices(tx: Tx) -> list[tuple[Any, ...]]:
    rows = await tx.fetch("SELECT stage, recipient, channel, state FROM notices ORDER BY notice_id")
    return [tuple(row) for row in rows]


async def said(tx: Tx) -> list[tuple[str, str]]:
    rows = await tx.fetch("SELECT type, headers ->> 'ce_correlationid' AS flow FROM outbox ORDER BY id")
    return [tuple(row) for row in rows]


async def test_an_expiry_gives_the_administrator_one_notice_and_one_mail(tx: Tx) -> None:
    await hear(tx, ANNA, BEN, CARLA, CONNECTED, EXPIRED, OPENED)

    assert await notices(tx) == [
        ("expired", "usr_anna", "in_app", "sent"),
        ("expired", "usr_anna", "mail", "due"),
    ]
    assert await said(tx) == [("relink.notification.sent.v1", OPENED.correlation_id)]


async def test_a_linked_accountant_is_told_too(tx: Tx) -> None:
    linked = received(Membership, 2, user_id="usr_carla", roles=("accountant",), linked_accountant=True)

    await hear(tx, ANNA, CARLA, linked, CONNECTED, OPENED)

    assert {recipient for _, recipient, _, _ in await notices(tx)} == {"usr_anna", "usr_carla"}


async def test_somebody_who_left_is_told_nothing(tx: Tx) -> None:
    await hear(tx, ANNA, BEN, received_tombstone(Membership, "biz_demo/usr_anna", 2), CONNECTED, OPENED)

    assert await notices(tx) == []


async def test_memberships_of_one_poll_end_as_if_they_had_come_one_by_one(tx: Tx) -> None:
    back = received(Membership, 3, user_id="usr_ben", roles=("admin",))
    poll = [ANNA, BEN, received_tombstone(Membership, "biz_demo/usr_ben", 2), back, CARLA]
    poll += [received_tombstone(Membership, "biz_demo/usr_carla", 2)]

    await on_memberships(poll, tx)
    await on_memberships(poll, tx)

    found = [(member.user_id, member.roles) for member in await members.of_business(tx, "biz_demo")]
    assert found == [("usr_anna", ("admin",)), ("usr_ben", ("admin",))]


async def test_a_membership_older_than_the_last_one_seen_changes_nothing(tx: Tx) -> None:
    await hear(tx, received_tombstone(Membership, "biz_demo/usr_anna", 2), ANNA)

    assert await members.of_business(tx, "biz_demo") == []


async def test_the_same_expiry_said_by_another_event_tells_nobody_again(tx: Tx) -> None:
    await hear(tx, ANNA, CONNECTED, OPENED, received(ReconnectRequested, 4))

    assert len(await notices(tx)) == 2


@pytest.mark.parametrize(
    ("said", "stage"),
    [
        ("reminder_3_days", "reminder_3"),
        ("reminder_7_days", "reminder_7"),
        ("reminder_after_snooze", "reminder_after_snooze"),
    ],
)
async def test_a_reminder_is_one_mail_to_each_who_can_repair_it(tx: Tx, said: str, stage: str) -> None:
    await hear(tx, ANNA, BEN, CONNECTED, EXPIRED, received(ReconnectRequested, 4, stage=said))

    assert await notices(tx) == [(stage, "usr_anna", "mail", "due")]


async def test_a_stage_that_nobody_here_knows_tells_nobody(tx: Tx) -> None:
    unknown = received(ReconnectRequested, 4)
    assert unknown.data is not None
    later = replace(unknown, data=unknown.data.model_copy(update={"stage": "reminder_30_days"}))

    await hear(tx, ANNA, CONNECTED, EXPIRED, later)

    assert await notices(tx) == []


async def test_whoever_is_asked_gets_a_notice_and_a_mail_and_nobody_else(tx: Tx) -> None:
    asked = received(ReconnectAsked, 4, lifecycle="expired", recipient_user_ids=("usr_anna",), asked_by="usr_ben")

    await hear(tx, ANNA, BEN, CONNECTED, EXPIRED, asked)

    assert await notices(tx) == [("asked", "usr_anna", "in_app", "sent"), ("asked", "usr_anna", "mail", "due")]
    row = await tx.fetchrow("SELECT asked_by, link_lifetime_seconds FROM notices WHERE channel = 'mail'")
    assert row is not None
    assert tuple(row) == ("usr_ben", 604_800)


async def test_asked_again_after_the_mail_went_out_is_told_again_in_place_of_the_first(tx: Tx) -> None:
    first = received(ReconnectAsked, 4, recipient_user_ids=("usr_anna",))
    await hear(tx, ANNA, CONNECTED, first)
    await tx.execute("UPDATE notices SET state = 'sent', read_at = now()")
    before = {row["notice_id"] for row in await tx.fetch("SELECT notice_id FROM notices")}

    await hear(tx, received(ReconnectAsked, 5, recipient_user_ids=("usr_anna",)))

    assert await notices(tx) == [("asked", "usr_anna", "in_app", "sent"), ("asked", "usr_anna", "mail", "due")]
    rows = await tx.fetch("SELECT notice_id, read_at FROM notices")
    assert before.isdisjoint(row["notice_id"] for row in rows)
    assert {row["read_at"] for row in rows} == {None}


async def test_asked_again_before_the_mail_went_out_is_one_mail(tx: Tx) -> None:
    await hear(tx, ANNA, CONNECTED, received(ReconnectAsked, 4, recipient_user_ids=("usr_anna",)))
    due = await tx.fetchval("SELECT notice_id FROM notices WHERE channel = 'mail'")

    await hear(tx, received(ReconnectAsked, 5, recipient_user_ids=("usr_anna",)))

    assert await tx.fetchval("SELECT notice_id FROM notices WHERE channel = 'mail'") == due


async def test_the_next_expiry_of_the_connection_is_told_again(tx: Tx) -> None:
    again = received(ReconnectRequested, 6, generation=2)

    await hear(tx, ANNA, CONNECTED, OPENED, REPAIRED, again)

    assert [stage for stage, _, _, _ in await notices(tx)] == ["expired"] * 2 + ["repaired"] + ["expired"] * 2


async def test_an_expiry_heard_after_its_repair_tells_nobody(tx: Tx) -> None:
    await hear(tx, ANNA, CONNECTED, REPAIRED, OPENED)

    assert await notices(tx) == []


async def test_a_repair_is_told_to_those_who_were_told_of_the_expiry(tx: Tx) -> None:
    await hear(tx, ANNA, BEN, CONNECTED, OPENED, REPAIRED)

    assert (await notices(tx))[2:] == [("repaired", "usr_anna", "in_app", "sent")]


async def test_a_reconnect_before_the_expiry_tells_nobody(tx: Tx) -> None:
    await hear(tx, ANNA, CONNECTED, received(ConnectionReconnected, 2, was="expiring"))

    assert await notices(tx) == []


@pytest.mark.parametrize("known", [[ANNA], [ANNA, EXPIRED], [CONNECTED, EXPIRED]])
async def test_an_expiry_of_what_nobody_has_told_us_about_is_asked_for_again(
    tx: Tx, known: list[Received[EventData]]
) -> None:
    await hear(tx, *known)

    with pytest.raises(NotYetKnown):
        await hear(tx, OPENED)


async def test_a_repair_of_a_connection_unknown_here_is_asked_for_again(tx: Tx) -> None:
    reacting = [handler for handler in HANDLERS if handler.event is ConnectionReconnected and handler.once]

    with pytest.raises(NotYetKnown):
        await twice(reacting[0], REPAIRED, tx)


async def test_a_connection_keeps_its_name_though_a_later_event_came_first(tx: Tx) -> None:
    await hear(tx, EXPIRED, received(ConnectionState, 1))

    connection = await connections.get(tx, "con_1", "biz_demo")
    assert connection is not None
    assert (connection.lifecycle, connection.provider) == ("expired", "xero")
    assert connection.organisation_name == "Demo Trading Ltd"


async def test_a_name_older_than_the_last_one_said_changes_nothing(tx: Tx) -> None:
    await hear(tx, received(ConnectionState, 4, organisation_name="New Name Ltd"), received(ConnectionEstablished, 3))

    connection = await connections.get(tx, "con_1", "biz_demo")
    assert connection is not None
    assert connection.organisation_name == "New Name Ltd"


async def test_a_connection_is_known_from_its_first_event_too(tx: Tx) -> None:
    await hear(tx, received(ConnectionEstablished, 1), received(ConnectionDisconnected, 2, lifecycle="disconnected"))

    connection = await connections.get(tx, "con_1", "biz_demo")
    assert connection is not None
    assert (connection.lifecycle, connection.provider) == ("disconnected", "xero")


async def test_a_connection_whose_tombstone_came_is_gone(tx: Tx) -> None:
    await hear(tx, CONNECTED, received_tombstone(ConnectionState, "con_1", 9), EXPIRED)

    assert await connections.get(tx, "con_1", "biz_demo") is None
