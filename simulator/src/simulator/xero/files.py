"""Attachments and history notes of Xero documents."""

from typing import Any
from uuid import uuid4

from simulator import attachments
from simulator.attachments import Attachment, Document
from simulator.calls import Answer, Call
from simulator.encoding import Json, loads
from simulator.journal import Effect
from simulator.records import NewRecord, Place, add, change, find, find_by_key
from simulator.state import Tx
from simulator.xero.formats import answer, malformed, ms_date, not_found, validation_error
from simulator.xero.gateway import place_of
from simulator.xero.invoices import KIND, reference_of

MOST_FILES = 10
MOST_BYTES = 10 * 1024 * 1024
LONGEST_NOTE = 2_500
FORBIDDEN_IN_NAMES = frozenset('<>:"/\\|?*\0+')


def list_files(call: Call, tx: Tx) -> Answer:
    place, invoice = place_of(call), _invoice(call)
    if find(tx, place, KIND, invoice.id) is None:
        return not_found()
    return answer(call, "Attachments", [_shown(call, one) for one in attachments.of_document(tx, place, invoice)])


def download(call: Call, tx: Tx) -> Answer:
    """By file name or by attachment id."""
    wanted = call.parts["file"]
    for one in attachments.of_document(tx, place_of(call), _invoice(call)):
        if wanted in (one.file_name, one.id):
            return Answer(200, one.content, one.content_type)
    return not_found()


def upload(call: Call, tx: Tx) -> Answer:
    """The raw body becomes a file; one of the same name is replaced."""
    place, invoice, name = place_of(call), _invoice(call), call.parts["file"]
    record = find(tx, place, KIND, invoice.id)
    if record is None:
        return not_found()
    held = attachments.of_document(tx, place, invoice)
    same = next((one for one in held if one.file_name == name), None)
    if problem := _problem(call, name, len(held) - (same is not None)):
        return validation_error([], problem)
    content_type = call.headers.get("content-type", "application/octet-stream")
    file = Attachment(same.id if same else str(uuid4()), name, content_type, call.body)
    if same:
        attachments.replace(tx, place, file)
    else:
        attachments.add(tx, place, invoice, file)
    body = {**record.body, "HasAttachments": True}
    change(tx, place, NewRecord(KIND, record.id, str(body.get("InvoiceNumber", "")), body), at=call.now)
    effect = Effect("attachment", file.id, reference_of(record.body))
    return answer(call, "Attachments", [_shown(call, file)], effect=effect)


def read_history(call: Call, tx: Tx) -> Answer:
    place, invoice = place_of(call), _invoice(call)
    if find(tx, place, KIND, invoice.id) is None:
        return not_found()
    return answer(call, "HistoryRecords", notes_of(tx, place, invoice.id))


def write_history(call: Call, tx: Tx) -> Answer:
    place, invoice = place_of(call), _invoice(call)
    if find(tx, place, KIND, invoice.id) is None:
        return not_found()
    details = _details(call)
    if any(len(text) > LONGEST_NOTE for text in details):
        return validation_error([], f"Details must not be longer than {LONGEST_NOTE} characters.")
    notes: list[Json] = [
        {"Details": text, "Changes": "Note", "DateUTC": ms_date(call.now), "User": "System Generated"}
        for text in details
    ]
    add(tx, place, [NewRecord("History", str(uuid4()), invoice.id, note) for note in notes], at=call.now)
    return answer(call, "HistoryRecords", notes, effect=Effect("note", invoice.id, details[0] if details else None))


def notes_of(tx: Tx, place: Place, invoice_id: str) -> list[Json]:
    """Newest first, as Xero shows them."""
    return [record.body for record in reversed(find_by_key(tx, place, "History", invoice_id))]


def _invoice(call: Call) -> Document:
    return Document("bill", call.parts["id"])


def _details(call: Call) -> list[str]:
    try:
        document: Any = loads(call.body)
        return [str(one["Details"]) for one in document["HistoryRecords"]]
    except (ValueError, KeyError, TypeError) as error:
        raise malformed("HistoryRecords with Details are expected. Path 'HistoryRecords'.") from error


def _problem(call: Call, name: str, others: int) -> str | None:
    if forbidden := FORBIDDEN_IN_NAMES.intersection(name):
        return f"The file name must not contain {' '.join(sorted(forbidden))}"
    if not call.body:
        return "The file is empty."
    if len(call.body) > MOST_BYTES:
        return "The file is larger than 10 MB."
    if others >= MOST_FILES:
        return f"A document takes at most {MOST_FILES} attachments."
    return None


def _shown(call: Call, file: Attachment) -> Json:
    base = call.path.partition("/Attachments")[0]
    return {
        "AttachmentID": file.id,
        "FileName": file.file_name,
        "Url": f"{base}/Attachments/{file.file_name}",
        "MimeType": file.content_type,
        "ContentLength": len(file.content),
    }
