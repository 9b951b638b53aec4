"""A turn, or a session, as one string: to judge it later, in another request or another process.

A handle is JSON in ASCII: ``traceparent``, ``tracestate`` and ``baggage`` as in a carrier, the session as it may
be shown, ``at``, when it was made, and ``below``, where the turn is not the root of its trace. It is not signed: who can change it can judge another turn, so one that
went through a browser is worth as much as that browser is trusted.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from time import time_ns
from typing import TYPE_CHECKING, TypeAlias, cast

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, get_current_span, set_span_in_context

from otel_sessions import _diagnostics
from otel_sessions._context import baggage
from otel_sessions._context.changes import Start
from otel_sessions._context.entry import context_with
from otel_sessions._context.process_session import user_of_process
from otel_sessions._context.resolution import state_in
from otel_sessions._context.state import CLEARED, State, state_of
from otel_sessions._propagation.carriers import carrier_in, context_in
from otel_sessions._session import ids
from otel_sessions._session.fields import SessionId, clean_id
from otel_sessions._session.session import Session

if TYPE_CHECKING:
    from typing import Any


class HasHandle(ABC):
    """A turn, which has a handle."""

    __slots__ = ()

    @property
    @abstractmethod
    def handle(self) -> str:
        """The handle; empty for a turn that was not begun."""


Judged: TypeAlias = Session | SessionId | HasHandle | Mapping[str, str] | None
"""What a check may be about: a session, its id, a turn, its handle, or a carrier of ``to_carrier()``; ``None`` is what is current."""

_AT, _BELOW = "at", "below"
_MAX_LENGTH = 16384
"""Longest handle, in characters: the longest header of each kind, and the JSON around them."""

_MAX_TIME = 2**63 - 1
_MIN_TIME = 1_577_836_800 * 10**9
"""The year 2020, in unix time in ns: there were no handles before."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a check is about.

    Attributes:
        state: Its session; `CLEARED` for none.
        span: The span of the turn, ``INVALID_SPAN`` where the session is judged as a whole.
        at: When the handle of the turn was made, unix time in ns; ``None`` where that is not known.
        is_below: The turn is known not to be the root of its trace.
    """

    state: State
    span: Span = INVALID_SPAN
    at: int | None = None
    is_below: bool = False

    @property
    def context(self) -> Context:
        """A Context of this and nothing else."""
        base = Context()
        return context_with(self.state, set_span_in_context(self.span, base) if self.has_span else base)

    @property
    def has_span(self) -> bool:
        """Whether it is about one turn."""
        return self.span.get_span_context().is_valid

    @property
    def session_id(self) -> str | None:
        """The id of its session."""
        return self.state.session.id


REMEDY = "give it a turn or its handle (t.handle), or a session or its id"

NOTHING_FOUND = Target(CLEARED)
"""Something was given that nothing could be made of."""


def handle_in(context: Context) -> str:
    """Return the handle of the turn whose span is in ``context``; "" where there is neither a span nor a session."""
    try:
        carrier = carrier_in(_of_turn(context))
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        found = type(error).__name__
        _diagnostics.warn_once(("handle", found), "otel_sessions: making a handle raised %s, so there is none", found)
        return ""
    if not carrier:
        return ""
    below = {_BELOW: "true"} if is_below(get_current_span(context)) else {}
    return json.dumps({**carrier, _AT: str(time_ns()), **below})


def is_below(span: object) -> bool:
    """Tell whether ``span`` is known not to be the root of its trace: a span of the SDK has its parent."""
    return getattr(span, "parent", None) is not None


def _of_turn(context: Context) -> Context:
    """Return ``context`` with its span and its session alone: whoever gets a handle gets nobody else's baggage."""
    return Target(state_in(context) or CLEARED, get_current_span(context)).context


def target_of(judged: object, outer: State | None = None) -> Target | None:
    """Return what ``judged`` names; ``None`` for ``None``, and `NOTHING_FOUND`, with a warning, for what names nothing.

    Args:
        judged: See `Judged`. It is given on purpose, so it counts whether callers are trusted or not.
        outer: The current session: one that is named by its id inherits from it, as by ``set_session``, but not
            the user of the process.
    """
    if judged is None:
        return None
    try:
        return _found(judged, outer)
    except Exception as error:  # noqa: BLE001  # remote input, and objects of other libraries
        return _refused(f"reading it raised {type(error).__name__}")


def _found(judged: object, outer: State | None) -> Target:
    if isinstance(judged, Session):
        return _refused("this Session has no id") if judged.id is None else Target(state_of(judged))
    if isinstance(judged, HasHandle):
        return _of_handle(judged.handle)
    if isinstance(judged, Mapping):
        return _of_carrier(judged) or _refused("this carrier has neither a session nor a span")
    if isinstance(judged, str) and judged.lstrip().startswith("{"):
        return _of_handle(judged)
    if isinstance(judged, str) and _is_wrapped(judged):
        return _refused("this handle was written as JSON once more, or is in a list")
    return _of_id(judged, outer)


def _of_id(judged: object, outer: State | None) -> Target:
    if not ids.text_of(judged):
        return _refused("an empty text was given" if isinstance(judged, str) else f"{type(judged).__name__} was given")
    session_id = cast("str", clean_id("session", judged))  # of what has a text at least a digest
    return Target(Start(session_id).applied(None if _is_of_process(session_id, outer) else outer))


def _is_of_process(session_id: str, outer: State | None) -> bool:
    """Tell whether ``outer`` would give another session the user of the process: to name one is not to open it."""
    user_id = None if outer is None or outer.session.id == session_id else outer.session.user_id
    return user_id is not None and user_id == user_of_process()


def _is_wrapped(text: str) -> bool:
    """Tell whether ``text`` is a handle in a JSON text or array; as an id it would be a session of its own."""
    return text.lstrip().startswith(('"', "[")) and "traceparent" in text


def _of_handle(text: str) -> Target:
    if not text:
        return _refused("this turn was not begun, or nothing records it")
    if len(text) > _MAX_LENGTH:
        return _refused("this handle is too long")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return _refused("this handle is no JSON")
    return _of_carrier(fields) or _refused("this handle has neither a session nor a span")


def _of_carrier(fields: Mapping[Any, Any]) -> Target | None:
    context = context_in(fields, _ignore)
    texts = baggage.texts_in(baggage.entries(context))
    session = None if texts is None else baggage.session_of(texts)
    state = CLEARED if session is None else state_of(session, id_is_remote=True, user_is_remote=True)
    target = Target(state, get_current_span(context), _time_in(fields), fields.get(_BELOW) == "true")
    return target if target.has_span or state.session.id is not None else None


def _ignore(_what: str) -> None:
    """Say nothing of a part that is not well-formed, as long as there is enough left to go by."""


def _time_in(fields: Mapping[Any, Any]) -> int | None:
    """Return when the handle was made: not in the future, and not before there were any, whatever it says."""
    text = fields.get(_AT)
    if not isinstance(text, str) or not (text.isascii() and text.isdigit() and len(text) <= len(str(_MAX_TIME))):
        return None
    return min(int(text), time_ns()) if int(text) >= _MIN_TIME else None


def _refused(problem: str) -> Target:
    _diagnostics.warn_caller(
        f"judged {problem}", "session: %s, so no session and no turn is named; %s", problem, REMEDY
    )
    return NOTHING_FOUND
