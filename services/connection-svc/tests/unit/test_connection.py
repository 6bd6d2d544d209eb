"""A connection from its first consent to its end."""

from datetime import timedelta

import pytest
from build_connection_svc import DEMO, NOON, OTHER, YEAR, a_connection, a_pending_connection, an_expired_connection

from connection_svc.domain.connection import (
    Connection,
    ExpiryReason,
    Lifecycle,
    NotDisconnectable,
    NotExpirable,
    NotReconnectable,
    OrganisationMismatch,
    SettingNotSupported,
    Settings,
    SettingsChangedMeanwhile,
    due_stage,
    warn,
    watch_at,
    why_expired,
)

DAY = timedelta(days=1)
END = NOON + YEAR


def activated(connection: Connection, **changes: object) -> Connection:
    given = {"organisation": DEMO, "scopes": ("accounting",), "now": END, "consent": YEAR} | changes
    return connection.activate(given.pop("organisation"), **given)


def test_a_first_consent_establishes_generation_one_for_a_year() -> None:
    connection = activated(a_pending_connection(), now=NOON)

    assert (connection.lifecycle, connection.generation) == (Lifecycle.ACTIVE, 1)
    assert (connection.connected_at, connection.consent_expires_at) == (NOON, NOON + YEAR)


@pytest.mark.parametrize("lifecycle", [Lifecycle.EXPIRED, Lifecycle.REVOKED, Lifecycle.ACTIVE])
def test_a_reconnect_begins_the_next_generation_and_forgets_the_expiry(lifecycle: Lifecycle) -> None:
    connection = activated(an_expired_connection(lifecycle=lifecycle, warned_stage=1))

    assert (connection.lifecycle, connection.generation) == (Lifecycle.ACTIVE, 2)
    assert (connection.expiry_reason, connection.ended_at, connection.warned_stage) == (None, None, None)
    assert connection.consent_expires_at == END + YEAR


def test_a_reconnect_changes_no_setting() -> None:
    before = an_expired_connection(settings=Settings(auto_publish=True), settings_version=7)
    after = activated(before)

    assert (after.settings, after.settings_version) == (before.settings, 7)


def test_another_organisation_is_refused() -> None:
    with pytest.raises(OrganisationMismatch, match="belongs to Demo Trading Ltd, not to Other Org Ltd"):
        activated(an_expired_connection(), organisation=OTHER)


@pytest.mark.parametrize("lifecycle", [Lifecycle.DISCONNECTED, Lifecycle.REPLACED])
def test_a_connection_that_has_ended_cannot_be_reconnected(lifecycle: Lifecycle) -> None:
    with pytest.raises(NotReconnectable, match=f"is {lifecycle}: there is nothing to reconnect"):
        activated(a_connection(lifecycle=lifecycle))


@pytest.mark.parametrize(
    ("reason", "lifecycle"),
    [
        (ExpiryReason.CONSENT_LAPSED, Lifecycle.EXPIRED),
        (ExpiryReason.REFRESH_EXPIRED, Lifecycle.EXPIRED),
        (ExpiryReason.GRANT_REVOKED, Lifecycle.REVOKED),
        (ExpiryReason.ORGANISATION_WITHDRAWN, Lifecycle.REVOKED),
    ],
)
def test_what_ran_out_is_expired_and_what_was_taken_away_is_revoked(reason: ExpiryReason, lifecycle: Lifecycle) -> None:
    connection = a_connection().expire(reason, now=END)

    assert (connection.lifecycle, connection.expiry_reason, connection.ended_at) == (lifecycle, reason, END)


def test_an_expired_connection_does_not_expire_again() -> None:
    with pytest.raises(NotExpirable):
        an_expired_connection().expire(ExpiryReason.GRANT_REVOKED, now=END)


