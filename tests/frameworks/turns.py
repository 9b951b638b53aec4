"""Turns of users with a real framework, and the judgement of what was exported: all of a turn has its ids, nothing else has."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions import get_session, set_session, to_carrier, turn
from otel_sessions.sdk import instrument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

_AFTERWARDS = "afterwards"


class User(NamedTuple):
    """Somebody who asks in a session of their own; each question has the session's id in its words."""

    session: str
    name: str

    @property
    def words(self) -> str:
        return f"{self.session} asks"

    @property
    def question(self) -> str:
        return f"Where is order 4711? {self.words}."


ADA, BOB = User("conv-of-ada", "ada"), User("conv-of-bob", "bob")


def users(count: int) -> list[User]:
    return [User(f"conv-{number}-of-many", f"user-{number}") for number in range(count)]


def find_order(order_id: str) -> str:
    """Return the status of an order as JSON.

    Args:
        order_id: The number of the order.
    """
    with trace.get_tracer("app").start_as_current_span("find_order"):
        return f'{{"order_id": "{order_id}", "status": "sent", "arrives": "Friday"}}'


class Turns:
    """The pipeline of the process, and the turns that run in it; a framework keeps the first provider that it sees."""

    def __init__(self, *processors: SpanProcessor, provider: TracerProvider | None = None, **settings: str) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = provider or TracerProvider(shutdown_on_exit=False)
        if provider is None:
            trace.set_tracer_provider(self.provider)
        instrument(self.provider, **settings)
        for processor in processors:
            self.provider.add_span_processor(processor)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.with_turn = False

    @contextmanager
    def of(self, user: User) -> Iterator[None]:
        """Put the session of ``user`` around a block, and see that it ends with that."""
        with set_session(session_id=user.session, user_id=user.name), turn() if self.with_turn else nullcontext():
            yield
        self.nothing_is_left()

    def nothing_is_left(self, *, root: bool = True) -> None:
        """See that here, now, is no session and, if it is to be a ``root``, no span of before."""
        assert get_session() is None
        assert ".id=" not in to_carrier().get("baggage", "")
        with trace.get_tracer("app").start_as_current_span(_AFTERWARDS) as span:
            assert get_session() is None
        assert {key: value for key, value in span.attributes.items() if key in {"session.id", "user.id"}} == {}
        assert span.parent is None or not root, f"a span of before is still current: {span.parent}"

    def spans(self) -> list[ReadableSpan]:
        """Return what was exported of turns."""
        return [span for span in self.exporter.get_finished_spans() if span.name != _AFTERWARDS]

    def are_apart(self, *those: User, own_users: frozenset[str] = frozenset()) -> None:
        """See that each span is of one of ``those``, and of the one whose words it holds, in traces of their own.

        A user that the framework has set on its spans by itself, one of ``own_users``, stays there.
        """
        by_session = {user.session: user for user in those}
        spans = self.spans()
        assert [_told(span) for span in spans if not _is_right(span, by_session, own_users)] == []
        self.have_traces_of_their_own(spans)

    def have_traces_of_their_own(self, spans: list[ReadableSpan]) -> None:
        """See that no trace of ``spans`` is of two sessions."""
        traces = {(span.context.trace_id, span.attributes["session.id"]) for span in spans}
        assert len({trace_id for trace_id, _ in traces}) == len(traces), "a trace has two sessions"


class OwnIds(Turns):
    """Turns without a session of ours: the framework is told whose they are, and nobody else."""

    def __init__(self, *processors: SpanProcessor, provider: TracerProvider | None = None) -> None:
        super().__init__(*processors, provider=provider, provider_ids="user,framework")

    @contextmanager
    def of(self, _user: User) -> Iterator[None]:
        """Put nothing around a block, or a turn."""
        with turn() if self.with_turn else nullcontext():
            yield
        self.nothing_is_left()

    def nothing_is_left(self, *, root: bool = True) -> None:  # noqa: ARG002  # no scope of ours takes a span away
        """See that here is no session, whatever span is."""
        super().nothing_is_left(root=False)

    def have_traces_of_their_own(self, spans: list[ReadableSpan]) -> None:
        """Leave that to the framework, as well."""

    def spans(self) -> list[ReadableSpan]:
        """Return the same without the turns that ended before their framework had named a session, or had begun at all."""
        return [span for span in super().spans() if span.name != "turn" or "session.id" in span.attributes]


def _is_right(span: ReadableSpan, by_session: dict[str, User], own_users: frozenset[str]) -> bool:
    user = by_session.get(span.attributes.get("session.id"))
    if user is None or span.attributes.get("user.id") not in {user.name, *own_users}:
        return False
    said = str(dict(span.attributes))
    return not any(other.words in said for other in by_session.values() if other != user)


def _told(span: ReadableSpan) -> str:
    keys = ("session.id", "user.id", "session.displaced_id")
    ids = {key: span.attributes[key] for key in keys if key in span.attributes}
    return f"{span.instrumentation_scope.name}: {span.name} {ids}"
