"""Gives one exporter spans in the dialect of its backend, so that no other exporter gets the extra attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_sessions import _diagnostics
from otel_sessions._session.dialects import Vocabulary, is_genai
from otel_sessions._session.other_ids import is_another
from otel_sessions._session.session import SESSION_ID
from otel_sessions._settings import table
from otel_sessions._settings.settings import Settings

from .displacing import kept_as

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.util.types import Attributes

    Value = str | tuple[str, ...]


class DialectSpanExporter(SpanExporter):
    """Exports spans with the names of a session that one backend reads, beside ``session.id`` and ``user.id``.

    Wrap the exporter of that backend; the exporters of others are not concerned::

        provider.add_span_processor(BatchSpanProcessor(DialectSpanExporter(to_langfuse, "langfuse")))
        provider.add_span_processor(BatchSpanProcessor(DialectSpanExporter(to_langsmith, "langsmith")))

    What is added is not subject to the limits of the SDK: a span may go out with more attributes than
    ``OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT``, by as many as were added. A name of the session under which a span has another
    one, as that of a framework, gets the session of the span, and the other one is kept, as the processor does it for a
    scope and a bind; here also for a session that came with a request, which an ended span does not tell. No other
    attribute is overwritten, the spans themselves stay as they are, and one that has nothing of a session is passed on
    as the same object.

    Args:
        exporter: Any exporter of spans.
        dialects: Names as in ``OTEL_SESSION_DIALECTS``: a list, or a text with commas between.
        aliases: Names of your own, ``my.key=session.id``, as in ``OTEL_SESSION_ALIASES``.
        conflict: Who wins where a span names another session under such a name, as in ``OTEL_SESSION_CONFLICT``:
            ``scope``, or ``span``, which leaves that as it is; ``None`` is what that variable says.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        dialects: str | Iterable[str],
        aliases: str | Mapping[str, str] | Iterable[tuple[str, str]] = (),
        *,
        conflict: str | None = None,
    ) -> None:
        self._exporter = exporter
        given = table.parsed(dialects=dialects, aliases=aliases)
        self._dialects, self._aliases = given.get("dialects", ()), given.get("aliases", ())
        self._vocabulary = Vocabulary.of(self._dialects, self._aliases)
        span_wins = Settings.of_processor(conflict=conflict).conflict == "span"
        names = () if span_wins else (*self._vocabulary.names, *self._vocabulary.genai_names)
        self._session_names = dict.fromkeys(name for name, key in names if key == SESSION_ID)  # in their order
        self._resources: tuple[Resource | None, Resource | None] = (None, None)  # the last one, and what copies have

    def __repr__(self) -> str:
        """Show what it wraps, and how."""
        return f"{type(self).__name__}({self._exporter!r}, {self._dialects}, {self._aliases})"

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export ``spans`` through the exporter that is wrapped, and return its result."""
        return self._exporter.export([self._told(span) for span in spans] if self._vocabulary else spans)

    def shutdown(self) -> None:
        """Shut the exporter down that is wrapped."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the exporter that is wrapped."""
        return self._exporter.force_flush(timeout_millis)

    def _told(self, span: ReadableSpan) -> ReadableSpan:
        """Return ``span`` in the dialect: a copy where there is anything to add, and where nothing goes wrong."""
        try:
            attributes = dict(span.attributes or {})  # each look into those of the SDK takes a lock
            is_about_ai = self._vocabulary.has_genai_only and is_genai(attributes)
            wanted = self._vocabulary.names_for(attributes, is_genai=is_about_ai)
            added = {name: value for name, value in wanted.items() if name not in attributes}
            if not self._session_names.keys().isdisjoint(attributes):
                added |= self._instead(attributes)
            return _Copy(span, self._shared(span.resource), {**attributes, **added}) if added else span
        except Exception as error:  # noqa: BLE001  # a span without the extra names is better than none
            found = type(error).__name__
            _diagnostics.warn_once(
                ("dialect", found), "otel_sessions: a span goes out without its dialect: it raised %s", found
            )
            return span

    def _instead(self, attributes: Mapping[str, object]) -> dict[str, Value]:
        """Return what to put in place of other sessions that ``attributes`` name, and who gave way."""
        session_id = attributes.get(SESSION_ID)
        if not isinstance(session_id, str) or not is_another(session_id, ()):  # none, or masked
            return {}
        others = {
            name: attributes[name] for name in self._session_names if is_another(attributes.get(name), {session_id})
        }
        found: dict[str, Value] = dict.fromkeys(others, session_id)
        for name, other in others.items():
            if kept_as(name) not in attributes:
                found.setdefault(kept_as(name), str(other))
        return found

    def _shared(self, resource: Resource) -> Resource:
        """Return the resource that the copies of spans of ``resource`` have."""
        last, shared = self._resources
        if shared is None or last is not resource:
            shared = _HashedOnce(resource) if type(resource) is Resource else resource
            self._resources = resource, shared
        return shared


class _HashedOnce(Resource):
    """The same resource to whoever compares it, whose hash is found once.

    OTLP exporters group the spans of a batch by it, and the SDK's writes its attributes as JSON each time: with 20
    attributes that takes longer than to encode both ids.
    """

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource.attributes, resource.schema_url)
        self._hash: int | None = None

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = super().__hash__()
        return self._hash


class _Copy(ReadableSpan):
    """A span that has ended, with other attributes."""

    def __init__(self, span: ReadableSpan, resource: Resource, attributes: Attributes) -> None:
        super().__init__(
            name=span.name,
            context=span.get_span_context(),
            parent=span.parent,
            resource=resource,
            attributes=attributes,
            events=span.events,
            links=span.links,
            kind=span.kind,
            status=span.status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )
        self._original = span

    # The SDK counts what was dropped in stores of its own, which a copy has not.

    @property
    def dropped_attributes(self) -> int:
        """How many attributes the span has lost to its limit."""
        return self._original.dropped_attributes

    @property
    def dropped_events(self) -> int:
        """How many events the span has lost to its limit."""
        return self._original.dropped_events

    @property
    def dropped_links(self) -> int:
        """How many links the span has lost to its limit."""
        return self._original.dropped_links