@pytest.mark.parametrize(
    ("refresh_ended", "organisation_gone", "now", "reason"),
    [
        (True, True, END, ExpiryReason.CONSENT_LAPSED),
        (True, True, END - DAY, ExpiryReason.REFRESH_EXPIRED),
        (False, True, END - DAY, ExpiryReason.ORGANISATION_WITHDRAWN),
        (False, False, END - DAY, ExpiryReason.GRANT_REVOKED),
    ],
)
def test_the_calendar_is_named_before_the_token_and_both_before_what_somebody_did(
    refresh_ended: bool, organisation_gone: bool, now: object, reason: ExpiryReason
) -> None:
    ends = now if refresh_ended else now + DAY
    named = why_expired(a_connection(), refresh_expires_at=ends, organisation_gone=organisation_gone, now=now)

    assert named is reason


@pytest.mark.parametrize(
    ("days_left", "stage"), [(31, None), (30, 30), (15, 30), (14, 14), (8, 14), (7, 7), (2, 7), (1, 1), (0, None)]
)
def test_the_stage_is_the_latest_one_reached(days_left: int, stage: int | None) -> None:
    assert due_stage(a_connection(), now=END - days_left * DAY) == stage


def test_each_stage_is_marked_once_and_the_next_one_waited_for() -> None:
    connection, marked = a_connection(), []
    while (at := watch_at(connection)) != END:
        connection = warn(connection, now=at)
        marked.append(connection.warned_stage)

    assert marked == [30, 14, 7, 1]


def test_a_cohort_of_one_day_falls_due_over_a_day_and_not_at_once() -> None:
    cohort = [activated(a_connection(), now=NOON + timedelta(hours=hour)) for hour in range(24)]

    assert [watch_at(each) for each in cohort] == [END - 30 * DAY + timedelta(hours=hour) for hour in range(24)]


def test_a_connection_seen_late_gets_only_the_latest_stage() -> None:
    connection = warn(a_connection(), now=END - 6 * DAY)

    assert connection.warned_stage == 7
    assert watch_at(connection) == END - DAY


def test_a_stage_that_was_said_is_not_said_again() -> None:
    connection = a_connection(warned_stage=7)

    assert warn(connection, now=END - 3 * DAY) == connection


@pytest.mark.parametrize("lifecycle", sorted(set(Lifecycle) - {Lifecycle.ACTIVE}))
def test_only_an_active_connection_is_watched(lifecycle: Lifecycle) -> None:
    assert watch_at(a_connection(lifecycle=lifecycle)) is None


def test_downtime_is_counted_from_the_expiry() -> None:
    assert an_expired_connection().downtime(now=END + DAY) == DAY
    assert a_connection().downtime(now=END) == timedelta(0)
    assert an_expired_connection().downtime(now=END - timedelta(minutes=10)) == timedelta(0), "the clock was put back"


@pytest.mark.parametrize(("days_left", "was"), [(31, "active"), (30, "expiring")])
def test_a_reconnect_in_time_finds_it_active_or_expiring(days_left: int, was: str) -> None:
    assert a_connection().was(now=END - days_left * DAY) == was


def test_settings_get_a_new_version_only_when_something_differs() -> None:
    connection = a_connection()
    same = connection.change_settings(Settings(), expected_version=1, supports_supplier_warning=True)
    other = connection.change_settings(Settings(auto_publish=True), expected_version=1, supports_supplier_warning=True)

    assert same == connection
    assert (other.settings.auto_publish, other.settings_version) == (True, 2)
    assert connection.settings.differences(other.settings) == ("auto_publish",)


def test_settings_that_somebody_changed_meanwhile_are_not_overwritten() -> None:
    with pytest.raises(SettingsChangedMeanwhile):
        a_connection().change_settings(Settings(), expected_version=0, supports_supplier_warning=True)


def test_a_warning_that_the_provider_cannot_give_is_refused() -> None:
    with pytest.raises(SettingNotSupported):
        a_connection().change_settings(
            Settings(warn_new_supplier=True), expected_version=1, supports_supplier_warning=False
        )


def test_leaving_twice_is_refused() -> None:
    left = a_connection().disconnect(now=NOON)

    assert (left.lifecycle, left.ended_at) == (Lifecycle.DISCONNECTED, NOON)
    with pytest.raises(NotDisconnectable):
        left.disconnect(now=NOON)
