"""How a connection stands, and which banner it earns."""

from datetime import UTC, datetime, timedelta

import pytest

from web_svc.domain.standing import Banner, Stand, Standing, choose_banner, days_left, share_left, standing_of

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def standing(lifecycle: str = "active", *, health: str = "ok", days: float = 200, refreshing: bool = False) -> Standing:
    ends = NOW + timedelta(days=days)
    return standing_of(lifecycle, health=health, consent_expires_at=ends, refreshing=refreshing, now=NOW)


@pytest.mark.parametrize("lifecycle", ["expired", "revoked", "pending", "disconnected", "replaced"])
def test_a_connection_that_is_not_active_stands_by_its_lifecycle_alone(lifecycle: str) -> None:
    assert standing(lifecycle, health="degraded", refreshing=True) == lifecycle


def test_an_unknown_lifecycle_is_called_unknown() -> None:
    assert standing("hibernating") is Standing.UNKNOWN


def test_of_an_active_connection_the_worst_is_told() -> None:
    assert standing(health="degraded", days=3, refreshing=True) is Standing.DEGRADED
    assert standing(days=3, refreshing=True) is Standing.EXPIRING
    assert standing(refreshing=True) is Standing.REFRESHING
    assert standing() is Standing.CONNECTED


def test_a_month_before_the_end_is_soon_and_a_day_earlier_is_not() -> None:
    assert standing(days=30) is Standing.EXPIRING
    assert standing(days=31) is Standing.CONNECTED


@pytest.mark.parametrize(("hours", "days"), [(1, 1), (24, 1), (25, 2), (0, 0), (-5, 0)])
def test_days_are_counted_as_people_count_them(hours: int, days: int) -> None:
    assert days_left(NOW + timedelta(hours=hours), now=NOW) == days


def test_the_share_of_the_year_stays_between_nothing_and_all() -> None:
    since, until = NOW - timedelta(days=100), NOW + timedelta(days=300)
    assert share_left(since, until, now=NOW) == 75
    assert share_left(since, until, now=until + timedelta(days=1)) == 0
    assert share_left(until, since, now=NOW) == 0


def stand(standing: Standing, name: str = "con_1", *, days: float = 200) -> Stand:
    return Stand(name, standing, NOW + timedelta(days=days))


def test_the_worst_connection_has_the_banner_and_the_others_are_counted() -> None:
    stands = [stand(Standing.DEGRADED, "con_1"), stand(Standing.EXPIRED, "con_2"), stand(Standing.CONNECTED, "con_3")]
    assert choose_banner(stands, manages=True, now=NOW) == Banner(Standing.EXPIRED, "con_2", more=1)


@pytest.mark.parametrize(
    ("days", "manages", "told"), [(8, True, False), (7, True, True), (7, False, False), (1, False, True)]
)
def test_a_date_that_is_near_worries_administrators_for_a_week_and_everyone_on_the_last_day(
    days: int, manages: bool, told: bool
) -> None:
    banner = choose_banner([stand(Standing.EXPIRING, days=days)], manages=manages, now=NOW)
    assert (banner is not None) is told


def test_there_is_no_banner_while_all_is_well() -> None:
    stands = [stand(Standing.CONNECTED), stand(Standing.DISCONNECTED), stand(Standing.PENDING)]
    assert choose_banner(stands, manages=True, now=NOW) is None
