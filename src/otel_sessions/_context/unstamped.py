"""Says that nobody puts the session on the spans that start in it, as where ``instrument()`` was forgotten.

Without a span processor of ours nothing of ours is called when a span starts. What a tracer of the SDK does ask for is
the parent of the span, in the Context that a scope has made current. So those Contexts are watched: the first of a
process, and some again each time that the number of sessions has doubled, as a second provider may come at any
moment. One that nobody watches costs nothing.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.context import Context, get_current
from opentelemetry.trace import get_tracer_provider

from otel_sessions import _diagnostics
from otel_sessions._settings.settings import in_process

from . import unguarded
from .local_trace import SPAN_KEY
from .order import NOTED
from .providers import SCOPE
from .stampers import held_in, is_seen, processors_of, processors_of_tracer, set_in, shows, stamping, who_starts
from .state import ENTRY_KEY, OPENINFERENCE_SESSION, OPENINFERENCE_USER

if TYPE_CHECKING:
    from types import FrameType

    from .state import State

_FIRST = 32
"""How often it is looked, at first."""
_AGAIN = 4
"""How often, when the number of sessions has doubled."""
_GETS = 64
"""How often it is looked who asks one Context for a value."""
_UNSTAMPED = (
    "otel_sessions: %s start inside a session, and do not get its ids: no span processor of this package is on %s; call "
    "otel_sessions.sdk.instrument(%s) when it is set up, or its add_span_processor(SessionSpanProcessor())%s (%s:%d)"
)
_SHOWN = r"[A-Za-z_][\w.-]{0,60}"
"""The name of an instrumentation scope that is none of somebody's values."""

# As `inspect.currentframe`, of the caller.
_frame = sys._getframe  # noqa: SLF001

WATCHES: list[object] = []
"""Holds something as long as it is looked."""


class _Looks:
    """How often it is still looked.

    Attributes:
        left: How often.
        changes: How many sessions were made.
        next: When it is looked again, by that number.
        is_off: It is meant that nothing is stamped, or that was said.
    """

    __slots__ = ("changes", "is_off", "left", "next")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin to look, as in a new process."""
        self.changes, self.next, self.is_off = 0, _FIRST, _is_left_out()
        self.go_on(_FIRST)

    def go_on_again(self) -> None:
        """Look some times more, and again when the number of sessions has doubled."""
        self.next *= 2
        self.go_on(_AGAIN)

    def go_on(self, left: int) -> None:
        """Look, so many times."""
        self.left = left
        WATCHES[:] = [self]
        if self not in NOTED:
            NOTED.append(self)

    def end(self) -> None:
        """Look no more, for now."""
        self.left = 0
        WATCHES.clear()
        with suppress(ValueError):
            while True:
                NOTED.remove(self)

    def take(self) -> bool:
        """Tell whether there is one left, and take it."""
        self.left -= 1
        if self.left < 0:
            self.end()
        return self.left >= 0 and not in_process().disabled


def _is_left_out() -> bool:
    """Tell whether OpenTelemetry's start without code is told to leave this package out."""
    names = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")
    return not {SCOPE, "*"}.isdisjoint(name.strip() for name in names)


LOOKS = _Looks()


def note_change() -> None:
    """Note that a session was made which was not made before."""
    LOOKS.changes += 1
    if LOOKS.changes >= LOOKS.next:
        LOOKS.go_on_again()


def switch(*, is_off: bool) -> None:
    """Say nothing, where it is meant that nothing is stamped or that has been said; or look again."""
    LOOKS.begin()
    LOOKS.is_off = is_off


def forget() -> None:
    """Look again (for tests)."""
    LOOKS.begin()
    unguarded.forget()


class _Start(NamedTuple):
    """A span that somebody starts in a Context of ours, and nobody of ours sees.

    Attributes:
        processors: Those of its provider.
        scope: The name of its instrumentation scope, where it can be told.
    """

    processors: object
    scope: str


class _Watched(Context):
    """A Context of a session that notes who starts a span in it; an ordinary one when that is known.

    Attributes:
        state: The session.
        lasts: Nobody will leave it.
        left: How often it is still looked who asks for a value.
        start: The first span that was started, where it may be one that nobody stamps.
        span: That span, where it was made the current one.
    """

    state: State
    lasts: bool
    left: int
    start: _Start | None
    span: Any

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401  # as of a dict
        """Return a value."""
        self.left -= 1
        if key == SPAN_KEY:
            _asked(self, _frame(1))
        elif self.left < 0:
            _unwatch(self)
        return dict.get(self, key, default)  # not `super()`: it may be of another class by now

    def copy(self) -> dict[str, object]:
        """Return a copy, as the API does to make a span the current one."""
        _copied(self, _frame(1))
        return dict.copy(self)


def opened(context: Context, state: State) -> Context:
    """Watch ``context``, which carries ``state``, look at what is current around it, and return it."""
    if WATCHES and state.stamps and LOOKS.take():
        with suppress(Exception):  # spans and propagators of any make
            entry: Any = context.get(ENTRY_KEY)
            _look(entry.base)
            lasts = entry.token is None
            if not lasts:
                unguarded.watch(context)
            _watch(context, state, lasts=lasts)
    return context


def _watch(context: Any, state: State, *, lasts: bool) -> None:  # noqa: ANN401  # it is going to be a `_Watched`
    is_of_others = OPENINFERENCE_SESSION in context or OPENINFERENCE_USER in context
    kind = type(context)
    if kind is Context and not is_of_others:
        context.state, context.lasts, context.left = state, lasts, _GETS
        context.start = context.span = None
        context.__class__ = _Watched


