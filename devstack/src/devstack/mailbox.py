"""The mails about expiries that the local stack caught."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final

_LINK: Final = re.compile(r"https?://\S+/r/\S+")


@dataclass(frozen=True)
class ExpiryMail:
    """One mail; `link` is None where it has no reconnect link."""

    message_id: str
    link: str | None


@dataclass
class MailBox:
    """Reads each file once, when somebody looks."""

    folder: Path
    _newest: str = ""
    _sent: dict[tuple[str, str], dict[str, ExpiryMail]] = field(default_factory=lambda: defaultdict(dict))
    """By connection and address, then by Message-ID."""

    def about(self, connection_id: str, address: str) -> list[ExpiryMail]:
        """What this person was sent about the connection, each Message-ID once, the oldest first."""
        for file in sorted(file for file in self.folder.glob("*.eml") if file.name > self._newest):
            self._newest = file.name
            mail = message_from_bytes(file.read_bytes(), policy=policy.default)
            if isinstance(mail, EmailMessage) and mail["X-Relink-Stage"] == "expired":
                self._keep(mail)
        return list(self._sent[connection_id, address].values())

    def _keep(self, mail: EmailMessage) -> None:
        body = mail.get_body(("plain",))
        links = _LINK.findall(body.get_content() if body else "")
        kept = ExpiryMail(str(mail["Message-ID"]), links[-1] if links else None)
        self._sent[str(mail["X-Relink-Connection"]), str(mail["To"])][kept.message_id] = kept
