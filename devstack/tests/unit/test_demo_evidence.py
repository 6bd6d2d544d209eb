"""What the demo counts as published, twice, overtaken and lost; and what its browser presses."""

import httpx2
import pytest

from devstack.demo.browser import NothingToPress, Page
from devstack.demo.evidence import ProviderDocument, Verdict, judge


def documents(*numbers: str) -> list[ProviderDocument]:
    return [ProviderDocument(f"itm_{number}", number, attachments=1) for number in numbers]


def page(html: str) -> Page:
    return Page(httpx2.Response(200, text=html, request=httpx2.Request("GET", "http://localhost/here")))


def test_documents_in_the_order_asked_for_are_clean() -> None:
    verdict = judge(["A", "B", "C"], documents("A", "B", "C"))

    assert verdict == Verdict(asked=3, published=3, duplicates=0, out_of_order=0, lost=0, without_file=0)
    assert verdict.is_clean


def test_a_document_that_exists_twice_is_a_duplicate() -> None:
    verdict = judge(["A", "B"], documents("A", "B", "A"))

    assert (verdict.published, verdict.duplicates) == (2, 1)
    assert not verdict.is_clean


def test_a_document_that_comes_after_a_later_one_is_out_of_order() -> None:
    assert judge(["A", "B", "C"], documents("A", "C", "B")).out_of_order == 1


def test_a_document_that_is_not_there_is_lost() -> None:
    assert judge(["A", "B"], documents("B")).lost == 1


def test_a_document_without_a_file_is_not_clean() -> None:
    bare = ProviderDocument("itm_A", "A", attachments=0)

    assert not judge(["A"], [bare]).is_clean


def test_documents_that_nobody_asked_for_here_are_somebody_elses() -> None:
    assert judge(["A"], documents("Z", "A")).is_clean


def test_a_button_is_found_by_its_words_near_others() -> None:
    shown = page("<ul><li>Xero <a href='/x'>Connect</a></li><li>Other <a href='/o'>Connect</a></li></ul>")

    assert shown.find("Connect", near="Other")["href"] == "/o"


def test_a_page_without_the_words_says_what_it_offers() -> None:
    shown = page("<h1>Inbox</h1><button>Publish</button>")

    with pytest.raises(NothingToPress, match="has no 'Reconnect'; it offers 'Publish'"):
        shown.find("Reconnect", near=None)
