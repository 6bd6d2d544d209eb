"""Which mails about expiries are whose, and where their links lead."""

from email.message import EmailMessage
from pathlib import Path

from devstack.mailbox import ExpiryMail, MailBox


def put(folder: Path, name: str, text: str = "", *, stage: str = "expired", to: str = "anna@demo.example") -> None:
    mail = EmailMessage()
    mail["Message-ID"], mail["To"] = f"<{name}>", to
    mail["X-Relink-Stage"], mail["X-Relink-Connection"] = stage, "con_1"
    mail.set_content(text)
    (folder / f"{name}.eml").write_bytes(mail.as_bytes())


def test_a_mail_is_found_by_its_connection_and_person_with_its_link(tmp_path: Path) -> None:
    box = MailBox(tmp_path)
    put(tmp_path, "1", "Reconnect here:\nhttp://localhost:1/r/secret\n")
    put(tmp_path, "2", to="ben@demo.example")
    put(tmp_path, "3", stage="reminder_3_days")

    assert box.about("con_1", "anna@demo.example") == [ExpiryMail("<1>", "http://localhost:1/r/secret")]
    assert box.about("con_2", "anna@demo.example") == []


def test_a_mail_that_comes_after_a_look_is_found_by_the_next(tmp_path: Path) -> None:
    box = MailBox(tmp_path)
    put(tmp_path, "1")
    before = box.about("con_1", "anna@demo.example")
    put(tmp_path, "2")

    assert [mail.message_id for mail in before] == ["<1>"]
    assert [mail.message_id for mail in box.about("con_1", "anna@demo.example")] == ["<1>", "<2>"]


def test_a_mail_that_was_sent_twice_is_there_once(tmp_path: Path) -> None:
    put(tmp_path, "1")
    (tmp_path / "2.eml").write_bytes((tmp_path / "1.eml").read_bytes())

    assert len(MailBox(tmp_path).about("con_1", "anna@demo.example")) == 1
