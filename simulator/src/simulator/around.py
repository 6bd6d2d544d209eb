"""What else stands around the product: the identity system's API and a store of documents."""

import hashlib

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel

from simulator import people

router = APIRouter()


class Person(BaseModel):
    user_id: str
    name: str
    email: str
    time_zone: str
    locale: str


@router.get("/identity/v1/users/{user_id}")
async def person(user_id: str) -> Person:
    """Where to reach a user, and in which time zone and language. 404 for somebody unknown."""
    user = people.find(user_id)
    if user is None:
        raise HTTPException(404, f"nobody is {user_id}")
    return Person(user_id=user.id, name=user.name, email=user.email, time_zone=user.time_zone, locale=user.locale)


@router.get("/documents/{name}.pdf")
async def document(name: str) -> Response:
    """A practice document: a valid one-page PDF, the same bytes for the same name for ever."""
    return Response(practice_pdf(name), media_type="application/pdf")


def practice_pdf(name: str) -> bytes:
    mark = hashlib.sha256(name.encode()).hexdigest()[:16]
    printable = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)
    text = f"BT /F1 18 Tf 72 760 Td (Practice document {printable}) Tj 0 -28 Td (Mark {mark}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 5 0 R >> >>",
    ]
    document = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(document)
    document += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    document += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    document += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(document)
