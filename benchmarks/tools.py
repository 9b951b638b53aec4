"""What is compared: for each tool, what stamps its ids on a span, and how a program sets them.

A peer is loaded when it is asked for, and one that is not installed is reported as missing.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count, cycle
from typing import TYPE_CHECKING, Any

from opentelemetry import baggage
from opentelemetry.context import attach, detach, get_current
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from harness.pipelines import attached
from otel_sessions import SessionScope, set_session
from otel_sessions.sdk import SessionSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from contextlib import AbstractContextManager
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span
    from typing_extensions import Self

SESSION_ID = "0b6f0f5e-7d0c-4a52-9a4e-6a1f7c1f6c55"
USER_ID = "user-4711"
IDS = {"session.id": SESSION_ID, "user.id": USER_ID}

NO_OP = "no-op processor"
FLOOR = "floor: two set_attribute calls"
OURS = "otel-sessions"
CONTRIB = "contrib BaggageSpanProcessor"
LOGFIRE = "logfire"
OPENINFERENCE = "openinference"
TRACELOOP = "traceloop"
LANGFUSE_PART = "langfuse, propagation part"
LANGFUSE = "langfuse, whole processor"

IN_BARS = frozenset({NO_OP, FLOOR, OURS, CONTRIB})
"""Those of which something is promised, or to which it is compared."""


_callers = count(0xA000)


def new_ids() -> Iterator[str]:
    """Return ids without end, each of which has not been seen before, or so long ago that nobody keeps it ready.

    Each caller has others: what one case has made known is new to the next one.
    """
    caller = next(_callers)
    return cycle([f"{number:08}-{caller:04x}-4a52-9a4e-6a1f7c1f6c55" for number in range(20_000)])


@dataclass(frozen=True, slots=True)
class Tool:
    """One way to get two ids on every span.

    Attributes:
        name: Its name in the tables.
        how: What of it is run.
        processor: Makes its span processor.
        scope: Makes a context manager that sets both ids, in the tool's own way; `SESSION_ID`, where none is given.
        reads_baggage: Ids that come in OTel Baggage under ``session.id`` and ``user.id`` reach the span.
    """

    name: str
    how: str
    processor: Callable[[], SpanProcessor]
    scope: Callable[..., AbstractContextManager[object]]
    reads_baggage: bool = False


def with_baggage(entries: dict[str, str], context: Context | None = None) -> Context:
    """Return ``context`` with ``entries`` in its baggage, after those that are there."""
    result = get_current() if context is None else context
    for key, value in entries.items():
        result = baggage.set_baggage(key, value, result)
    return result


class _BaggageScope:
    """The least that sets both ids in baggage with the public API."""

    __slots__ = ("_session_id", "_token")

    def __init__(self, session_id: str = SESSION_ID) -> None:
        self._session_id = session_id

    def __enter__(self) -> Self:
        context = baggage.set_baggage("session.id", self._session_id)
        self._token: Token[Context] = attach(baggage.set_baggage("user.id", USER_ID, context))
        return self

    def __exit__(self, *_: object) -> None:
        detach(self._token)


def no_scope(session_id: str = SESSION_ID) -> AbstractContextManager[object]:  # noqa: ARG001
    """Return what is entered where a tool has nothing to enter."""
    return nullcontext()


class _Calling(SpanProcessor):
    """Calls one function when a span starts, for peers that have a function and no processor."""

    def __init__(self, on_start: Callable[[Span, Context | None], object]) -> None:
        self.on_start = on_start  # type: ignore[method-assign,assignment]


class Constant(SpanProcessor):
    """The least that can be done with the public API."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Set both ids."""
        span.set_attribute("session.id", SESSION_ID)
        span.set_attribute("user.id", USER_ID)


class _Discarding(SpanExporter):
    def export(self, spans: Any) -> SpanExportResult:  # noqa: ARG002
        return SpanExportResult.SUCCESS


def our_scope(session_id: str = SESSION_ID) -> SessionScope:
    """Return the scope that sets both ids."""
    return set_session(session_id, user_id=USER_ID)


def _no_op() -> Tool:
    return Tool(NO_OP, "the SDK's `SpanProcessor`, whose methods do nothing", SpanProcessor, no_scope)


def _floor() -> Tool:
    how = "a processor that sets two constants: the least that the public API allows"
    return Tool(FLOOR, how, Constant, no_scope)


def _ours() -> Tool:
    how = "`SessionSpanProcessor`; `set_session(session_id, user_id=…)`"
    return Tool(OURS, how, SessionSpanProcessor, our_scope, reads_baggage=True)


