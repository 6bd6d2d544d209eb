from build_list_svc import a_picture, a_run

from list_svc.domain.lists import Completeness, EntryKey


def test_a_list_is_complete_when_all_that_the_last_run_said_is_here() -> None:
    assert a_picture(entries=104, entries_of_run=4).completeness is Completeness.COMPLETE


def test_a_list_is_arriving_while_an_updated_entry_is_missing() -> None:
    assert a_picture(entries=104, entries_of_run=3).completeness is Completeness.ARRIVING


def test_a_list_is_arriving_while_a_removed_entry_is_still_here() -> None:
    assert a_picture(entries=105, entries_of_run=4).completeness is Completeness.ARRIVING


def test_entries_that_a_later_run_said_again_count_for_this_one_too() -> None:
    assert a_picture(entries=104, entries_of_run=9).completeness is Completeness.COMPLETE


def test_an_empty_list_is_complete_once_a_run_said_that_it_is_empty() -> None:
    empty = a_picture(entries=0, entries_of_run=0, run=a_run(total=0, said=0))

    assert empty.completeness is Completeness.COMPLETE


def test_a_list_that_no_run_has_finished_is_not_read() -> None:
    assert a_picture(entries=80, run=None).completeness is Completeness.NOT_READ


def test_a_tombstones_subject_names_the_entry() -> None:
    assert EntryKey.of_subject("con_1/accounts/429") == EntryKey("con_1", "accounts", "429")
