"""What every call of the public API returns: one change of the session, to be entered."""

from __future__ import annotations

import contextlib
import functools
import sys
from functools import partial
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from opentelemetry.trace import get_current_span

from otel_sessions import _diagnostics
from otel_sessions._forks import ForkSafeLock
from otel_sessions._session.session import EMPTY, Session
from otel_sessions._settings.settings import PROCESS

from .changes import LAST, NO_KWARGS, StartNew, begun, inside, plain_start, start_of
from .decorators import Decorator
from .entry import Entry, context_with, enter, get_current, leave, leave_one_of, leave_where, settled
from .events import EVENTS, emit_start
from .process_session import HELD
from .providers import AWAITED, look_again
from .resolution import state_in
from .state import State
from .unentered import Unentered

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterator
    from types import FrameType, TracebackType

    from opentelemetry.context import Context

    from .changes import Args, Change, Kwargs
    from .streams import Source

_P = ParamSpec("_P")
_R = TypeVar("_R")
_S = TypeVar("_S", bound="Iterator[Any] | AsyncIterable[Any]")

_pinning = ForkSafeLock()

is_informing = _diagnostics.is_informing  # asked for each scope inside of a span

# As `inspect.currentframe`, of the caller.
_frame = sys._getframe  # noqa: SLF001


_MANAGERS: tuple[Any, ...] = (contextlib.contextmanager, contextlib.asynccontextmanager)
_RUNS_LATER = frozenset(
    {CoroutineType, GeneratorType, AsyncGeneratorType, map, filter, zip}
    | {type(decorator(lambda: None)()) for decorator in _MANAGERS}
)


