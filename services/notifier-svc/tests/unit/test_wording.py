from datetime import UTC, datetime

import pytest
from build_notifier_svc import a_connection, a_link, a_notice, a_person

from notifier_svc.domain.notices import Stage
from notifier_svc.domain.wording import letter as letter_of
from notifier_svc.domain.wording import telling
from notifier_svc.mail import Mailer

LATE_IN_LONDON = datetime(2027, 11, 12, 23, 30, tzinfo=UTC)


def test_the_letter_says_what_happened_what_it_means_what_to_do_and_what_is_safe() -> None:
    letter = letter_of(a_notice(), a_connection(), a_person(), a_link(), asker=None)

    assert letter.subject == "Xero has disconnected"
    assert letter.text == (
        "Hello Anna,\n\n"
        "Your Xero connection to Demo Trading Ltd has expired on 12 November 2027.\n\n"
        "New items wait to publish. Reconnect and we will send them for you. It takes about a minute.\n\n"
        "Reconnect to Demo Trading Ltd:\nhttps://relink.example/r/s3cret\n\n"
        "You will log in to Xero, allow access, and come straight back to us. "
        "Your settings and automation rules stay exactly as they are.\n\n"
        "The link is for this connection only and works until 19 November 2027. "
        "You get this mail because you look after the business's connections.\n"
    )


@pytest.mark.parametrize("reason", ["grant_revoked", "organisation_withdrawn"])
def test_access_taken_away_at_the_provider_is_called_so(reason: str) -> None:
    letter = letter_of(a_notice(reason=reason), a_connection(), a_person(), a_link(), asker=None)

    assert letter.subject == "Xero stopped sharing data with us"
    assert "Someone may have removed access in Xero." in letter.text


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/London", "12 November"),
        ("Pacific/Auckland", "13 November"),
        ("Mars/Olympus", "12 November"),
        ("", "12 Nov"),
    ],
)
def test_days_are_those_of_the_readers_time_zone_or_of_utc(zone: str, day: str) -> None:
    notice = a_notice(happened_at=LATE_IN_LONDON)

    letter = letter_of(notice, a_connection(), a_person(time_zone=zone), a_link(), asker=None)

    assert f"has expired on {day}" in letter.text


def test_names_cannot_put_markup_into_the_page() -> None:
    letter = letter_of(
        a_notice(),
        a_connection(organisation_name="<b>A & B</b>"),
        a_person(name="<script>"),
        a_link(url="https://x/?a=1&b=2"),
        asker=None,
    )

    assert "<script>" not in letter.html
    assert "<b>" not in letter.html
    assert 'href="https://x/?a=1&amp;b=2"' in letter.html


def test_the_page_says_the_same_as_the_text() -> None:
    letter = letter_of(a_notice(), a_connection(), a_person(), a_link(), asker=None)

    for sentence in ("has expired on 12 November 2027", "Reconnect to Demo Trading Ltd", "stay exactly as they are"):
        assert sentence in letter.text
        assert sentence in letter.html
    assert 'href="https://relink.example/r/s3cret"' in letter.html


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "Your Xero connection has expired."),
        ({"reason": "grant_revoked"}, "Xero stopped sharing data with us on 12 November 2027."),
        ({"stage": Stage.REPAIRED}, "Xero is connected again."),
    ],
)
def test_a_notice_in_the_product_has_a_title_and_a_body(changes: dict[str, object], title: str) -> None:
    words = telling(a_notice(**changes), a_connection())

    assert words.title == title
    assert words.body.endswith(".")


@pytest.mark.parametrize(
    ("provider", "name"), [("quickbooks", "QuickBooks Online"), ("newcomer", "newcomer"), (None, "accounting software")]
)
def test_a_provider_is_called_by_its_own_name(provider: str | None, name: str) -> None:
    assert name in telling(a_notice(), a_connection(provider=provider)).title


def test_a_mail_sent_again_is_byte_for_byte_the_same_but_for_its_boundary() -> None:
    mailer = Mailer("mail.example", 25, "Relink <relink@product.example>")
    letter = letter_of(a_notice(), a_connection(), a_person(), a_link(), asker=None)

    first, again = (mailer.message(a_notice(), letter, a_person()) for _ in range(2))

    assert first.items() == again.items()
    assert first["Message-ID"] == "<ntc_1@product.example>"
    assert first["X-Relink-Stage"] == "expired"
    assert first["X-Relink-Connection"] == a_notice().connection_id
    assert [part.get_content_type() for part in first.iter_parts()] == ["text/plain", "text/html"]


def test_a_mail_to_somebody_who_was_asked_says_by_whom() -> None:
    notice, ben = a_notice(stage=Stage.ASKED), a_person(name="Ben")
    letter = letter_of(notice, a_connection(), a_person(), a_link(), asker=ben)

    assert letter.subject == "Ben asks you to reconnect Xero"
    assert "New items wait to publish." in letter.text
    assert letter.text.endswith("You get this mail because Ben asked you.\n")


def test_a_mail_about_a_connection_that_still_works_does_not_say_that_items_wait() -> None:
    letter = letter_of(a_notice(stage=Stage.ASKED), a_connection(lifecycle="active"), a_person(), a_link(), asker=None)

    assert letter.subject == "Somebody asks you to reconnect Xero"
    assert "The connection to Demo Trading Ltd works." in letter.text
    assert "wait" not in letter.text


def test_a_reminder_is_called_one() -> None:
    letter = letter_of(a_notice(stage=Stage.REMINDER_7), a_connection(), a_person(), a_link(), asker=None)

    assert letter.subject == "Reminder: Xero is still disconnected"
