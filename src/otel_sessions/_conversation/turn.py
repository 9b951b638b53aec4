"""What ``turn`` returns: one exchange of a session, to be entered, or to be made of each call of a function."""

from __future__ import annotations

import functools
import inspect
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar

from otel_sessions import _diagnostics
from otel_sessions._context.decorators import Decorator, decorated_bare, named_function
from otel_sessions._context.entry import entry_in, get_current, lasting
from otel_sessions._context.flush import flush, flushed, is_asked_for
from otel_sessions._context.streams import Source
from otel_sessions._context.unentered import Unentered

from .content import content_of_arguments
from .exchange import INPUT, OUTPUT, Exchange, Plan
from .handles import HasHandle, handle_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterator, Mapping
    from types import FrameType, TracebackType

    from opentelemetry.trace import Span, Tracer


_P = ParamSpec("_P")
_R = TypeVar("_R")
_S = TypeVar("_S", bound="Iterator[Any] | AsyncIterable[Any]")

_Args: TypeAlias = tuple[Any, ...]
_Kwargs: TypeAlias = "Mapping[str, Any]"

# As `inspect.currentframe`, of the caller.
_frame = sys._getframe  # noqa: SLF001

_new = tuple.__new__  # what a named tuple does, in a third of the time

_SELF = frozenset({"self", "cls"})

_NO_TRACER = (
    "turn: tracer: expected a Tracer and got %s, so one of this package is taken; of a provider it is "
    "tracer_provider.get_tracer(name)"
)

# Annotations are not evaluated before somebody asks for them, since Python 3.14, and then may name what is there for
# type checkers alone. We ask for the names of arguments.
_UNEVALUATED: dict[str, Any] = (
    {"annotation_format": import_module("annotationlib").Format.FORWARDREF} if sys.version_info >= (3, 14) else {}
)


def turn(name: str = "turn", *, input: object = None, new_trace: bool = False, tracer: Tracer | None = None) -> Turn:  # noqa: A002  # the field's word
    """Return the span of one exchange of a session, with what was asked and what was answered.

    ::

        with set_session(session_id="conv-42"), turn("reply", input=question) as t:
            t.output = answer(question)

        @turn("reply")  # the arguments are the input, what it returns or yields the output
        def reply(question): ...

    Inside a span it is a child of that, and the first open span of the trace in this process shows its input
    and its output as well (Phoenix shows those of the root span). Of several turns that shows one, the last that was
    answered, unless they are inside of a turn that has words of its own. Elsewhere it begins a trace, with a link to the turn before it in the session, where that was begun in this process. As a decorator it
    takes functions, coroutine functions and generator functions of both kinds, and where a function returns a
    stream, or a response of Starlette, Django or Flask whose body is one, the output is what that gives until it is
    consumed, and then the span ends.

    Args:
        name: The name of the span.
        input: A text, or anything that has a form in JSON (a `dict`, a dataclass, a pydantic model); of
            other objects only the type is shown. At most 262,144 characters are kept. As a decorator ``None`` is what the
            function is called with, and a callable is called with the same, and returns it.
        new_trace: Begin a trace, inside a span too.
        tracer: An OTel ``Tracer``; ``None`` is one of this package, of the provider of ``instrument()`` or
            the global one.

    Never raises. ``OPENINFERENCE_HIDE_INPUTS=true`` and ``OPENINFERENCE_HIDE_OUTPUTS=true`` put ``__REDACTED__`` in
    place of what was said, as they do for the instrumentations of OpenInference.

    Attributes: OpenInference, "Semantic Conventions" (``openinference.span.kind=CHAIN``, ``input.value``,
    ``input.mime_type``, ``output.value``, ``output.mime_type``).
    """
    if type(name) is not str or not name.strip():
        function = named_function(name)
        if function is not None:
            plan = Plan(function.__name__, input, new_trace, tracer)
            return decorated_bare(NewTurn(plan), function, "turn(name)")
        _diagnostics.warn_caller(
            "turn name", "turn: expected a name and got %s: it is called turn", type(name).__name__
        )
        name = "turn"
    if tracer is not None and not _starts_spans(tracer):
        _diagnostics.warn_caller("turn tracer", _NO_TRACER, type(tracer).__name__)
        tracer = None
    return NewTurn(_new(Plan, (name, input, new_trace, tracer)))


def _starts_spans(tracer: object) -> bool:
    try:
        return callable(getattr(tracer, "start_span", None))
    except Exception:  # noqa: BLE001  # a proxy with nothing behind it
        return False


