"""Logs as JSON events, traces by OpenTelemetry. Secrets are scrubbed from whatever is written."""

import logging
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, Final

import structlog
from opentelemetry import propagate, trace

from relink_contracts.envelope import Received

_SECRET_NAME: Final = re.compile(r"(?i)token|secret|password|authorization|cookie|credential|private|_key$|verifier")
_SECRET_TEXT: Final = re.compile(
    r"(?i)(bearer\s+)\S+"
    r"|(://[^:/@\s]+:)[^@\s]+(?=@)"
    r"|((?:(?:token|secret|password)[\"']?\s*[=:]|\b(?:code|key|state)=)\s*[\"']?)[^\s&\"',;)}]+"
    r"|()\beyJ[\w-]+\.[\w-]+\.[\w-]*"
)
_HIDDEN: Final = "[hidden]"

_NO_SPAN: Final = nullcontext()
_tracers: Final[list[trace.Tracer]] = []  # one, once spans are kept

Event = MutableMapping[str, Any]

hearing: ContextVar[Received[Any] | None] = ContextVar("hearing", default=None)
"""The event in hand: every line of the log says which."""


def configure_logging(service: str, level: str) -> None:
    """One line per event on stderr, everybody's library lines among them. Call once, in `main`."""

    def told_apart(_logger: Any, _method: str, event: Event) -> Event:
        context = trace.get_current_span().get_span_context()
        traced = {"trace_id": trace.format_trace_id(context.trace_id)} if context.is_valid else {}
        heard = hearing.get()
        about = {"event_type": heard.type, "event_id": str(heard.id), "subject": heard.subject} if heard else {}
        return {**about, **event, "service": service, **traced}

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        told_apart,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    strip, last = structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
        processors=[strip, structlog.processors.format_exc_info, scrubbed, last],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(at_most(20, of="aiokafka"))  # it writes thousands a second while a broker is away
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("faststream").setLevel(logging.ERROR)


def at_most(lines: int, *, of: str) -> Callable[[logging.LogRecord], bool]:
    """A filter that lets through so many lines of one library's log in each ten seconds."""
    passed: deque[float] = deque([-10.0] * lines, maxlen=lines)  # the moments of the last ones

    def may_pass(record: logging.LogRecord) -> bool:
        if not record.name.startswith(of):
            return True
        if record.created - passed[0] < 10:  # noqa: PLR2004 - seconds, as promised
            return False
        passed.append(record.created)
        return True

    return may_pass


def scrubbed(_logger: Any, _method: str, event: Event) -> Event:
    """The event without what looks like a secret, by its name or by its text."""
    return {name: _HIDDEN if _SECRET_NAME.search(name) else _without_secrets(value) for name, value in event.items()}


def scrub(text: str, limit: int = 500) -> str:
    """The first `limit` characters of a message, tokens and passwords hidden: fit for logs and dead letters."""
    hidden = _SECRET_TEXT.sub(lambda match: next(filter(None, match.groups()), "") + _HIDDEN, text)
    return hidden if len(hidden) <= limit else hidden[: limit - 1] + "…"


def trace_to(service: str, otlp_endpoint: str | None) -> None:
    """Send spans to a collector, those of the database included. None: no spans are kept. Call once, in `main`."""
    if otlp_endpoint is not None:  # and only then are 5 MB of modules worth loading
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        provider = TracerProvider(resource=Resource.create({"service.name": service}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_endpoint)))
        trace.set_tracer_provider(provider)
        _tracers.append(provider.get_tracer("chassis"))
        AsyncPGInstrumentor().instrument()  # type: ignore[no-untyped-call]


def traceparent() -> dict[str, str]:
    """The `traceparent` header of the span we are in; empty without one."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return {name: value for name, value in carrier.items() if name == "traceparent"}


def span_of(
    what: str, headers: Iterable[tuple[str, bytes]], kind: trace.SpanKind = trace.SpanKind.CONSUMER
) -> AbstractContextManager[Any]:
    """A span for handling records; nothing where no spans are kept, since even an idle one costs 20 µs."""
    if not _tracers:
        return _NO_SPAN
    return _tracers[0].start_as_current_span(what, kind=kind, links=links_to(headers))


def links_to(headers: Iterable[tuple[str, bytes]]) -> list[trace.Link]:
    """Links to the spans that said the records. No parents: a batch has many, and a replay comes days later."""
    carriers = [{name: value.decode("latin-1")} for name, value in headers if name == "traceparent"]
    contexts = [trace.get_current_span(propagate.extract(carrier)).get_span_context() for carrier in carriers]
    return [trace.Link(context) for context in contexts if context.is_valid]


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return scrub(value, limit=8000)
    if isinstance(value, dict):
        return scrubbed(None, "", value)
    return [_without_secrets(element) for element in value] if isinstance(value, (list, tuple)) else value
