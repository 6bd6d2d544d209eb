"""Mail by SMTP. STARTTLS is used wherever the server offers it."""

from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

import aiosmtplib

from notifier_svc.domain.notices import Notice
from notifier_svc.domain.wording import Letter, Person

TIMEOUT_SECONDS = 20.0
_PERMANENT = 500


class MailUnavailable(Exception):
    """The server is away or asks to come again."""


class MailRefused(Exception):
    """The server will not take this mail, now or later. `code` is its three digits."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(f"{code} {message}")


class Mailer:
    """Sends as `sender`, an address such as `Relink <relink@example.com>`."""

    def __init__(self, host: str, port: int, sender: str) -> None:
        self._host, self._port, self._sender = host, port, sender

    async def send(self, notice: Notice, letter: Letter, person: Person) -> None:
        """Returns when the server has taken the mail. Raises MailUnavailable, MailRefused.

        The Message-ID follows from the notice: a mail that is sent again after a crash is the same one to a mail
        program.
        """
        try:
            await aiosmtplib.send(
                self.message(notice, letter, person), hostname=self._host, port=self._port, timeout=TIMEOUT_SECONDS
            )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            raise _refusal(refused.recipients[0]) from refused
        except aiosmtplib.SMTPResponseException as refused:
            raise _refusal(refused) from refused
        except (aiosmtplib.SMTPException, OSError) as problem:
            raise MailUnavailable(type(problem).__name__) from problem

    def message(self, notice: Notice, letter: Letter, person: Person) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = person.email
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(notice.created_at)
        message["Message-ID"] = f"<{notice.notice_id}@{parseaddr(self._sender)[1].rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Relink-Stage"] = notice.stage.value
        message["X-Relink-Connection"] = notice.connection_id
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        return message


def _refusal(answer: aiosmtplib.SMTPResponseException) -> MailRefused | MailUnavailable:
    if answer.code >= _PERMANENT:
        return MailRefused(answer.code, answer.message)
    return MailUnavailable(f"{answer.code} {answer.message}")