def _contrib() -> Tool:
    from opentelemetry.processor.baggage import BaggageSpanProcessor

    wanted = frozenset(IDS).__contains__  # the quickest predicate there is
    how = "`BaggageSpanProcessor` of opentelemetry-processor-baggage, with a predicate for the two keys"
    return Tool(CONTRIB, how, lambda: BaggageSpanProcessor(wanted), _BaggageScope, reads_baggage=True)


def _logfire() -> Tool:
    import logfire
    from logfire._internal.baggage import DirectBaggageAttributesSpanProcessor

    how = (
        "its baggage processor, taken from `logfire._internal` as it can't be had alone; it stamps all baggage, "
        "foreign entries too; `logfire.set_baggage`"
    )

    def scope(session_id: str = SESSION_ID) -> AbstractContextManager[object]:
        return logfire.set_baggage(**{"session.id": session_id, "user.id": USER_ID})

    return Tool(LOGFIRE, how, DirectBaggageAttributesSpanProcessor, scope, reads_baggage=True)


def _openinference() -> Tool:
    from openinference.instrumentation import get_attributes_from_context, using_attributes

    def stamp(span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG001
        for key, value in get_attributes_from_context():
            span.set_attribute(key, value)

    how = (
        "`get_attributes_from_context` and `set_attribute` in a processor: its own tracer does this, "
        "and only for its own spans; `using_attributes`"
    )

    def scope(session_id: str = SESSION_ID) -> AbstractContextManager[object]:
        return using_attributes(session_id=session_id, user_id=USER_ID)

    return Tool(OPENINFERENCE, how, lambda: _Calling(stamp), scope)


def _traceloop() -> Tool:
    from traceloop.sdk.tracing.tracing import default_span_processor_on_start, set_association_properties

    @contextmanager
    def scope(session_id: str = SESSION_ID) -> Iterator[None]:
        with attached(get_current()):  # theirs can't be left
            set_association_properties({"session_id": session_id, "user_id": USER_ID})
            yield

    how = "association properties: `default_span_processor_on_start`, which its processor runs for each span"
    return Tool(TRACELOOP, how, lambda: _Calling(default_span_processor_on_start), scope)


def _langfuse_scope(session_id: str = SESSION_ID) -> AbstractContextManager[object]:
    from langfuse import propagate_attributes

    return propagate_attributes(session_id=session_id, user_id=USER_ID)


def _langfuse_part() -> Tool:
    from langfuse._client.propagation import _get_propagated_attributes_from_context
    from langfuse._client.span import _set_span_attributes_within_limit

    def stamp(span: Span, parent_context: Context | None = None) -> None:
        context = parent_context or get_current()
        _set_span_attributes_within_limit(span, _get_propagated_attributes_from_context(context))

    how = "the two private functions that its processor calls to propagate; `propagate_attributes`"
    return Tool(LANGFUSE_PART, how, lambda: _Calling(stamp), _langfuse_scope)


def _langfuse() -> Tool:
    from langfuse._client.span_processor import LangfuseSpanProcessor

    def processor() -> SpanProcessor:
        return LangfuseSpanProcessor(
            public_key="none",
            secret_key="none",  # noqa: S106  # nothing is sent
            base_url="http://127.0.0.1:9",
            span_exporter=_Discarding(),
            should_export_span=lambda _: False,
        )

    how = (
        "`LangfuseSpanProcessor`, which does more than stamping; its default filter, which would take longer than "
        "all else, is replaced by one that lets nothing through, so that nothing is exported"
    )
    return Tool(LANGFUSE, how, processor, _langfuse_scope)


_LOADERS = {
    NO_OP: _no_op,
    FLOOR: _floor,
    OURS: _ours,
    CONTRIB: _contrib,
    LOGFIRE: _logfire,
    OPENINFERENCE: _openinference,
    TRACELOOP: _traceloop,
    LANGFUSE_PART: _langfuse_part,
    LANGFUSE: _langfuse,
}

NAMES = tuple(_LOADERS)


def load(wanted: Container[str] = NAMES) -> tuple[dict[str, Tool], dict[str, str]]:
    """Return the tools by name, and for those that can't be run, the reason."""
    found = {name: _loaded(loader) for name, loader in _LOADERS.items() if name in wanted}
    missing = {name: f"not run: {result}" for name, result in found.items() if isinstance(result, ImportError)}
    return {name: result for name, result in found.items() if isinstance(result, Tool)}, missing


def _loaded(loader: Callable[[], Tool]) -> Tool | ImportError:
    try:
        return loader()
    except ImportError as error:
        return error