class SessionScope(Decorator):
    """A session to be entered: ``with``, ``async with``, a decorator, or through `context`.

    Nothing is attached before it is entered. A scope may be entered again, inside itself too, and
    may be shared by threads and tasks. Leaving never raises and never suppresses an exception. What was current
    around is current again then, whatever has been left current inside, as by a stream that is left early.

    As a decorator it holds for each call of a function or a coroutine function, and for the body of
    a generator function or an async generator function, at every step; whoever consumes that does not see it.
    Where a function returns a response of Starlette, Django or Flask whose body is a stream, it holds for that, too.
    """

    __slots__ = ("_base", "_change", "_opened")

    _change: Change | State
    _base: Context | Callable[[Context], Context] | None
    _opened: list[Entry]

    def __init__(self, change: Change | State, base: Context | Callable[[Context], Context] | None = None) -> None:
        """Take the ``change`` to apply, and the Context to apply it to: ``None`` for the current one at each entry.

        A state in place of the change is one that stands for the start of its session, see `changes.plain_start`. A function
        makes the Context from the current one.
        """
        self._change = change
        self._base = base
        # Only for leaving where the Context of an entry is not at hand; all else of an entry is in its Context.
        self._opened = []

    @property
    def session(self) -> Session:
        """The session inside. Of a session with a generated id this fixes the id for all entries to come."""
        return self._pinned_state(self._outer_context()).session

    @property
    def context(self) -> Context:
        """An OTel Context that carries the session, for ``start_span(context=...)``; fixes a generated id."""
        base = self._outer_context()
        return context_with(self._pinned_state(base), base)

    def __enter__(self) -> Session:
        """Make the session current, and return it."""
        if type(self) is NewScope:
            self.__class__ = SessionScope  # pyright: ignore[reportAttributeAccessIssue]  # as `_use`
        state: Any = self._change
        opened = self._opened
        if (
            type(state) is State
            and self._base is None
            and state.settings is PROCESS.settings
            and not (opened or AWAITED)
        ):
            try:  # the common case, and the hot one: `_open` does the same
                base = get_current()
                if base:
                    state = inside(base, state)
                elif not HELD.is_idle:
                    state = None
                if state is not None:
                    enter(state, base, opened)
                    return state.session  # type: ignore[no-any-return]
            except Exception as error:  # noqa: BLE001  # telemetry must not break the application
                return _not_entered(error)
        return self._open(_frame(1) if opened else None)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore what was current before."""
        try:
            opened = self._opened
            if len(opened) == 1:
                leave_where(opened[0], get_current())
            else:
                leave_one_of(opened, _frame(1))
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            _warn_not_left(error)

    async def __aenter__(self) -> Session:
        """Make the session current in this task, and return it."""
        return self._open(_frame(1) if self._opened else None)

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore what was current in this task before."""
        try:
            opened = self._opened
            if len(opened) == 1:
                leave_where(opened[0], get_current())
            else:
                leave_one_of(opened, _frame(1))
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            _warn_not_left(error)

    def wrap(self, stream: _S) -> _S:  # as it comes, it goes
        """Return ``stream`` with every step of it in the session, for one that outlives the block.

        ::

            with scope:  # the call itself has to be inside
                return scope.wrap(client.chat.completions.create(..., stream=True))

        Whoever consumes it never sees the session. Steps are taken in the Context of this call, with
        its current span. Use what is returned in place of ``stream`` from here on: a generator is
        closed with it; any other stream has all its attributes, and is closed, and entered as a
        context manager, in the session as well.

        Args:
            stream: An iterator, an async iterator or an async iterable. Anything else is returned as
                it is, with a warning: of a list, pass ``iter(...)``; await a coroutine first.
        """
        from .flush import is_asked_for  # noqa: PLC0415  # for streams, which not every program has
        from .streams import wrapped  # noqa: PLC0415  # as above
        from .surroundings import AT_END  # noqa: PLC0415  # as above

        base = self._outer_context()
        try:
            return wrapped(stream, context_with(self._inside(base), base), AT_END if is_asked_for() else None)  # type: ignore[no-any-return]
        except Exception:  # noqa: BLE001  # telemetry must not break the application
            found = type(stream).__name__
            _diagnostics.warn_caller(
                f"wrap {found}",
                "wrap: expected an iterator and got %s: it is left without a session; await or enter it first, inside "
                "the scope, and pass what that gives",
                found,
            )
            return stream

    def __repr__(self) -> str:
        """Tell what the scope does, without the ids."""
        return f"<SessionScope {type(self._made()).__name__}>"

    def _around_function(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def inside(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            entry = self._enter(args, kwargs)
            try:
                result = function(*args, **kwargs)
                _hold_body(result, entry, args, kwargs)
            finally:
                _leave(entry)
            if type(result) in _RUNS_LATER:
                _warn_runs_later(function, type(result).__name__)
            return result

        return inside

    def _around_coroutine(self, function: Callable[_P, Any]) -> Callable[_P, Any]:
        @functools.wraps(function)
        async def inside(*args: _P.args, **kwargs: _P.kwargs) -> Any:  # noqa: ANN401  # whatever the coroutine returns
            entry = self._enter(args, kwargs)
            try:
                result = await function(*args, **kwargs)
                _hold_body(result, entry, args, kwargs)
            finally:
                _leave(entry)
            return result

        return inside

    def _open(self, owner: FrameType | None) -> Session:
        try:
            if AWAITED:
                look_again()
            base = get_current() if self._base is None else self._outer_context()
            state = self._inside(base)
            # Looking may have put away what has ended.
            enter(state, get_current(), self._opened, owner, None if self._base is None else base)
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            return _not_entered(error)
        return state.session

    def _enter(self, args: Args, kwargs: Kwargs) -> Entry | None:
        try:
            base = self._outer_context()
            given = None if self._base is None else base
            return enter(self._inside(base, args, kwargs), base if given is None else get_current(), None, None, given)
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            _not_entered(error)
            return None

    def _inside(self, base: Context, args: Args = (), kwargs: Kwargs = NO_KWARGS) -> State:
        change = self._change
        outer = state_in(base) if base or not HELD.is_idle else None
        if type(change) is State:
            if outer is None and base and is_informing():
                _notice_scope(base)
            return begun(change, outer)
        if outer is None and base and is_informing() and change.made_by == "set_session":  # type: ignore[union-attr]
            _notice_scope(base)
        if outer is not None and type(change) is StartNew:
            _warn_if_torn(base, outer)
        state = change.applied(outer, args, kwargs)  # type: ignore[union-attr]  # a change
        if state.is_new and EVENTS.is_on:
            emit_start(state.session, base)
        return state

    def _made(self) -> Change:
        """Return the change, which is made only now where a state stands for it."""
        change = self._change
        return start_of(change) if isinstance(change, State) else change

    def _source(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Source:  # noqa: ANN401
        """Return the body of a decorated generator function, as it is at the first step."""
        from .streams import Source  # noqa: PLC0415  # which is there by now

        base = self._outer_context()
        try:
            context = context_with(self._inside(base, args, kwargs), base)
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            _not_entered(error)
            context = base
        return Source(context, partial(function, *args, **kwargs))

    def _outer_context(self) -> Context:
        if AWAITED:
            look_again()
        if self._base is None:
            return settled()
        return self._base(settled()) if callable(self._base) else self._base

    def _pinned_state(self, base: Context) -> State:
        with _pinning:
            is_new = isinstance(self._change, StartNew)
            if isinstance(self._change, StartNew):
                self._change = self._change.pinned()
        state = self._made().applied(state_in(base))
        if is_new and EVENTS.is_on:
            emit_start(state.session, base)
        return state


class NewScope(Unentered, SessionScope):
    """A scope as the public calls return it, until something is done with it; made by `scope_of`."""

    __slots__ = ()
    __init__ = object.__init__  # pyright: ignore[reportAssignmentType]  # a call of its own would be a twentieth of the cost of a scope

    async def __aenter__(self) -> Session:
        """Make the session current in this task, and return it."""
        self.__class__ = SessionScope  # type: ignore[assignment]  # as above
        return self._open(_frame(1) if self._opened else None)

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return ``function`` with every call of it inside."""
        self._use()
        return self(function)

    def _outer_context(self) -> Context:
        self._use()
        return self._outer_context()

    def _use(self) -> None:
        self.__class__ = SessionScope  # type: ignore[assignment]  # the same without a finalizer

    def _made_by(self) -> str:
        return self._made().made_by


def scope_of(change: Change | State, base: Context | Callable[[Context], Context] | None = None) -> SessionScope:
    """Return a scope that nothing was done with yet."""
    scope: SessionScope = NewScope()  # pyright: ignore[reportCallIssue]
    scope._change = change  # noqa: SLF001  # as below: ours
    scope._base = base  # noqa: SLF001
    scope._opened = []  # noqa: SLF001
    return scope


def plain_scope(session_id: str, user_id: str | None, base: Context | None) -> SessionScope | None:
    """Return the scope of a session of these ids and nothing else, ``None`` where one has to be cleaned; this is the hot case."""
    state = LAST.state
    session = state.session
    if session.id != session_id or session.user_id != user_id or state.settings is not PROCESS.settings:
        made = plain_start(session_id, user_id)
        if made is None:
            return None
        state = made
    scope: SessionScope = NewScope()  # pyright: ignore[reportCallIssue]  # as `scope_of`
    scope._change = state  # noqa: SLF001
    scope._base = base  # noqa: SLF001
    scope._opened = []  # noqa: SLF001
    return scope


NewScope.__name__ = NewScope.__qualname__ = SessionScope.__name__  # what messages say of its type


def _notice_scope(base: Context) -> None:
    from .handlers import notice_scope  # noqa: PLC0415  # for who listens at INFO

    notice_scope(base)


def _leave(entry: Entry | None) -> None:
    try:
        if entry is not None:
            leave(entry)
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        _warn_not_left(error)


def _hold_body(result: object, entry: Entry | None, args: Args, kwargs: Kwargs) -> None:
    """Have the session that was entered for what a web framework sends when the function is over, too.

    Not for a response that the function was given, and passes on.
    """
    response = result[0] if type(result) is tuple and result else result
    if entry is None or type(response).__module__ == "builtins":
        return
    if any(response is each for each in (*args, *kwargs.values())):
        return
    from .responses import held  # noqa: PLC0415  # for streams, which not every program has

    held(result)


def _not_entered(error: Exception) -> Session:
    found = type(error).__name__
    _diagnostics.warn_caller("enter", "entering a scope raised %s: there is no session inside", found)
    return EMPTY


def _warn_runs_later(function: Callable[..., object], kind: str) -> None:
    name = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__name__)}"
    message = "otel_sessions: %s returned a %s, whose body runs outside the session; decorate the one that has the body"
    _diagnostics.warn_once(("runs later", name), message, name, kind)


def _warn_not_left(error: Exception) -> None:
    _diagnostics.warn_caller("leave", "leaving a scope raised %s", type(error).__name__)


def _warn_if_torn(context: Context, outer: State) -> None:
    """Say that a new session in the middle of a trace gives one trace two sessions."""
    if outer.session.id is not None and get_current_span(context).is_recording():
        _diagnostics.warn_caller(
            "torn",
            "a new session starts inside a span whose trace has a session already, and backends will split the trace; "
            "pass session_id, or start it outside the span",
        )
