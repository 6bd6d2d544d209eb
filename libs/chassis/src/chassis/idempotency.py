"""A POST with an Idempotency-Key takes effect once, however often it is sent within 24 hours."""

import hashlib
import json
from datetime import datetime
from typing import Final

import asyncpg
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.database import Database, Tx, joining
from chassis.problems import Problem
from chassis.service_tokens import Forbidden, Gate, Unauthenticated

_LONGEST_KEY: Final = 255
_KEPT_HEADERS: Final = ("content-type", "location", "etag")

# Ours when nobody has the key, when its 24 hours are over, or when its process died a minute ago without any effect.
_CLAIM = """INSERT INTO idempotency_keys AS kept (caller, route, key, body_sha256) VALUES ($1, $2, $3, $4)
    ON CONFLICT (caller, route, key) DO UPDATE SET begun_at = now(), body_sha256 = excluded.body_sha256,
        in_effect = false, status = NULL, headers = NULL, body = NULL
    WHERE kept.begun_at < now() - interval '24 hours' OR (kept.status IS NULL AND NOT kept.in_effect
        AND kept.body_sha256 = excluded.body_sha256 AND kept.begun_at < now() - interval '1 minute')
    RETURNING begun_at"""
_LOOK = """SELECT body_sha256, in_effect, status, headers, body, begun_at < now() - interval '1 minute' AS old
    FROM idempotency_keys WHERE caller = $1 AND route = $2 AND key = $3"""
_OURS = "WHERE caller = $1 AND route = $2 AND key = $3 AND begun_at = $4"
_TAKES_EFFECT = f"UPDATE idempotency_keys SET in_effect = true {_OURS}"
_KEEP = f"UPDATE idempotency_keys SET status = $5, headers = $6, body = $7 {_OURS}"
_REFUSED = f"DELETE FROM idempotency_keys {_OURS}"
_FAILED = f"DELETE FROM idempotency_keys {_OURS} AND NOT in_effect"

Key = tuple[str, str, str]  # caller, route, key


class Idempotency:
    """Keeps the answer to a POST under its caller, route and key.

    The same again: the first answer, with `Idempotent-Replayed: true`. Another body: 422. Still running: 409. A
    refusal (4xx) changed nothing and is not kept. The transactions of the request note in themselves that they took
    effect; so when a process dies between its commit and its answer, the next try is told (409 `answer_lost`) and
    not done again.
    """

    def __init__(self, app: ASGIApp, *, gate: Gate, database: Database) -> None:
        self._app, self._gate, self._database = app, gate, database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = Headers(scope=scope).get("idempotency-key") if scope["type"] == "http" else None
        if name is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._gate.caller(Headers(scope=scope).get("authorization"))
        except (Unauthenticated, Forbidden):
            await self._app(scope, receive, send)  # which refuses it in its own words
            return
        if not 0 < len(name) <= _LONGEST_KEY:
            raise Problem(400, "idempotency_key_invalid", "Not a key", f"A key has 1 to {_LONGEST_KEY} characters.")
        key = (f"{caller.service or ''}/{caller.subject}/{caller.business_id}", scope["path"], name)
        body = await _whole_body(receive)
        digest = hashlib.sha256(scope["query_string"] + b"\0" + body).digest()
        async with self._database.acquire() as connection:
            begun_at = await connection.fetchval(_CLAIM, *key, digest)
            row = None if begun_at else await connection.fetchrow(_LOOK, *key)
        if begun_at:
            await self._run(key, begun_at, scope, body, send)
        else:
            await _replay(row, digest, send)

    async def _run(self, key: Key, begun_at: datetime, scope: Scope, body: bytes, send: Send) -> None:
        answer: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def collect(message: Message) -> None:
            answer.append(message)

        async def take_effect(tx: Tx) -> None:
            if await tx.execute(_TAKES_EFFECT, *key, begun_at) != "UPDATE 1":
                raise Problem(409, "idempotency_key_running", "Still running", "The key was taken over: ask again.")

        token = joining.set(take_effect)
        try:
            await self._app(scope, receive, collect)
        except BaseException:
            await self._note(_FAILED, key, begun_at)
            raise
        finally:
            joining.reset(token)
        status, content = answer[0]["status"], b"".join(message.get("body", b"") for message in answer)
        if status < 400:  # noqa: PLR2004
            headers = MutableHeaders(scope=answer[0])
            kept = json.dumps({name: headers[name] for name in _KEPT_HEADERS if name in headers})
            await self._note(_KEEP, key, begun_at, status, kept, content)
        else:
            await self._note(_REFUSED if status < 500 else _FAILED, key, begun_at)  # noqa: PLR2004
        for message in answer:
            await send(message)

    async def _note(self, statement: str, key: Key, begun_at: datetime, *values: object) -> None:
        async with self._database.acquire() as connection:
            await connection.execute(statement, *key, begun_at, *values)


async def _replay(row: asyncpg.Record | None, digest: bytes, send: Send) -> None:
    if row is None:
        raise Problem(409, "idempotency_key_running", "Still running", "The first request is just ending: ask again.")
    if row["body_sha256"] != digest:
        raise Problem(422, "idempotency_key_reused", "Another request", "This key came with another body before.")
    if row["status"] is None and row["in_effect"] and row["old"]:
        raise Problem(409, "answer_lost", "Done, but its answer is lost", "It took effect: read the resource.")
    if row["status"] is None:
        raise Problem(409, "idempotency_key_running", "Still running", "The first request has not ended yet.")
    headers = {**json.loads(row["headers"]), "idempotent-replayed": "true", "content-length": str(len(row["body"]))}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": row["status"], "headers": raw})
    await send({"type": "http.response.body", "body": row["body"]})


async def _whole_body(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)