def _unwatch(context: Any) -> None:  # noqa: ANN401  # and now it is not any more
    context.__class__ = Context


def closed(context: Context | None) -> None:
    """Say what was found, when ``context`` is left; what a task was started in is watched until a span is started."""
    if type(context) is _Watched:
        with suppress(Exception):  # spans of any make
            if context.start is None:
                context.lasts = True
            else:
                _settle(context)


def look(context: Context) -> None:
    """Look at the current span of ``context``, if it was started inside of a session there."""
    if WATCHES:
        with suppress(Exception):  # spans of any make
            _look(context)


def look_here() -> None:
    """The same of what is current."""
    look(get_current())


def look_at(span: Any, state: State | None) -> None:  # noqa: ANN401  # of any make
    """Look at a ``span`` that is to have the session of ``state``, as the application has said."""
    if WATCHES:
        with suppress(Exception):  # spans of any make
            if is_seen(span):
                LOOKS.take()  # or it would be looked with each bind, for good
            else:
                _look_at(span, state, is_meant=True)


def _look(context: Context) -> None:
    entry: Any = context.get(ENTRY_KEY)
    if entry is None:
        return
    span, around = context.get(SPAN_KEY), entry.base if entry.given is None else entry.given
    if span is not None and span is not around.get(SPAN_KEY):
        _look_at(span, entry.state)


def _look_at(span: Any, state: State | None, *, is_meant: bool = False) -> None:  # noqa: ANN401
    if span is None or state is None or not state.stamps or is_seen(span) or not span.is_recording():
        return
    processors = processors_of(span)
    if not LOOKS.take() or not _may_lack(processors, is_meant=is_meant):
        return
    if shows(span, state):
        _look_for_scrubbing(processors)
    else:
        _tell(_Start(processors, _name_of(getattr(span, "instrumentation_scope", None))), state)


def _may_lack(processors: object, *, is_meant: bool = False) -> bool:
    """Tell whether spans may lack their session by the ``processors`` of their provider.

    Where it has none, nobody gets the spans, and so it is no mistake, but for what the application itself has said.
    """
    if LOOKS.is_off:
        return False
    by = stamping(processors)
    return by in {"nobody", "somebody"} or (by == "none" and (is_meant or _is_global(processors)))


def _asked(context: _Watched, frame: FrameType) -> None:
    """Look whether it is a tracer who asks for the span in ``context``, by way of ``frame``."""
    try:
        tracer = who_starts(frame)
        if tracer is not None:
            _started(context, tracer)
    except Exception:  # noqa: BLE001  # code of an SDK of any version
        _unwatch(context)


def _started(context: _Watched, tracer: Any) -> None:  # noqa: ANN401
    if context.start is not None:
        _settle(context)
        return
    processors = processors_of_tracer(tracer)
    if not _may_lack(processors):
        _unwatch(context)
        return
    context.start = _Start(processors, _name_of(getattr(tracer, "instrumentation_info", None)))
    if context.lasts and stamping(processors) != "somebody":
        _settle(context)


def _copied(context: _Watched, frame: FrameType) -> None:
    """Note the span that is made the current one, by way of ``frame``; one that is not recorded needs no stamp."""
    try:
        start = context.start
        key, span = set_in(frame)
        if start is None or key != SPAN_KEY:
            return
        if not span.is_recording():
            _unwatch(context)
        elif processors_of(span) is start.processors:
            context.span = span
    except Exception:  # noqa: BLE001  # as above
        _unwatch(context)


def _settle(context: _Watched) -> None:
    """Say it, where the span that was started has not got the session by now; and watch no more."""
    _unwatch(context)
    start, span, state = context.start, context.span, context.state
    context.start = context.span = None
    if start is None or not _may_lack(start.processors):
        return
    is_known = span is not None
    if not (is_seen(span) or shows(span, state)) if is_known else stamping(start.processors) != "somebody":
        _tell(start, state)
    else:
        _look_for_scrubbing(start.processors)


def _look_for_scrubbing(processors: object) -> None:
    """See whether what somebody else has put on a span is replaced again by one of ``processors``."""
    from .scrubbing import tell_of_scrubbing  # noqa: PLC0415  # where nothing of ours is on a provider

    tell_of_scrubbing(held_in(processors))


def _tell(start: _Start, state: State) -> None:
    """Say it, and nothing more in this process."""
    LOOKS.end()
    LOOKS.next = sys.maxsize
    is_global = _is_global(start.processors)
    spans = f"spans of {start.scope}" if start.scope else "spans"
    whose = (
        f"the global {type(get_tracer_provider()).__name__}"
        if is_global
        else "their TracerProvider, which is not the global one"
    )
    also = ""
    if state.items and unguarded.is_unguarded():
        also = f"; and {unguarded.REMEDY}"
        unguarded.take_as_said()
    argument = "" if is_global else "tracer_provider"
    _diagnostics.warn_once("unstamped", _UNSTAMPED, spans, whose, argument, also, *_diagnostics.place("opentelemetry"))


def _is_global(processors: object) -> bool:
    """Tell whether the ``processors`` are those of the global provider, which a tracer of it tells."""
    return processors_of_tracer(get_tracer_provider().get_tracer(SCOPE)) is processors


def _name_of(scope: object) -> str:
    """Return the name of an instrumentation ``scope``, if it may be shown."""
    name = str(getattr(scope, "name", ""))
    return name if re.fullmatch(_SHOWN, name) else ""
