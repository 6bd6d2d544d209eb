"""Attachables: files uploaded as multipart, notes, links; read as tolerantly as QuickBooks reads them."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from simulator import attachments
from simulator.attachments import Attachment, Document
from simulator.calls import Answer, Call
from simulator.encoding import Json, loads
from simulator.journal import Effect
from simulator.quickbooks import writes
from simulator.quickbooks.formats import (
    Problem,
    answer,
    missing,
    object_not_found,
    refuse,
    shown,
)
from simulator.quickbooks.gateway import place_of
from simulator.records import find
from simulator.state import Tx

KIND = "Attachable"
_PART_NAME = re.compile(r'name="?(file_(?:metadata|content)_\d+)"?', re.IGNORECASE)
_FILE_NAME = re.compile(r'filename="?([^";\r\n]+)"?', re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    name: str
    headers: Json
    content: bytes


def upload(call: Call, tx: Tx) -> Answer:
    """Each file with its metadata becomes one attachable; a file that fails has a Fault in its place."""
    parts = {part.name: part for part in parts_of(call)}
    numbers = sorted(name.removeprefix("file_content_") for name in parts if name.startswith("file_content_"))
    if not numbers:
        raise refuse(call, missing("file_content"))
    answers = [
        _uploaded(call, tx, parts.get(f"file_metadata_{number}"), parts[f"file_content_{number}"]) for number in numbers
    ]
    effect = next((effect for _, effect in answers if effect), None)
    return answer(call, {"AttachableResponse": [body for body, _ in answers]}, effect=effect)


def _uploaded(call: Call, tx: Tx, metadata: Part | None, content: Part) -> tuple[Json, Effect | None]:
    described: Any = loads(metadata.content) if metadata else {}
    file_name = _FILE_NAME.search(content.headers.get("content-disposition", ""))
    body: Json = {
        **{name: value for name, value in described.items() if value != ""},
        "FileName": described.get("FileName") or (file_name[1] if file_name else "file"),
        "ContentType": described.get("ContentType") or content.headers.get("content-type", "application/octet-stream"),
        "Size": len(content.content),
    }
    references = _references(body)
    for reference in references:
        if find(tx, place_of(call), *reference) is None:
            error = {
                "Message": "Invalid Reference Id",
                "Detail": f"{reference} not found",
                "code": "2500",
                "element": "",
            }
            return {"Fault": {"Error": [error], "type": "ValidationFault"}}, None
    saved = writes.save(call, tx, KIND, writes.merged(body, None), None)
    assert saved.effect is not None
    file = Attachment(saved.effect.id, body["FileName"], body["ContentType"], content.content)
    for kind, document_id in references[:1]:
        attachments.add(tx, place_of(call), Document(kind.lower(), document_id), file)
    return {KIND: _shown(call, tx, file.id)}, Effect("attachment", file.id, _reference_of(call, tx, references))


def write_attachable(call: Call, tx: Tx) -> Answer:
    """A note, or a change of what an uploaded file hangs on; deletion with operation=delete."""
    body = writes.body_of(call)
    if call.query.get("operation") == "delete":
        return writes.delete(call, tx, KIND, body)
    record = writes.known(call, tx, KIND, body)
    whole = writes.merged(body, record)
    if not whole.get("Note") and not whole.get("FileName"):
        raise refuse(call, missing("Note"))
    return writes.save(call, tx, KIND, whole, record)


def download_address(call: Call, tx: Tx) -> Answer:
    """A short-lived address of the file, as text."""
    if attachments.find(tx, place_of(call), call.parts["id"]) is None:
        raise refuse(call, object_not_found(f"Attachable {call.parts['id']}"))
    address = f"{call.base_url}/quickbooks/files/{place_of(call).organisation}/{call.parts['id']}"
    return Answer(200, address.encode(), "text/plain")


def serve_file(call: Call, tx: Tx) -> Answer:
    """Where those addresses lead; they need no token."""
    file = attachments.find(tx, place_of(call), call.parts["id"])
    return Answer(200, file.content, file.content_type) if file else Answer(404)


def parts_of(call: Call) -> list[Part]:
    """The parts of a multipart body, whatever its line ends, leading blank lines and transfer encodings."""
    found = re.search(r'boundary="?([^";]+)"?', call.headers.get("content-type", ""))
    if not found:
        raise refuse(
            call, Problem("2010", "Request has invalid or unsupported property", "multipart/form-data is needed")
        )
    pieces = re.split(rb"(?:^|\r?\n)--" + re.escape(found[1].encode()) + rb"(?:--)?[ \t]*(?=\r?\n|$)", call.body)
    return [part for piece in pieces if (part := _part(piece))]


def _part(piece: bytes) -> Part | None:
    separator = re.search(rb"\r?\n\r?\n", piece.lstrip(b"\r\n"))
    if not separator:
        return None
    whole = piece.lstrip(b"\r\n")
    lines = re.split(r"\r?\n", whole[: separator.start()].decode("utf-8", errors="replace"))
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    name = _PART_NAME.search(headers.get("content-disposition", ""))
    if not name:
        return None
    content = whole[separator.end() :]
    if headers.get("content-transfer-encoding", "").lower() == "base64":
        try:
            content = base64.b64decode(content)
        except binascii.Error:
            return None
    return Part(name[1].lower(), headers, content)


def _references(body: Json) -> list[tuple[str, str]]:
    """Kind and id of everything a file hangs on."""
    found = []
    for reference in body.get("AttachableRef") or []:
        target = reference.get("EntityRef") or {}
        if target.get("type") and target.get("value"):
            found.append((str(target["type"]), str(target["value"])))
    return found


def _reference_of(call: Call, tx: Tx, references: list[tuple[str, str]]) -> str | None:
    for kind, document_id in references:
        record = find(tx, place_of(call), kind, document_id)
        if record:
            return record.body.get("PrivateNote")
    return None


def _shown(call: Call, tx: Tx, attachable_id: str) -> Json:
    record = find(tx, place_of(call), KIND, attachable_id)
    assert record is not None
    place = place_of(call)
    return {
        **shown(record),
        "FileAccessUri": f"/v3/company/{place.organisation}/download/{attachable_id}",
        "TempDownloadUri": f"{call.base_url}/quickbooks/files/{place.organisation}/{attachable_id}",
    }
