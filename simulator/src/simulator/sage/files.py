"""Attachments: files in base64, each on one document."""

from simulator import attachments
from simulator.attachments import Attachment, Document
from simulator.calls import Answer, Call
from simulator.encoding import Json
from simulator.journal import Effect
from simulator.records import NewRecord, Record, find
from simulator.sage import writes
from simulator.sage.formats import Problem, invalid, new_id, refuse, required
from simulator.sage.gateway import place_of
from simulator.sage.invoices import KIND as INVOICES
from simulator.state import Tx
from simulator.values import bytes_in

KIND = "attachments"
ON_A_BILL = "PURCHASE_INVOICE"
MOST_BYTES = 2_621_440
TYPES = {"application/pdf", "image/jpeg", "image/png"}


def create(call: Call, tx: Tx) -> Answer:
    given = writes.object_in(call, "attachment")
    content, invoice = bytes_in(given.get("file")), _invoice(call, tx, given)
    if problems := _problems(given, content, invoice):
        raise refuse(422, *problems)
    assert content is not None
    assert invoice is not None
    file = Attachment(new_id(), given["file_name"], given["mime_type"], content)
    attachments.add(tx, place_of(call), Document("bill", invoice.id), file)
    return writes.save(call, tx, _record(file, given), effect=Effect("attachment", file.id, invoice.body["notes"]))


def _problems(given: Json, content: bytes | None, invoice: Record | None) -> list[Problem]:
    found = [required(name) for name in ("file", "file_name", "mime_type") if not given.get(name)]
    if given.get("file") and content is None:
        found.append(invalid("is not base64", "file"))
    if content is not None and len(content) > MOST_BYTES:
        found.append(invalid(f"is too large (maximum is {MOST_BYTES} bytes)", "file_size"))
    if given.get("mime_type") and given["mime_type"] not in TYPES:
        found.append(invalid("must be a PDF, JPEG or PNG", "mime_type"))
    if invoice is None:
        found.append(invalid("The document does not exist.", "attachment_context_id"))
    return found


def _invoice(call: Call, tx: Tx, given: Json) -> Record | None:
    """Only purchase invoices have files here."""
    if given.get("attachment_context_type_id") != ON_A_BILL:
        return None
    return find(tx, place_of(call), INVOICES, str(given.get("attachment_context_id")))


def _record(file: Attachment, given: Json) -> NewRecord:
    body: Json = {
        "displayed_as": file.file_name,
        "file_name": file.file_name,
        "mime_type": file.content_type,
        "file_size": len(file.content),
        "description": given.get("description") or "",
        "attachment_context_type_id": given["attachment_context_type_id"],
        "attachment_context_id": given["attachment_context_id"],
    }
    return NewRecord(KIND, file.id, file.file_name, body)
