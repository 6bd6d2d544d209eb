"""Who may do what here."""

import pytest

from web_svc.domain.people import Membership, Memberships


def member(*roles: str, business: str = "biz_demo", user: str = "usr_anna") -> Membership:
    return Membership(business, user, frozenset(roles))


@pytest.mark.parametrize(
    ("roles", "role", "manages"),
    [
        (("admin", "member"), "admin", True),
        (("accountant",), "accountant", True),
        (("publisher", "member"), "publisher", False),
        (("member",), "member", False),
        (("operator",), None, False),
        ((), None, False),
    ],
)
def test_the_role_that_reaches_furthest_counts(roles: tuple[str, ...], role: str | None, manages: bool) -> None:
    assert (member(*roles).role, member(*roles).manages_connections) == (role, manages)


def test_somebody_who_left_is_locked_out() -> None:
    known = Memberships()
    known.remember(member("admin"), sequence=1)
    known.forget("biz_demo/usr_anna", sequence=2)
    assert known.find("biz_demo", "usr_anna") is None


def test_older_news_than_the_last_heard_changes_nothing() -> None:
    known = Memberships()
    known.remember(member("member"), sequence=5)
    known.remember(member("admin"), sequence=4)
    known.forget("biz_demo/usr_anna", sequence=5)
    assert known.of("usr_anna") == [member("member")]


def test_a_late_membership_does_not_bring_back_somebody_who_left() -> None:
    known = Memberships()
    known.forget("biz_demo/usr_anna", sequence=3)
    known.remember(member("admin"), sequence=2)
    assert known.of("usr_anna") == []


def test_administrators_of_another_business_are_not_named() -> None:
    known = Memberships()
    known.remember(member("admin"), sequence=1)
    known.remember(member("admin", business="biz_other", user="usr_zoe"), sequence=1)
    known.remember(member("accountant", user="usr_carla"), sequence=1)
    assert known.administrators("biz_demo") == ["usr_anna"]


def test_who_can_be_asked_are_the_administrators_and_where_there_are_none_the_linked_accountants() -> None:
    known = Memberships()
    linked = Membership("biz_demo", "usr_carla", frozenset({"accountant"}), is_linked_accountant=True)
    known.remember(linked, sequence=1)
    known.remember(member("accountant", user="usr_dora"), sequence=1)
    assert known.whom_to_ask("biz_demo") == ["usr_carla"]
    known.remember(member("admin"), sequence=1)
    assert known.whom_to_ask("biz_demo") == ["usr_anna"]
    assert known.whom_to_ask("biz_other") == []


def test_an_operator_without_another_role_opens_no_page() -> None:
    known = Memberships()
    known.remember(member("operator"), sequence=1)
    assert (known.of("usr_anna"), known.find("biz_demo", "usr_anna")) == ([], None)
