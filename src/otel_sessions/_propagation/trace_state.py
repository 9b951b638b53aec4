"""What sampling says in W3C ``tracestate``: the ``ot`` member, and what a span's tracestate remembers unsent. Pure.

The member is ``ot=th:<threshold>;rv:<randomness>;…`` (OpenTelemetry specification, "TraceState Handling"
and "TraceState: Probability Sampling"). An inbound one is untrusted: nothing here raises for it, what is
malformed counts as absent, and sub-keys of others are kept.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.trace import Span
    from opentelemetry.util.types import Attributes

MAX_MEMBERS = 32
"""Most members of a tracestate (W3C Trace Context, section 3.3.1.1 "list")."""

MAX_LENGTH = 256
"""Longest value of a member, in characters (W3C Trace Context, section 3.3.1.3.2 "Value")."""

HEX_DIGITS = 14
"""Digits of a randomness and of a whole threshold: 56 bits (OTel specification, "Randomness Value")."""

HOST_ATTRIBUTES = (
    "url.full",
    "http.url",
    "server.address",
    "net.peer.name",
)
"""The start attributes that tell where a client span goes, of new and old semantic conventions."""

_MEMBER = "ot"
_THRESHOLD = "th:"
_RANDOMNESS = "rv:"
_OURS = (_THRESHOLD, _RANDOMNESS)
_IS_RANDOMNESS = re.compile(f"[0-9a-fA-F]{{{HEX_DIGITS}}}").fullmatch


class Destination(NamedTuple):
    """Where a span that is dropped would have gone. Nobody changes one.

    Attributes:
        kind: Its kind.
        attributes: Of a ``CLIENT`` span, those of `HOST_ATTRIBUTES` that it started with; otherwise none.
    """

    kind: SpanKind
    attributes: Mapping[str, Any]


class SessionTraceState(TraceState):
    """A tracestate that remembers what is not sent.

    Attributes:
        is_marked: Its ``rv`` comes from a session id.
        destination: Of the span that was dropped with it; ``None`` where none was.
    """

    is_marked = False
    destination: Destination | None = None

    def add(self, key: str, value: str) -> TraceState:
        """As that of `TraceState`; the mark stays."""
        return self._marked_as_this(super().add(key, value))

    def update(self, key: str, value: str) -> TraceState:
        """As that of `TraceState`; the mark stays."""
        return self._marked_as_this(super().update(key, value))

    def delete(self, key: str) -> TraceState:
        """As that of `TraceState`; the mark stays."""
        return self._marked_as_this(super().delete(key))

    def _marked_as_this(self, changed: TraceState) -> TraceState:
        return marked(changed) if self.is_marked else changed


def randomness_of(session_id: str) -> str:
    """Return the randomness of a session: the first 14 hex digits of SHA-256 of its id in UTF-8.

    A Collector's rule that makes ``ot=rv:`` of ``session.id`` with SHA-256 keeps the same sessions.
    """
    digest = _SHA_256.copy()  # takes two thirds of the time of a new one
    digest.update(session_id.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:HEX_DIGITS]


def randomness_in(trace_state: Mapping[str, str]) -> str | None:
    """Return the 14 hex digits of ``rv``, ``None`` where there is none or a malformed one.

    Keys are unique by the specification. Of several the last one counts, as in the SDK and in the Collector.
    """
    found = [each for each in _sub_keys(trace_state) if each.startswith(_RANDOMNESS)]
    text = found[-1][len(_RANDOMNESS) :] if found else ""
    return text if _IS_RANDOMNESS(text) else None


def member_of(threshold: str | None, randomness: str | None, foreign: Sequence[str]) -> str:
    """Return the value of an ``ot`` member, ``""`` for none; see `with_decision`.

    Args:
        threshold: The digits of ``th``; ``None`` for a span that is not sampled.
        randomness: The digits of ``rv``; ``None`` where the trace id counts.
        foreign: Sub-keys of others. Where the value would be too long they go, from the end, as in the SDK.
    """
    own = [] if threshold is None else [_THRESHOLD + threshold]
    if randomness is not None:
        own.append(_RANDOMNESS + randomness)
    value = _joined([*own, *foreign])
    while len(value) > MAX_LENGTH:
        foreign = foreign[:-1]
        value = _joined([*own, *foreign])
    return value


def member_at_root(threshold: str | None, randomness: str) -> str:
    """Return the same of a root span."""
    own = _RANDOMNESS + randomness
    return own if threshold is None else f"{_THRESHOLD}{threshold};{own}"


def at_root(member: str, destination: Destination | None) -> SessionTraceState:
    """Return the tracestate of a root span that has an ``ot`` with an ``rv`` of its session."""
    return _made_of({_MEMBER: member}, True, destination)


def with_decision(
    trace_state: TraceState, threshold: str | None, randomness: str | None, *, is_marked: bool = False
) -> TraceState:
    """Return ``trace_state`` with this ``th`` and ``rv``, and no others; itself where it says so already.

    The member goes first (W3C Trace Context, section 3.5: modified ones do), and the last one of too many
    is dropped.

    Args:
        trace_state: Of the parent.
        threshold: As in `member_of`.
        randomness: As in `member_of`.
        is_marked: The randomness comes from a session id.
    """
    foreign = [each for each in _sub_keys(trace_state) if each and not each.startswith(_OURS)]
    value = member_of(threshold, randomness, foreign)
    if value == trace_state.get(_MEMBER, ""):
        return marked(trace_state) if is_marked else trace_state
    others = [(key, text) for key, text in trace_state.items() if key != _MEMBER]
    return _made_of(dict(([(_MEMBER, value), *others] if value else others)[:MAX_MEMBERS]), is_marked, None)


def without_randomness(trace_state: TraceState) -> TraceState:
    """Return ``trace_state`` without ``rv``, for a host that must not learn it; itself where it has none.

    Malformed ones go too. Everything else stays where it is; an ``ot`` with nothing left is dropped.
    """
    sub_keys = _sub_keys(trace_state)
    kept = [each for each in sub_keys if not each.strip().startswith(_RANDOMNESS)]
    if len(kept) == len(sub_keys):
        return trace_state
    value = _joined(kept)
    members = [(key, value if key == _MEMBER else text) for key, text in trace_state.items()]
    return TraceState([(key, text) for key, text in members if text])


def marked(trace_state: TraceState) -> SessionTraceState:
    """Return ``trace_state`` with the mark that its ``rv`` comes from a session id; itself where it has it."""
    if type(trace_state) is SessionTraceState and trace_state.is_marked:
        return trace_state
    return _made_of(dict(trace_state.items()), True, None)


def is_marked(trace_state: TraceState) -> bool:
    """Tell whether ``trace_state`` has the mark."""
    return type(trace_state) is SessionTraceState and trace_state.is_marked  # `isinstance` of a Mapping is slow


def destination_for(kind: SpanKind | None, attributes: Attributes) -> Destination:
    """Return where a span of that ``kind`` goes, by the ``attributes`` that it starts with."""
    if kind is not _CLIENT or not attributes:
        return _BARE[None if kind is None else kind._value_]  # not by the kind, whose hash is a function in Python
    return Destination(kind, {key: attributes[key] for key in HOST_ATTRIBUTES if key in attributes})


def known_as_caller(span: Span) -> Span:
    """Return ``span`` of a caller with a mark where its tracestate has a randomness: it may derive from a session.

    From which one can't be told: the caller may be in another by now, or in none.
    """
    remote = span.get_span_context()
    if not remote.is_remote or randomness_in(remote.trace_state) is None:
        return span
    state = marked(remote.trace_state)
    return NonRecordingSpan(SpanContext(remote.trace_id, remote.span_id, remote.is_remote, remote.trace_flags, state))


def with_destination(trace_state: TraceState, destination: Destination | None) -> SessionTraceState:
    """Return ``trace_state`` for one span that is dropped, with where that would have gone; the mark stays."""
    return _made_of(dict(trace_state.items()), is_marked(trace_state), destination)


def destination_of(span_context: SpanContext) -> Destination | None:
    """Return where the dropped span of ``span_context`` would have gone; ``None`` where nobody remembers it.

    A tracer that is switched off (or the API's own, without an SDK) hands on the context of the span around
    it, and so its destination: a kind other than ``CLIENT`` is no proof that no client span was asked for.
    """
    trace_state = span_context.trace_state
    if span_context.trace_flags.sampled or type(trace_state) is not SessionTraceState:
        return None
    return trace_state.destination


def is_from_session(trace_state: TraceState, session_id: str | None) -> bool:
    """Tell whether the ``rv`` of ``trace_state`` comes from a session: by its mark, or as that of ``session_id``."""
    if is_marked(trace_state):
        return True
    randomness = None if session_id is None else randomness_in(trace_state)
    return randomness is not None and session_id is not None and randomness.lower() == randomness_of(session_id)


def _sub_keys(trace_state: Mapping[str, str]) -> list[str]:
    value = trace_state.get(_MEMBER)
    return value.split(";") if value else []


def _joined(sub_keys: list[str]) -> str:
    """Return a value for ``ot``; a blank is valid inside of one and not at its end."""
    return ";".join(sub_keys).rstrip(" ")


def _made_of(members: dict[str, str], has_mark: bool, destination: Destination | None) -> SessionTraceState:
    """Return a tracestate of ``members`` that are known to be valid: to check them takes most of the time."""
    if _STORE is None:
        made = SessionTraceState(list(members.items()))
    else:
        made = _new(SessionTraceState)
        setattr(made, _STORE, members)
    made.is_marked, made.destination = has_mark, destination
    return made


def store() -> str | None:
    """Return the name of the attribute in which a `TraceState` holds its members, which one shows us."""
    members = {_MEMBER: "th:0"}
    shown = getattr(TraceState(list(members.items())), "__dict__", {})
    found = [name for name, value in shown.items() if value == members]
    return found[0] if len(found) == 1 else None


_SHA_256 = hashlib.sha256()
_new = SessionTraceState.__new__
_STORE = store()
_CLIENT = SpanKind.CLIENT
_BARE: Mapping[object, Destination] = {
    None: Destination(SpanKind.INTERNAL, {}),
    **{kind.value: Destination(kind, {}) for kind in SpanKind},
}
