"""Files that hang on documents, in the order they came."""

from dataclasses import dataclass

from simulator.records import Place
from simulator.state import Tx


@dataclass(frozen=True)
class Attachment:
    id: str
    file_name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Document:
    """What a file hangs on."""

    kind: str
    id: str


def of_document(tx: Tx, place: Place, document: Document) -> list[Attachment]:
    rows = tx.execute(
        "SELECT * FROM attachments WHERE provider = ? AND organisation = ? AND document_kind = ? AND document_id = ?"
        " ORDER BY seq",
        (place.provider, place.organisation, document.kind, document.id),
    )
    return [Attachment(row["id"], row["file_name"], row["content_type"], row["content"]) for row in rows]


def find(tx: Tx, place: Place, attachment_id: str) -> Attachment | None:
    row = tx.execute(
        "SELECT * FROM attachments WHERE provider = ? AND organisation = ? AND id = ?",
        (place.provider, place.organisation, attachment_id),
    ).fetchone()
    return row and Attachment(row["id"], row["file_name"], row["content_type"], row["content"])


def add(tx: Tx, place: Place, document: Document, attachment: Attachment) -> None:
    tx.execute(
        "INSERT INTO attachments (provider, organisation, document_kind, document_id, id, file_name, content_type,"
        " content) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            place.provider,
            place.organisation,
            document.kind,
            document.id,
            attachment.id,
            attachment.file_name,
            attachment.content_type,
            attachment.content,
        ),
    )


def replace(tx: Tx, place: Place, attachment: Attachment) -> None:
    """Another file under the same id."""
    tx.execute(
        "UPDATE attachments SET file_name = ?, content_type = ?, content = ?"
        " WHERE provider = ? AND organisation = ? AND id = ?",
        (
            attachment.file_name,
            attachment.content_type,
            attachment.content,
            place.provider,
            place.organisation,
            attachment.id,
        ),
    )
