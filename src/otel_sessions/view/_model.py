"""What was received, arranged as a person reads it: sessions, their traces, and the spans of each. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Value: TypeAlias = "str | bool | int | float | bytes | list[Value] | dict[str, Value] | None"

# OpenInference first, then the names of the OpenTelemetry GenAI conventions.
_PROMPT_TOKENS = ("llm.token_count.prompt", "gen_ai.usage.input_tokens")
_COMPLETION_TOKENS = ("llm.token_count.completion", "gen_ai.usage.output_tokens")
_TOTAL_TOKENS = ("llm.token_count.total",)
_MODEL = ("llm.model_name", "gen_ai.response.model", "gen_ai.request.model")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What models read and wrote; ``total`` may be known where the parts are not."""

    prompt: int = 0
    completion: int = 0
    total: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        """Return the sum."""
        return Tokens(self.prompt + other.prompt, self.completion + other.completion, self.total + other.total)

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return self != NO_TOKENS


NO_TOKENS = Tokens()


@dataclass(frozen=True, slots=True)
class Span:
    """One received span. Ids are hexadecimal and may be empty; times are nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value]
    resource: Mapping[str, Value]
    error: str | None = None

    @property
    def session_id(self) -> str | None:
        """The session, ``None`` for none."""
        return _id(self.attributes.get("session.id"))

    @property
    def user_id(self) -> str | None:
        """The user, ``None`` for none."""
        return _id(self.attributes.get("user.id"))

    @property
    def session_name(self) -> str:
        """The name of the session, or nothing."""
        return _text(self.attributes.get("session.name"))

    @property
    def path(self) -> str:
        """Where in the workflow, or nothing."""
        return _text(self.attributes.get("session.path"))

    @property
    def model(self) -> str:
        """The model that answered, or nothing."""
        return _text(_first(self.attributes, _MODEL))

    @property
    def tokens(self) -> Tokens:
        """What this span itself reports."""
        prompt = _count(_first(self.attributes, _PROMPT_TOKENS))
        completion = _count(_first(self.attributes, _COMPLETION_TOKENS))
        return Tokens(prompt, completion, _count(_first(self.attributes, _TOTAL_TOKENS)) or prompt + completion)

    @property
    def duration_ns(self) -> int:
        """How long it took; a clock that went backwards makes it 0."""
        return max(self.end_ns - self.start_ns, 0)

    @property
    def process(self) -> tuple[str, ...]:
        """Which process it came from, as far as the resource tells (semconv "Service", "Process")."""
        keys = ("service.name", "service.instance.id", "host.name", "process.pid")
        return tuple(str(self.resource.get(key, "")) for key in keys)

    def said(self, attribute: str) -> str:
        """Return a text of ``input.value`` or ``output.value``, nothing if it is missing or a JSON document."""
        if _text(self.attributes.get(attribute.replace("value", "mime_type"))) == "application/json":
            return ""
        return _text(self.attributes.get(attribute))


@dataclass(frozen=True, slots=True)
class Node:
    """A span and how deep it stands in its trace; a root has depth 0."""

    span: Span
    depth: int


@dataclass(frozen=True, slots=True)
class Trace:
    """The spans of one trace in one session: parents before children, siblings by start."""

    trace_id: str
    nodes: tuple[Node, ...]

    @property
    def root(self) -> Span:
        """The first root."""
        return self.nodes[0].span

    @property
    def start_ns(self) -> int:
        """When the first span started."""
        return min(node.span.start_ns for node in self.nodes)

    @property
    def duration_ns(self) -> int:
        """From the first start to the last end."""
        return max(max(node.span.end_ns for node in self.nodes) - self.start_ns, 0)

    @property
    def question(self) -> str:
        """What the user said, or nothing."""
        return self._first_said("input.value")

    @property
    def answer(self) -> str:
        """What came back, or nothing."""
        return self._first_said("output.value")

    @property
    def tokens(self) -> Tokens:
        """The sum over the spans; a parent that repeats what its children report does not count twice."""
        total = NO_TOKENS
        reported: set[int] = set()  # depths at which a span below the one in hand has reported
        for node in reversed(self.nodes):  # children before parents
            below = {depth for depth in reported if depth > node.depth}
            reported -= below
            own = NO_TOKENS if below else node.span.tokens
            if below or own:
                reported.add(node.depth)
            total += own
        return total

    def _first_said(self, attribute: str) -> str:
        return next(filter(None, (node.span.said(attribute) for node in self.nodes)), "")


@dataclass(frozen=True, slots=True)
class Session:
    """The traces of one session, by start; without an ``id``, those of spans that have none."""

    id: str | None
    traces: tuple[Trace, ...]

    @property
    def spans(self) -> tuple[Span, ...]:
        """All of them."""
        return tuple(node.span for trace in self.traces for node in trace.nodes)

    @property
    def users(self) -> tuple[str, ...]:
        """Whose session it is: one user, unless something went wrong."""
        return _distinct(span.user_id for span in self.spans)

    @property
    def name(self) -> str:
        """The first name that a span gives it, or nothing."""
        return next(filter(None, (span.session_name for span in self.spans)), "")

    @property
    def tokens(self) -> Tokens:
        """The sum over the traces."""
        return sum((trace.tokens for trace in self.traces), NO_TOKENS)

    @property
    def duration_ns(self) -> int:
        """The sum over the traces: what people waited, without the pauses between turns."""
        return sum(trace.duration_ns for trace in self.traces)

    @property
    def process_count(self) -> int:
        """How many processes its spans came from."""
        return len({span.process for span in self.spans})


@dataclass(frozen=True, slots=True)
class View:
    """Everything that was received."""

    sessions: tuple[Session, ...]
    """By first start."""
    without_session: Session
    """The spans that have no ``session.id``."""
    duplicate_count: int = 0
    """Spans that came a second time, as after a retry of the exporter."""

    @property
    def spans(self) -> tuple[Span, ...]:
        """All of them."""
        return tuple(span for session in (*self.sessions, self.without_session) for span in session.spans)

    @property
    def complete_count(self) -> int:
        """How many spans carry both ``session.id`` and ``user.id``."""
        return sum(span.session_id is not None and span.user_id is not None for span in self.spans)


def arrange(spans: Iterable[Span]) -> View:
    """Return ``spans`` as sessions, traces and trees. A trace with spans of two sessions stands in both."""
    received = list(spans)
    unique = {(span.trace_id, span.span_id, span.name, span.start_ns, span.end_ns): span for span in received}
    by_session: dict[str | None, list[Span]] = defaultdict(list)
    for span in unique.values():
        by_session[span.session_id].append(span)
    without = Session(None, _traces(by_session.pop(None, [])))
    sessions = [Session(session_id, _traces(members)) for session_id, members in by_session.items()]
    sessions.sort(key=lambda session: (session.traces[0].start_ns, session.id))
    return View(tuple(sessions), without, len(received) - len(unique))


def _traces(spans: Iterable[Span]) -> tuple[Trace, ...]:
    by_trace: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_trace[span.trace_id].append(span)
    traces = [Trace(trace_id, _nodes(members)) for trace_id, members in by_trace.items()]
    return tuple(sorted(traces, key=lambda trace: (trace.start_ns, trace.trace_id)))


def _nodes(spans: Iterable[Span]) -> tuple[Node, ...]:
    """Return each span once, depth first: what has no parent here is a root."""
    ordered = sorted(spans, key=lambda span: (span.start_ns, span.span_id))
    roots, children = _families(ordered)
    nodes: list[Node] = []
    placed: set[int] = set()
    # The second round finds those whom a cycle of parents keeps from every root.
    for first in (*roots, *ordered):
        stack = [(first, 0)]
        while stack:
            span, depth = stack.pop()
            if id(span) in placed:
                continue
            placed.add(id(span))
            nodes.append(Node(span, depth))
            # Taken away, so that of two spans with one id only the first gets the children.
            stack.extend((child, depth + 1) for child in reversed(children.pop(span.span_id, [])))
    return tuple(nodes)


def _families(spans: Sequence[Span]) -> tuple[list[Span], dict[str, list[Span]]]:
    known = {span.span_id for span in spans} - {""}
    roots: list[Span] = []
    children: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        (children[span.parent_id] if span.parent_id in known else roots).append(span)
    return roots, children


def _distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value is not None))


def _first(attributes: Mapping[str, Value], keys: Sequence[str]) -> Value:
    return next((attributes[key] for key in keys if key in attributes), None)


def _id(value: Value) -> str | None:
    """Return an id: other languages may send a number."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value) or None


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Value) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
