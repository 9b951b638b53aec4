"""One exchange as it goes on: its span from the first word to the last, and what was said.

OpenInference, "Semantic Conventions": ``openinference.span.kind``, ``input.value``, ``output.value``.
"""

from __future__ import annotations

import inspect
import sys
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.context import Context, create_key
from opentelemetry.trace import INVALID_SPAN, Link, Span, Status, StatusCode, set_span_in_context

from otel_sessions import _diagnostics
from otel_sessions._context.attribute_store import attributes_of
from otel_sessions._context.entry import context_with, enter, get_current, lasting, leave, settled
from otel_sessions._context.flush import flushed
from otel_sessions._context.handlers import notice_turn
from otel_sessions._context.local_trace import CLOCK, SPAN_KEY, local_root_of
from otel_sessions._context.log_values import text_of
from otel_sessions._context.origin import alone
from otel_sessions._context.process_session import HELD
from otel_sessions._context.providers import PROVIDERS
from otel_sessions._context.resolution import state_in
from otel_sessions._context.responses import body_of
from otel_sessions._context.state import ENTRY_KEY, UNKNOWN, UNTOUCHED
from otel_sessions._context.streams import awaited_in, is_stream, wrapped
from otel_sessions._context.unstamped import WATCHES, look_at
from otel_sessions._forks import ForkSafeLock
from otel_sessions._session.session import SESSION_ID
from otel_sessions._settings.settings import HIDES_INPUTS, HIDES_OUTPUTS, hides_outputs, in_process, is_hidden

from .content import HIDDEN, MAX_LENGTH, TEXT, Collected, Content, content_of, written
from .shown import Words, say_itself, show_on
from .turn_order import ORDER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from opentelemetry.trace import Tracer

    from otel_sessions._context.entry import Entry
    from otel_sessions._context.state import State

INPUT, OUTPUT = "input", "output"
_NAMES = {
    which: (f"{which}.value", f"{which}.mime_type", hides)
    for which, hides in ((INPUT, HIDES_INPUTS), (OUTPUT, HIDES_OUTPUTS))
}

_TURN_KEY = create_key("otel-sessions-turn")
"""In a Context: in how many turns it is."""

_CHAIN = {"openinference.span.kind": "CHAIN"}
_EXPORTS_GENAI_ALONE = "langfuse"
"""Whose SDK exports its own spans, those with a ``gen_ai.*`` attribute and those of instrumentations that it knows."""
_WORKFLOW = {**_CHAIN, "gen_ai.operation.name": "invoke_workflow"}
"""What such an exporter keeps: without the turn, what is below it would arrive without a parent, question and answer."""
_MAX_DESCRIPTION = 4096
"""Longest description of a status, in characters; the whole message is with the exception."""

_OUTSIDE = (
    "turn: it is outside of any session, so that no backend can put it together with others; enter set_session() around it, or "
    "call bind_session() inside"
)

_NOT_BEGUN = (
    "turn: its output was set before it was entered, when there was no span; write `with turn(...) as t:` around it"
)

_ENDS = (StopIteration, StopAsyncIteration, GeneratorExit)

_settling = ForkSafeLock()


class Plan(NamedTuple):
    """What a turn is to be.

    Attributes:
        name: The name of the span.
        input: What is asked; ``None`` for what a decorated function is called with.
        new_trace: Begin a trace of its own, inside a span too.
        tracer: What starts the span; ``None`` is our own.
    """

    name: str
    input: object = None
    new_trace: bool = False
    tracer: Tracer | None = None


