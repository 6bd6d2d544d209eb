"""What changed between two readings, from when to read, and what becomes of addresses."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from build_sync_svc import HASH_KEY, NOON, content

from sync_svc.domain.entries import (
    Changes,
    Content,
    ListState,
    changes_between,
    email_hash,
    read_since,
    tax_number_hash,
)

KNOWN = {one.external_id: one.fingerprint() for one in (content("200"), content("429"))}
WEEK = timedelta(days=7)
OVERLAP = timedelta(minutes=5)


def since(**changes: Any) -> datetime | None:
    state = {"list": "suppliers", "version": 3, "total": 5, "generation": 1, "read_at": NOON, "read_in_full_at": NOON}
    now = changes.pop("now", NOON + timedelta(days=2))
    return read_since(ListState(**(state | changes)), generation=1, now=now, full_every=WEEK, overlap=OVERLAP)


def test_a_list_that_is_as_it_was_has_no_changes() -> None:
    assert changes_between(KNOWN, [content("429"), content("200")], is_full=True) == Changes((), (), ())


def test_new_other_and_missing_entries_are_told_apart() -> None:
    renamed, new = content("429", name="Office"), content("500")
    assert changes_between(KNOWN, [renamed, new], is_full=True) == Changes((new,), (renamed,), ("200",))


def test_a_partial_reading_never_says_that_an_entry_is_gone() -> None:
    assert changes_between(KNOWN, [], is_full=False).removed == ()


def test_an_entry_that_became_inactive_is_changed_and_not_gone() -> None:
    changes = changes_between(KNOWN, [content("200"), content("429", active=False)], is_full=True)
    assert ([one.external_id for one in changes.updated], changes.removed) == (["429"], ())


def test_an_entry_that_comes_twice_counts_once_as_it_was_last() -> None:
    changes = changes_between({}, [content("1"), content("1", name="later")], is_full=True)
    assert [one.name for one in changes.added] == ["later"]


@pytest.mark.parametrize(
    "change", [{"name": "x"}, {"code": "x"}, {"valid_tax_rates": ()}, {"email_hash": "x"}, {"active": False}]
)
def test_every_field_counts_as_content(change: dict[str, Any]) -> None:
    assert content(**change).fingerprint() != content().fingerprint()


def test_content_survives_being_stored() -> None:
    whole = content(valid_tax_rates=("A", "B"), name="Käse & Söhne", tax_treatment="20")
    assert Content.from_json(whole.as_json()) == whole
    assert Content.from_json(content().as_json()) == content()


def test_a_list_is_read_whole_at_first_after_a_reconnect_and_once_a_week() -> None:
    assert read_since(None, generation=1, now=NOON, full_every=WEEK, overlap=OVERLAP) is None
    assert since(generation=0) is None
    assert since(now=NOON + WEEK) is None


def test_otherwise_changes_are_asked_for_from_a_little_before_the_last_reading() -> None:
    assert since() == NOON - OVERLAP


def test_equal_addresses_have_equal_hashes_within_one_business_only() -> None:
    first = email_hash(HASH_KEY, "biz_1", "Anna@Demo.example ")
    assert first == email_hash(HASH_KEY, "biz_1", "anna@demo.example")
    assert first != email_hash(HASH_KEY, "biz_2", "anna@demo.example")
    assert first != email_hash(b"another key", "biz_1", "anna@demo.example")
    assert "anna" not in str(first)


def test_a_tax_number_is_the_same_however_it_is_spaced() -> None:
    assert tax_number_hash(HASH_KEY, "b", "GB 123-45.6") == tax_number_hash(HASH_KEY, "b", "gb123456")
    assert tax_number_hash(HASH_KEY, "b", "123") != email_hash(HASH_KEY, "b", "123")


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_nothing_has_no_hash(nothing: str | None) -> None:
    assert email_hash(HASH_KEY, "b", nothing) is None
    assert tax_number_hash(HASH_KEY, "b", nothing) is None
