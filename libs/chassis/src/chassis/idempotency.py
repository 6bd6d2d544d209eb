"""A POST with an Idempotency-Key takes effect once, however often it is sent within 24 hours."""

import hashlib
import json
from typing import Any

import asyncpg
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.database import Database, Tx, joining
from chassis.problems import Problem
from chassis.service_tokens import Gate

_LONGEST_KEY, _LEAST_REFUSAL, _LEAST_FAILURE = 255, 400, 500  # of HTTP's status codes, the last two

# Ours when nobody has the key, when its 24 hours are over, or when its process died a minute ago without any effect.
_CLAIM = """INSERT INTO idempotency_keys AS kept (caller, route, key, body_sha256) VALUES ($1, $2, $3, $4)
    ON CONFLICT (caller, route, key) DO UPDATE SET begun_at = now(), body_sha256 = excluded.body_sha256,
        in_effect = false, status = NULL, headers = NULL, body = NULL
    WHERE kept.begun_at < now() - interval '24 hours' OR (kept.status IS NULL AND NOT kept.in_effect
        AND kept.body_sha256 = excluded.body_sha256 AND kept.begun_at < now() - interval '1 minute')
    RETURNING begun_at"""
_LOOK = """SELECT body_sha256, in_effect, status, headers, body, begun_at < now() - interval '1 minute' AS old
    FROM idempotency_keys WHERE caller = $1 AND route = $2 AND key = $3"""
# The moment of the claim is part of it: a request that another has taken over from notes nothing any more.
_OURS = " WHERE caller = $1 AND route = $2 AND key = $3 AND begun_at = $4"
_TAKES_EFFECT = "UPDATE idempotency_keys SET in_effect = true" + _OURS  # noqa: S608 - constants
_KEEP = "UPDATE idempotency_keys SET status = $5, headers = $6, body = $7" + _OURS  # noqa: S608 - constants
_REFUSED = "DELETE FROM idempotency_keys" + _OURS  # noqa: S608 - constants
_FAILED = _REFUSED + " AND NOT in_effect"


class Idempotency:
    """Keeps the answer to a POST under its caller, route and key.

    The same again: the first answer, with `Idempotent-Replayed: true`. Another body: 422. Still running: 409. Not kept
    is a refusal (4xx), which changed nothing, and an answer with `Cache-Control: no-store`, which holds a secret: the
    same again is done again. The transactions of the request note in themselves that they took effect; so when a
    process dies between its commit and its answer, the next try is told (409 `answer_lost`) and not done again.
    """

    def __init__(self, app: ASGIApp, *, gate: Gate, database: Database) -> None:
        self._app, self._gate, self._database = app, gate, database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = Headers(scope=scope).get("idempotency-key") if scope["type"] == "http" else None
        if name is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        caller = await self._gate.caller(Headers(scope=scope).get("authorization"))
        if not 0 < len(name) <= _LONGEST_KEY:
            raise Problem(400, "idempotency_key_invalid", "Not a key", f"A key has 1 to {_LONGEST_KEY} characters.")
        key = (f"{caller.service or ''}/{caller.subject}/{caller.business_id}", scope["path"], name)
        body = await Request(scope, receive).body()
        digest = hashlib.sha256(scope["query_string"] + b"\0" + body).digest()
        async with self._database.acquire() as connection:
            begun_at = await connection.fetchval(_CLAIM, *key, digest)
            row = None if begun_at else await connection.fetchrow(_LOOK, *key)
        if begun_at:
            await self._run((*key, begun_at), scope, body, send)
        else:
            await _first_answer(row, digest)(scope, receive, send)

    async def _run(self, claim: tuple[Any, ...], scope: Scope, body: bytes, send: Send) -> None:
        answer: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def collect(message: Message) -> None:
            answer.append(message)

        async def take_effect(tx: Tx) -> None:
            if await tx.execute(_TAKES_EFFECT, *claim) != "UPDATE 1":
                raise Problem(409, "idempotency_key_running", "Still running", "Another try took over: ask again.")

        token = joining.set(take_effect)
        try:
            await self._app(scope, receive, collect)
        except BaseException:
            await self._note(_FAILED, *claim)
            raise
        finally:
            joining.reset(token)
        status, content = answer[0]["status"], b"".join(message.get("body", b"") for message in answer)
        headers = dict(Headers(raw=answer[0]["headers"]))
        if status < _LEAST_REFUSAL and headers.get("cache-control") != "no-store":
            kept = json.dumps({name: headers[name] for name in headers.keys() & {"content-type", "location", "etag"}})
            await self._note(_KEEP, *claim, status, kept, content)
        else:
            await self._note(_REFUSED if status < _LEAST_FAILURE else _FAILED, *claim)
        for message in answer:
            await send(message)

    async def _note(self, statement: str, *values: object) -> None:
        async with self._database.acquire() as connection:
            await connection.execute(statement, *values)


def _first_answer(row: asyncpg.Record | None, digest: bytes) -> Response:
    if row is not None and row["body_sha256"] != digest:
        raise Problem(422, "idempotency_key_reused", "Another request", "This key came with another body before.")
    if row is not None and row["status"] is None and row["in_effect"] and row["old"]:
        raise Problem(409, "answer_lost", "Done, but its answer is lost", "It took effect: read the resource.")
    if row is None or row["status"] is None:
        raise Problem(409, "idempotency_key_running", "Still running", "The first request has not ended yet.")
    return Response(row["body"], row["status"], json.loads(row["headers"]) | {"idempotent-replayed": "true"})
