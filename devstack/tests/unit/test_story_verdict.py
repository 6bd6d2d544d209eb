"""What the story of the reconnects calls a round, lost, a second case and a wrong organisation."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from devstack.story.verdict import History, KeptCase, KeptConnection, TokenSeen, Verdict, judge
from relink_contracts.envelope import EventData, Received
from relink_contracts.events import (
    ConnectionChanged,
    ConnectionEstablished,
    ConnectionExpired,
    ConnectionReconnected,
    ConnectionState,
    ReconnectCompleted,
    ReconnectRequested,
)
from relink_contracts.testing import received

Plant = Callable[[History], History]

REPAIRED = KeptConnection("con_1", "active", 2, "org_1")
BROKEN = KeptConnection("con_2", "revoked", 1, "org_2")


def a_history() -> History:
    """One connection whose consent ended and was given again, and one that is being repaired."""
    return History(
        organisations={"con_1": "org_1", "con_2": "org_2"},
        events=[
            said(ConnectionEstablished, 1, "con_1", 1, organisation_id="org_1"),
            said(ConnectionState, 1, "con_1", 1, lifecycle="active", organisation_id="org_1"),
            said(ConnectionExpired, 2, "con_1", 1),
            said(ReconnectRequested, 3, "con_1", 1, reconnect_id="rec_1"),
            said(ConnectionState, 2, "con_1", 1, lifecycle="expired", organisation_id="org_1"),
            said(ConnectionReconnected, 4, "con_1", 2, organisation_id="org_1"),
            said(ReconnectCompleted, 5, "con_1", 2, reconnect_id="rec_1", outcome="reconnected"),
            said(ConnectionState, 3, "con_1", 2, lifecycle="active", organisation_id="org_1"),
            said(ConnectionEstablished, 1, "con_2", 1, organisation_id="org_2"),
            said(ConnectionExpired, 2, "con_2", 1),
            said(ReconnectRequested, 3, "con_2", 1, reconnect_id="rec_2"),
            said(ConnectionState, 1, "con_2", 1, lifecycle="revoked", organisation_id="org_2"),
        ],
        connections=[REPAIRED, BROKEN],
        cases=[KeptCase("rec_1", "con_1", 1, is_open=False), KeptCase("rec_2", "con_2", 1, is_open=True)],
        tokens=[TokenSeen("con_1", 2, ("org_1", "org_9"))],
    )


def said(
    event: type[EventData], sequence: int, connection_id: str, generation: int, **changes: Any
) -> Received[EventData]:
    return received(event, sequence, connection_id=connection_id, generation=generation, **changes)


def without(event: type[EventData], connection_id: str) -> Plant:
    def plant(history: History) -> History:
        kept = [one for one in history.events if type(one.data) is not event or one.data.connection_id != connection_id]
        return replace(history, events=kept)

    return plant


def besides(event: type[EventData], sequence: int, connection_id: str, generation: int, **changes: Any) -> Plant:
    more = said(event, sequence, connection_id, generation, **changes)
    return lambda history: replace(history, events=[*history.events, more])


def with_connections(*connections: KeptConnection) -> Plant:
    return lambda history: replace(history, connections=connections)


def with_cases(*cases: KeptCase) -> Plant:
    return lambda history: replace(history, cases=cases)


def with_token(token: TokenSeen) -> Plant:
    return lambda history: replace(history, tokens=[token])


def test_a_consent_that_ended_and_was_given_again_is_a_round_and_one_under_repair_is_not_lost() -> None:
    assert judge(a_history()) == Verdict(rounds=1, lost=(), second_cases=(), wrong_organisation=())


def test_an_event_that_was_delivered_twice_is_nothing_second() -> None:
    told = a_history()

    assert judge(replace(told, events=[*told.events, *told.events])) == judge(told)


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (with_connections(REPAIRED), "con_2 is not there any more"),
        (
            with_cases(KeptCase("rec_1", "con_1", 1, is_open=False), KeptCase("rec_2", "con_2", 1, is_open=False)),
            "con_2 is revoked, and no case is open for it",
        ),
        (
            with_connections(REPAIRED, replace(BROKEN, lifecycle="replaced")),
            "con_2 is replaced, which nobody asked for",
        ),
        (
            with_cases(KeptCase("rec_1", "con_1", 2, is_open=True), KeptCase("rec_2", "con_2", 1, is_open=True)),
            "con_1 works, and a case is open for it",
        ),
        (without(ReconnectRequested, "con_2"), "no case was opened when consent 1 of con_2 ended"),
        (without(ReconnectRequested, "con_2"), "case rec_2 was never said to be open"),
        (without(ReconnectCompleted, "con_1"), "case rec_1 is closed, which was never said"),
        (without(ConnectionReconnected, "con_1"), "consent 2 of con_1 was never said to be given"),
        (without(ConnectionState, "con_2"), "what was said last of con_2 is not how it is"),
        (
            besides(ConnectionState, 4, "con_1", 2, lifecycle="expired", organisation_id="org_1"),
            "what was said last of con_1 is not how it is",
        ),
    ],
)
def test_what_is_out_of_reach_or_was_not_said_is_lost(plant: Plant, sentence: str) -> None:
    assert sentence in judge(plant(a_history())).lost


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (besides(ConnectionExpired, 6, "con_1", 1), "consent 1 of con_1 was said to have ended 2 times"),
        (
            besides(ReconnectRequested, 6, "con_1", 1, reconnect_id="rec_3"),
            "consent 1 of con_1 was given a case 2 times",
        ),
        (
            besides(ReconnectRequested, 6, "con_1", 2, reconnect_id="rec_3"),
            "a case was opened for consent 2 of con_1, which had not ended",
        ),
        (
            besides(ReconnectCompleted, 6, "con_1", 2, reconnect_id="rec_1", outcome="reconnected"),
            "case rec_1 was said to be closed 2 times",
        ),
        (
            besides(ConnectionReconnected, 6, "con_1", 2, organisation_id="org_1"),
            "consent 2 of con_1 was given 2 times",
        ),
        (
            with_cases(*a_history().cases, KeptCase("rec_3", "con_1", 1, is_open=False)),
            "2 cases are kept for consent 1 of con_1",
        ),
    ],
)
def test_what_happened_more_than_once_to_one_consent_is_a_second_case(plant: Plant, sentence: str) -> None:
    assert sentence in judge(plant(a_history())).second_cases


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (with_connections(REPAIRED, replace(BROKEN, organisation_id="org_1")), "con_2 leads to org_1"),
        (with_connections(*a_history().connections, KeptConnection("con_3", "active", 1, "org_3")), "con_3 leads to"),
        (
            besides(ConnectionReconnected, 6, "con_1", 3, organisation_id="org_9"),
            "consent 3 of con_1 led to org_9",
        ),
        (
            besides(ConnectionChanged, 6, "con_1", 2, new_connection_id="con_4"),
            "con_1 was changed for con_4",
        ),
        (with_token(TokenSeen("con_1", 2, ("org_9",))), "the token of consent 2 of con_1 led to org_9"),
    ],
)
def test_what_leads_where_its_customer_did_not_choose_is_a_wrong_organisation(plant: Plant, sentence: str) -> None:
    assert any(found.startswith(sentence) for found in judge(plant(a_history())).wrong_organisation)


def test_a_token_whose_access_was_withdrawn_meanwhile_leads_to_no_wrong_organisation() -> None:
    assert judge(with_token(TokenSeen("con_1", 2, ()))(a_history())).wrong_organisation == ()


def test_a_reminder_opens_no_case() -> None:
    reminded = besides(ReconnectRequested, 6, "con_2", 1, reconnect_id="rec_2", stage="reminder_3_days")

    assert judge(reminded(a_history())) == judge(a_history())
