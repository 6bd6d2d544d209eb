"""The catalogue of sentences."""

import re
from pathlib import Path

import pytest

import web_svc
from web_svc.wording import MESSAGES, say

SOURCE = Path(web_svc.__file__).parent


@pytest.mark.parametrize(
    ("waiting", "words"),
    [
        (0, "New items will wait to publish. Reconnect and we will send them for you."),
        (1, "1 item is waiting to publish. Reconnect and we will send it for you."),
        (40, "40 items are waiting to publish. Reconnect and we will send them for you."),
    ],
)
def test_the_number_of_waiting_items_chooses_the_words(waiting: int, words: str) -> None:
    text = say("banner.expired", provider="Xero", n=waiting)
    assert text == f"<strong>Your Xero connection has expired.</strong> {words}"


def test_a_fact_cannot_bring_markup_along() -> None:
    text = say("publish.unknown", provider="Xero", provider_message="<script>**loud**</script>")
    assert "&lt;script&gt;**loud**&lt;/script&gt;" in text


def test_a_missing_fact_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(KeyError, match="provider"):
        say("banner.degraded")


@pytest.mark.parametrize("message_id", MESSAGES)
def test_every_message_can_be_said(message_id: str) -> None:
    names = set(re.findall(r"\{(\w+)", MESSAGES[message_id]))
    facts = {name: 2 if name in {"n", "total"} else "fact" for name in names}
    assert "{" not in say(message_id, **facts)


def test_every_message_is_said_somewhere() -> None:
    code = "\n".join(
        path.read_text() for path in SOURCE.rglob("*") if path.suffix in {".py", ".html"} and path.name != "wording.py"
    )
    families = ("banner.", "link.", "running.")  # these ids are put together from a state
    unsaid = {message_id for message_id in MESSAGES if f'"{message_id}"' not in code}
    assert {message_id for message_id in unsaid if not message_id.startswith(families)} == set()