class Turn(Decorator, HasHandle):
    """One exchange of a session, as a span: ``with``, ``async with``, or a decorator.

    Entered again, inside itself too, or shared by threads and tasks, it begins another turn each time, which
    ``as`` gives. Never raises, and never suppresses an exception; one that leaves the block is recorded.
    """

    __slots__ = ("_exchange", "_is_begun", "_open", "_plan")

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._exchange = Exchange()
        self._is_begun = False
        # What entering this one has begun, and has not been left, with the frame that did
        self._open: list[tuple[Exchange, FrameType]] = []

    @property
    def span(self) -> Span:
        """The span, for attributes and events of your own; before the turn is entered one that records nothing."""
        return self._exchange.span

    @property
    def input(self) -> object:
        """What was asked: a text, or anything that has a form in JSON. Set, it is on the span at once."""
        return self._exchange.said.get(INPUT)

    @input.setter  # noqa: A003  # the field's word
    def input(self, value: object) -> None:
        self._exchange.say(INPUT, value)

    @property
    def output(self) -> object:
        """What was answered, as `input`."""
        return self._exchange.said.get(OUTPUT)

    @output.setter
    def output(self, value: object) -> None:
        self._exchange.say(OUTPUT, value)

    @property
    def handle(self) -> str:
        """A text to store, with which `feedback` and the checks find this turn again, in another process too.

        It holds the ids of the trace and of the session, as they may be shown, and nothing of what was
        said. Empty before the turn is entered.
        """
        inside = self._exchange.inside
        return "" if inside is None else handle_in(inside)

    def wrap(self, stream: _S) -> _S:  # as it comes, it goes
        """Return ``stream`` with every step of it in this turn, and what it gives as the output; call it in the block.

        ::

            with turn("reply", input=question) as t:
                return t.wrap(client.chat.completions.create(..., stream=True))

        The span goes on until the stream is consumed or closed, also where the block is left before. Of several
        streams the last one to end has the output, unless it is set. Arguments and what is returned as of
        `SessionScope.wrap`.
        """
        try:
            return self._exchange.read(stream)  # type: ignore[no-any-return]
        except Exception:  # noqa: BLE001  # telemetry must not break the application
            found = type(stream).__name__
            _diagnostics.warn_caller(
                f"wrap {found}", "wrap: expected an iterator and got %s, which is left as it is", found
            )
            return stream

    def __enter__(self) -> Turn:  # noqa: PYI034  # not always itself
        """Start the span, and make it current."""
        return self._entered(_frame(1))

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the span, unless a stream goes on, and restore what was current before."""
        if self._open and self._left_here(_frame(1)).left(exc) and is_asked_for():
            flush()

    async def __aenter__(self) -> Turn:  # noqa: PYI034  # as above
        """Start the span, and make it current in this task."""
        return self._entered(_frame(1))

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the span, unless a stream goes on, and restore what was current in this task before."""
        if self._open and self._left_here(_frame(1)).left(exc):
            await flushed(exc)

    def __repr__(self) -> str:
        """Tell the name, and nothing of what was said."""
        return f"<Turn {self._plan.name!r}>"

    def _entered(self, owner: FrameType) -> Turn:
        turn = Turn(self._plan) if self._is_begun else self
        self._is_begun = True
        exchange = turn._exchange  # noqa: SLF001  # another of this class
        given = exchange.said.get(INPUT)  # of another one nothing is said yet
        exchange.begin(self._plan, self._plan.input if given is None else given)
        self._open.append((exchange, owner))
        return turn

    def _left_here(self, owner: FrameType) -> Exchange:
        """Return which of the exchanges that are open is left here.

        The last that this frame has begun; else the innermost of this Context; else the last.
        """
        if len(self._open) == 1:
            return self._open.pop()[0]
        made = [each for each in self._open if each[1] is owner]
        found = made[-1] if made else self._open[-1]
        entry = entry_in(get_current()) if len(made) != 1 else None
        while entry is not None:
            here = [each for each in made or self._open if each[0].entry is entry]
            found, entry = (here[0], None) if here else (found, entry_in(entry.base))
        self._open.remove(found)
        return found[0]

    def _begun(self, function: Callable[..., Any], args: _Args, kwargs: _Kwargs) -> Exchange:
        """Begin an exchange for one call of a decorated function."""
        exchange = Exchange()
        exchange.begin(self._plan, None, partial(_input_of, function, self._plan.input, args, kwargs))
        return exchange

    def _around_function(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def inside(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            exchange = self._begun(function, args, kwargs)
            try:
                result: _R = exchange.answered(function(*args, **kwargs))
            except BaseException as error:
                exchange.left(error)
                flush()
                raise
            if exchange.left(None):
                flush()
            return result

        return inside

    def _around_coroutine(self, function: Callable[_P, Any]) -> Callable[_P, Any]:
        @functools.wraps(function)
        async def inside(*args: _P.args, **kwargs: _P.kwargs) -> Any:  # noqa: ANN401  # whatever the coroutine returns
            exchange = self._begun(function, args, kwargs)
            try:
                result = exchange.answered(await function(*args, **kwargs))
            except BaseException as error:
                exchange.left(error)
                await flushed(error)
                raise
            if exchange.left(None):
                await flushed()
            return result

        return inside

    def _source(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Source:  # noqa: ANN401
        exchange = self._begun(function, args, kwargs)
        source = Source(lasting(get_current()), partial(function, *args, **kwargs), exchange.reader())
        exchange.left(None)  # the reader goes on with it
        return source


class NewTurn(Unentered, Turn):
    """A turn as the public call returns it, until something is done with it."""

    __slots__ = ()

    def __enter__(self) -> Turn:
        """Start the span, and make it current."""
        self.__class__ = Turn  # type: ignore[assignment]  # as `_use`
        return self._entered(_frame(1))

    async def __aenter__(self) -> Turn:
        """Start the span, and make it current in this task."""
        self.__class__ = Turn  # type: ignore[assignment]  # as `_use`
        return self._entered(_frame(1))

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return ``function`` with each call of it as a turn."""
        self._use()
        return self(function)

    def _use(self) -> None:
        self.__class__ = Turn  # type: ignore[assignment]  # the same without a finalizer

    def _made_by(self) -> str:
        return "turn"


NewTurn.__name__ = NewTurn.__qualname__ = Turn.__name__  # what messages say of its type


def _input_of(function: Callable[..., Any], given: object, args: _Args, kwargs: _Kwargs) -> object:
    """Return what a decorated function is asked: what was ``given``, computed or not, or else its arguments."""
    if given is not None:
        return given(*args, **kwargs) if callable(given) else given
    try:
        arguments: dict[str, object] = inspect.signature(function, **_UNEVALUATED).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):  # the call is about to fail; or it is written in C, and has no signature
        arguments = {str(place): value for place, value in enumerate(args)} | dict(kwargs)
    return content_of_arguments({name: value for name, value in arguments.items() if name not in _SELF})