class Exchange:
    """One turn that was begun. Nothing in it raises.

    Attributes:
        span: Its span.
        said: What was set as its input and its output.
        inside: The Context with its span, ``None`` before it begins.
        entry: Where it was entered, as long as that has not been left.
        is_streamed: The output is what a stream has given, and nobody has set another.
    """

    __slots__ = (
        "_has_left",
        "_is_over",
        "_outside_at",
        "_root",
        "_streams",
        "_words",
        "entry",
        "inside",
        "is_streamed",
        "said",
        "span",
    )

    def __init__(self) -> None:
        self.span: Span = INVALID_SPAN
        self.said: dict[str, object] = {}
        self.inside: Context | None = None
        self.entry: Entry | None = None
        self._root: Span | None = None
        self._words: Words | None = None  # for the root to show
        self._outside_at: _diagnostics.Place | None = None  # of one that begins without a session
        self._streams: int | None = None  # that are still to be consumed; there was none at all
        self._has_left = self._is_over = self.is_streamed = False

    def begin(self, plan: Plan, given: object, compute: Callable[[], object] | None = None) -> None:
        """Start the span, and make it current.

        Args:
            plan: What it is to be.
            given: What is asked.
            compute: What returns that, by code of the application, which belongs to the turn.
        """
        try:
            if in_process().disabled:
                return
            # A text is there when the span starts, which takes less than to set it, and is seen by all that look at it then.
            stamps = _stamps(INPUT, given) if type(given) is str else None
            if not self._start(plan, stamps):
                return
            if stamps is None:
                self.say(INPUT, given if compute is None else compute())
                return
            self.said[INPUT] = given
            if self._words is not None:
                self._show(self._words, stamps)
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            self._has_left = self.inside is None  # it was entered, so that nothing more is to be said
            _diagnostics.warn_caller("turn", "turn: beginning one raised %s", type(error).__name__)
        except BaseException as error:  # an interrupt, or a panic of what is written in Rust: nobody will leave
            self.left(error)
            raise

    def _start(self, plan: Plan, stamps: dict[str, str] | None) -> bool:
        """Start the span with the attributes that there are, and make it current; tell whether it is recorded."""
        base, state = _found()
        parent = _alone(base, state) if plan.new_trace else base
        above: Any = parent.get(SPAN_KEY)
        is_root = above is None or not above.get_span_context().is_valid
        session_id = None if state is None else state.session.id
        before = ORDER.last_of(session_id) if is_root and session_id is not None else None
        tracer = PROVIDERS.tracer() if plan.tracer is None else plan.tracer
        links = None if before is None else [Link(before.context)]
        attributes = _WORKFLOW if _EXPORTS_GENAI_ALONE in sys.modules else _CHAIN
        if stamps is not None:
            attributes = {**attributes, **stamps}
        self.span = span = tracer.start_span(plan.name, parent, attributes=attributes, links=links)
        if WATCHES:
            look_at(span, state)
        around: Any = base.get(_TURN_KEY, 0)
        if not is_root:
            self._find_root(above, around + 1, has_session=session_id is not None)
        is_recorded = span.is_recording()
        if session_id is None and is_recorded and not around and _diagnostics.is_informing():
            self._outside_at = _diagnostics.place()
        self.inside = Context({**parent, _TURN_KEY: around + 1, SPAN_KEY: span})
        if session_id is not None and is_recorded and (is_root or not around):
            ORDER.note(session_id, span.get_span_context())
        is_held = plan.new_trace or ENTRY_KEY in base
        inside = state if state is not None and is_held else _inside(state, is_recorded=is_recorded)
        self.entry = enter(inside, base, None, None, self.inside)
        return is_recorded

    def _find_root(self, above: Any, depth: int, *, has_session: bool) -> None:  # noqa: ANN401  # of any SDK
        """Find the first open span of the trace, which shows the words of this turn, too."""
        self._root = root = local_root_of(above)
        if root is not None:
            self._words = Words(depth)
            if has_session:
                notice_turn(above, root)

    def say(self, which: str, value: object) -> None:
        """Put ``value`` on the span as its input or its output, and have its local root show it, too."""
        try:
            self.said[which] = value
            self.is_streamed = self.is_streamed and which != OUTPUT
            if value is None or self.inside is None:
                if value is not None and which == OUTPUT and not self._has_left and not in_process().disabled:
                    _diagnostics.warn_caller("no turn yet", _NOT_BEGUN)
                return
            if self._is_over:
                _diagnostics.warn_caller(f"late {which}", "turn: its %s was set when it was over, and is lost", which)
            elif self.span.is_recording():
                stamps = _stamps(which, value)
                say_itself(self.span, stamps)
                if self._words is not None:
                    self._show(self._words, stamps)
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            _diagnostics.warn_caller(f"turn {which}", "turn: setting its %s raised %s", which, type(error).__name__)

    def _show(self, words: Words, stamps: dict[str, str]) -> None:
        """Let the root show ``stamps``, which are new."""
        words.stamps.update(stamps)
        show_on(self._root, self.span, words, stamps)

    def answered(self, result: Any) -> Any:  # noqa: ANN401  # whatever a function returns
        """Return what a decorated function has returned; that is the output, now or as it is consumed."""
        if inspect.iscoroutine(result):
            self._count_streams(1)
            return self._awaited(result, lasting(get_current()))
        try:
            if is_stream(result) and _is_consumed(type(result)):
                return self.read(result)
            body = body_of(result)
            if body is not None:
                body.put(self.read(body.stream))
                return result
        except Exception as error:  # noqa: BLE001  # code of the result
            _warn_of_stream(error)
        self.say(OUTPUT, result)
        return result

    def reader(self) -> Reader:
        """Return what collects the output of this turn from a stream; the span goes on until that ends."""
        self._count_streams(1)
        return Reader(self)

    def read(self, stream: Any) -> Any:  # noqa: ANN401  # as it comes, it goes
        """Return ``stream`` with every step of it in this exchange, and its text as the output; raises for what is none."""
        reader = self.reader()
        try:
            return wrapped(stream, lasting(get_current()), reader)
        except Exception:
            reader.ended(None)
            raise

    async def _awaited(self, coroutine: Awaitable[Any], context: Context) -> Any:  # noqa: ANN401
        try:
            result = self.answered(await awaited_in(context, coroutine))
        except BaseException as error:
            self.stream_ended(error)
            await flushed(error)
            raise
        if self.stream_ended(None):
            await flushed()
        return result

    def left(self, error: BaseException | None) -> bool:
        """Leave the block; tell whether to flush."""
        try:
            if self.entry is not None:
                leave(self.entry)
                self.entry = None
            self._has_left = True
            return self._settled(error)
        except Exception as raised:  # noqa: BLE001  # telemetry must not break the application
            _diagnostics.warn_caller("leave turn", "leaving a turn raised %s", type(raised).__name__)
            return False

    def stream_ended(self, error: BaseException | None) -> bool:
        """Come to the end of a stream; tell whether to flush."""
        self._count_streams(-1)
        return self._settled(error)

    def _count_streams(self, by: int) -> None:
        with _settling:  # they may end in other threads
            self._streams = (self._streams or 0) + by

    def _settled(self, error: BaseException | None) -> bool:
        """End the span where nothing of the turn goes on, or where it has failed; tell whether to flush."""
        if isinstance(error, Exception) and self._has_left and self.span.is_recording():
            _record(self.span, error)  # a stream that fails inside the block may be asked for again
        with _settling.now:
            if self._is_over or not self._has_left or (error is None and self._streams):
                return False
            self._is_over = True
        if self._outside_at is not None and SESSION_ID not in attributes_of(self.span):  # nor was it bound since
            _diagnostics.inform_at(self._outside_at, "turn outside", _OUTSIDE)
        if self.span.is_recording():  # the application may have ended it itself
            self.span.end()
        return True


