"""One request to a provider, with every way it can fail translated."""

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2

from providers.errors import OutcomeUnknown, Problem, ProviderError, ProviderUnavailable, Refused, Throttled
from providers.models import Document, Permit, Published, unlimited

RETRY_AFTER_UNSAID = timedelta(seconds=60)
LONGEST_NUMBER = 9  # digits of a wait
LONGEST_WAIT = timedelta(days=1)  # the limits of a day begin anew by then
LARGEST_ANSWER = 32 * 1024 * 1024  # bytes; a page of 1,000 contacts has two million
MOST_PAGES = 1_000  # of one list
LONGEST_ANSWER = 6  # times the client's own read time-out, which is between two packets and so for ever in sum
NOT_READABLE = (ValueError, ArithmeticError, RecursionError)  # no JSON, a number or a nesting beyond all bounds
NOT_AS_PROMISED = (KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError)
OF_THE_TRANSPORT = frozenset({"content-encoding", "content-length", "transfer-encoding"})
NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


async def send(  # noqa: PLR0913 - each one is part of the request
    http: httpx2.AsyncClient,
    request: httpx2.Request,
    *,
    writes: bool,
    permit: Permit = unlimited,
    auth: httpx2.BasicAuth | None = None,
    deadline: float | None = None,
) -> httpx2.Response:
    """The provider's answer, whatever its status; `refuse_unusable` judges that. It has bounds of size and time.

    `writes` says whether a lost answer leaves something in doubt. The `permit` is awaited first. Past `deadline`
    (`time.monotonic()`) nothing is sent, and waiting for a connection ends there too; what was sent before it may still
    be answered after it.
    """
    await permit()
    if deadline is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise ProviderUnavailable("deadline_passed")
        timeout = request.extensions["timeout"]
        request.extensions["timeout"] = timeout | {
            phase: left if timeout[phase] is None else min(timeout[phase], left) for phase in ("connect", "pool")
        }
    patience = request.extensions["timeout"]["read"]
    try:
        async with asyncio.timeout(patience and LONGEST_ANSWER * patience):
            response = await http.send(request, auth=auth, stream=True)
            return await _whole(response, writes=writes)
    except TimeoutError as error:
        raise lost("timeout", "too slow", writes=writes) from error
    except NOT_SENT as error:
        raise ProviderUnavailable("connect", type(error).__name__) from error
    except httpx2.TimeoutException as error:
        raise lost("timeout", type(error).__name__, writes=writes) from error
    except httpx2.RequestError as error:
        raise lost("broken", type(error).__name__, writes=writes) from error


async def _whole(response: httpx2.Response, *, writes: bool) -> httpx2.Response:
    """The answer, read to its end and unpacked; as lost where it is too large."""
    body = bytearray()
    try:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > LARGEST_ANSWER:
                raise lost("too_large", f"more than {LARGEST_ANSWER} bytes", writes=writes)
    finally:
        await response.aclose()
    headers = [(name, value) for name, value in response.headers.multi_items() if name not in OF_THE_TRANSPORT]
    return httpx2.Response(response.status_code, headers=headers, content=bytes(body), request=response.request)


def lost(symptom: str, detail: str = "", *, writes: bool) -> ProviderError:
    """What an answer that cannot be used means: doubt after a write, nothing after a read."""
    return OutcomeUnknown(symptom, detail) if writes else ProviderUnavailable(symptom, detail)


def refuse_unusable(response: httpx2.Response, *, writes: bool) -> None:
    """Raise for the statuses that mean the same at every provider: 429, 408, 5xx and redirects."""
    status = response.status_code
    if status == httpx2.codes.TOO_MANY_REQUESTS:
        raise Throttled(retry_after(response))
    if status >= httpx2.codes.INTERNAL_SERVER_ERROR or status == httpx2.codes.REQUEST_TIMEOUT:
        raise lost("server_error", f"HTTP {status}", writes=writes)
    if httpx2.codes.MULTIPLE_CHOICES <= status < httpx2.codes.BAD_REQUEST:
        raise lost("unexpected", f"HTTP {status}", writes=writes)


def retry_after(response: httpx2.Response) -> timedelta:
    """The provider's own wait in whole seconds, at most a day; a minute where it names none."""
    said = response.headers.get("retry-after", "")
    named = said.isdecimal() and len(said) <= LONGEST_NUMBER
    return min(timedelta(seconds=int(said)), LONGEST_WAIT) if named else RETRY_AFTER_UNSAID


def parsed(response: httpx2.Response, *, writes: bool) -> Any:
    """The body as JSON with every fraction a `Decimal`."""
    try:
        return json.loads(response.content, parse_float=Decimal)
    except NOT_READABLE as error:
        raise lost("malformed", f"HTTP {response.status_code}", writes=writes) from error


@contextmanager
def well_formed(*, writes: bool) -> Iterator[None]:
    """Reading an answer that is JSON, but not of the promised shape, is like getting none."""
    try:
        yield
    except NOT_AS_PROMISED as error:
        raise lost("malformed", f"{type(error).__name__}: {error}", writes=writes) from error


def listed(value: Any) -> list[Any]:
    """A list of an answer. Anything else could pass for an empty one, and what should be in it for gone."""
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def page_numbers() -> Iterator[int]:
    """1, 2, 3 and so on, for whoever reads a list until its last page. A list that has none is no answer."""
    yield from range(1, MOST_PAGES + 1)
    raise lost("too_large", f"more than {MOST_PAGES} pages", writes=False)


def parsed_if_json(response: httpx2.Response) -> Any:
    """The body of a refusal as JSON, or None: gateways also answer in plain text and XML."""
    try:
        return json.loads(response.content, parse_float=Decimal)
    except NOT_READABLE:
        return None


def json_number(amount: Decimal) -> float:
    """The amount as a JSON number, for the providers that want one.

    A float prints the digits it was made from as long as there are at most 15 of them; more is refused rather than
    rounded quietly.
    """
    number = float(amount)
    if Decimal(repr(number)) != amount:
        raise Refused(Problem("value_invalid", "lines", f"{amount} has more digits than a JSON number keeps"))
    return number


def fitted_key(key: str, *, limit: int) -> str:
    """The idempotency key as the provider takes it: itself, or its hash where it is too long or not ASCII."""
    return key if len(key) <= limit and key.isascii() else hashlib.sha256(key.encode()).hexdigest()[:limit]


def attachment_key(published: Published, document: Document) -> str:
    """The key of one file on one bill: other content or another name is another write."""
    of_file = hashlib.sha256(document.file_name.encode() + b"\0" + document.content).hexdigest()
    return f"{published.provider_reference}/{of_file}"
