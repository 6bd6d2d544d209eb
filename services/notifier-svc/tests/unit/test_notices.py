from datetime import timedelta
from itertools import count

import pytest
from build_notifier_svc import NOON, a_cause, a_connection, a_notice

from notifier_svc.domain.notices import MOST_ATTEMPTS, Channel, Connection, Member, Stage, State, tell, tried


@pytest.mark.parametrize(
    ("member", "is_told"),
    [
        (Member("usr_anna", ("admin", "publisher"), linked_accountant=False), True),
        (Member("usr_ben", ("member",), linked_accountant=False), False),
        (Member("usr_carla", ("accountant",), linked_accountant=False), False),
        (Member("usr_carla", ("accountant",), linked_accountant=True), True),
    ],
)
def test_administrators_and_the_linked_accountant_are_told(member: Member, *, is_told: bool) -> None:
    assert member.is_told is is_told


def test_an_expiry_is_told_in_the_product_and_by_mail_to_each() -> None:
    number = count(1)

    told = tell(a_cause(), ["usr_anna", "usr_carla"], now=NOON, new_id=lambda: f"ntc_{next(number)}")

    assert [(notice.recipient, notice.channel, notice.state) for notice in told] == [
        ("usr_anna", Channel.IN_APP, State.SENT),
        ("usr_anna", Channel.MAIL, State.DUE),
        ("usr_carla", Channel.IN_APP, State.SENT),
        ("usr_carla", Channel.MAIL, State.DUE),
    ]
    assert len({notice.notice_id for notice in told}) == 4


def test_a_repair_is_told_in_the_product_only() -> None:
    told = tell(a_cause(stage=Stage.REPAIRED), ["usr_anna"], now=NOON, new_id=lambda: "ntc_1")

    assert [notice.channel for notice in told] == [Channel.IN_APP]


@pytest.mark.parametrize("lifecycle", ["expired", "revoked"])
def test_an_expiry_is_worth_telling_while_the_same_consent_is_over(lifecycle: str) -> None:
    assert a_notice().is_still_true(a_connection(lifecycle=lifecycle))


@pytest.mark.parametrize(
    "now",
    [
        None,
        a_connection(lifecycle="active", generation=2),
        a_connection(lifecycle="expired", generation=2),
        a_connection(lifecycle="replaced"),
        a_connection(lifecycle="disconnected"),
    ],
    ids=["gone", "repaired", "expired anew", "replaced", "given up"],
)
def test_an_expiry_is_not_worth_telling_once_the_connection_is(now: object) -> None:
    assert not a_notice().is_still_true(now)


def test_a_repair_is_worth_telling_though_the_connection_expired_again() -> None:
    assert a_notice(stage=Stage.REPAIRED).is_still_true(a_connection(lifecycle="expired", generation=2))


def test_a_mail_that_could_not_be_sent_is_due_again_after_pauses_that_double_up_to_an_hour() -> None:
    notice, pauses = a_notice(), []
    for _ in range(9):
        notice = tried(notice, now=NOON)
        pauses.append((notice.next_attempt_at - NOON) / timedelta(seconds=1))

    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert notice.state is State.DUE


def test_a_mail_that_could_not_be_sent_for_a_day_has_failed() -> None:
    notice, waited = a_notice(), timedelta()
    while notice.state is State.DUE:
        waited += notice.next_attempt_at - NOON
        notice = tried(notice, now=NOON)

    assert notice.state is State.FAILED
    assert notice.attempts == MOST_ATTEMPTS
    assert timedelta(hours=20) < waited < timedelta(hours=30)


@pytest.mark.parametrize(
    ("connection", "is_true"),
    [
        (a_connection(), True),
        (a_connection(lifecycle="active"), True),
        (a_connection(lifecycle="active", generation=2), False),
        (a_connection(lifecycle="disconnected"), False),
    ],
    ids=["broken", "still working", "reconnected", "given up"],
)
def test_who_was_asked_to_reconnect_is_told_until_somebody_has(connection: Connection, *, is_true: bool) -> None:
    assert a_notice(stage=Stage.ASKED).is_still_true(connection) is is_true


@pytest.mark.parametrize("stage", [Stage.REMINDER_3, Stage.REMINDER_7, Stage.REMINDER_AFTER_SNOOZE])
def test_nobody_is_reminded_of_what_works_again(stage: Stage) -> None:
    assert not a_notice(stage=stage).is_still_true(a_connection(lifecycle="active", generation=2))