def _found() -> tuple[Context, State | None]:
    """Return what is current, where nothing that has ended here is brought back, and the session in it."""
    base = get_current()
    entry: Any = base.get(ENTRY_KEY)
    if entry is not None and entry.is_plain and entry.binds == CLOCK.binds:
        return base, entry.state  # as `settled` and `state_in` say, where they need no second look
    base = settled()
    return base, state_in(base)


def _record(span: Span, error: Exception) -> None:
    """Record ``error`` in texts that an exporter can write, whatever its own code does."""
    message = text_of(error)
    try:
        trace = "".join(traceback.format_exception(error))
        span.record_exception(error, {"exception.message": message, "exception.stacktrace": text_of(trace)})
    except Exception as raised:  # noqa: BLE001  # its ``str``
        found = type(raised).__name__
        _diagnostics.warn_once(("record", found), "otel_sessions: recording an exception raised %s", found)
    span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {message}"[:_MAX_DESCRIPTION]))


class Reader:
    """Collects what a stream gives, as the output of an exchange. A `Watcher`."""

    __slots__ = ("_collected", "_exchange", "_is_over")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._collected = Collected()
        self._is_over = False

    def took(self, item: object) -> None:
        """Take in what the stream has given, where it is going to be recorded."""
        try:
            if self._exchange.span.is_recording() and not hides_outputs():
                self._collected.add(item)
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            _warn_of_stream(error)

    def ended(self, error: BaseException | None) -> bool:
        """Make what was collected the output, unless somebody has set one; tell whether to flush."""
        if self._is_over:
            return False
        self._is_over = True
        try:
            failure = None if isinstance(error, _ENDS) else error
            content, exchange = self._collected.content(), self._exchange
            if content is not None and (exchange.said.get(OUTPUT) is None or exchange.is_streamed):
                exchange.say(OUTPUT, content)
                exchange.is_streamed = True
            return exchange.stream_ended(failure)
        except Exception as raised:  # noqa: BLE001  # telemetry must not break the application
            _warn_of_stream(raised)
            return False


def _is_consumed(kind: type) -> bool:
    """Tell whether it is a stream and no more: what can be awaited too, or iterated anew, stays as it is."""
    return (hasattr(kind, "__next__") or hasattr(kind, "__anext__")) and not hasattr(kind, "__await__")


def _warn_of_stream(error: Exception) -> None:
    found = type(error).__name__
    _diagnostics.warn_once(("turn stream", found), "otel_sessions: reading a stream of a turn raised %s", found)


def _inside(state: State | None, *, is_recorded: bool) -> State:
    """Return what a turn enters where no scope is: ``state``, which is found around it, or what lets it be found inside as well.

    The span tells of it, unless something else is set there. Where that is not recorded, a session that is set
    here is entered, and that of a caller is left where it is.
    """
    if is_recorded:
        return UNKNOWN
    is_of_others = state is None or state is HELD.state or state.id_is_remote or state.user_is_remote
    return UNTOUCHED if state is None or is_of_others else state


def _alone(base: Context, state: State | None) -> Context:
    """Return ``base`` without its span, for a root span, and with the session that it has."""
    context = alone(set_span_in_context(INVALID_SPAN, base))
    return context if state is None else context_with(state, context)


def _stamps(which: str, value: object) -> dict[str, str]:
    name, name_of_type, hides = _NAMES[which]
    if is_hidden(hides):
        content = HIDDEN
    elif type(value) is str:
        return {name: value if len(value) <= MAX_LENGTH and value.isascii() else written(value), name_of_type: TEXT}
    else:
        content = value if isinstance(value, Content) else content_of(value)
    return {name: content.text, name_of_type: content.mime_type}
