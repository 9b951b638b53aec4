"""Takes each step of an iterator in an OTel Context of its own, which whoever consumes it never sees.

Before a step the Context of the stream is made current, after it that of the consumer is restored,
and what the step has left current is kept for the next one: so a span that is opened in the body
stays current there, and there only. It does not matter which task or thread takes a step or ends it.

The rest is as if the consumer had the iterator itself (PEP 342, 380, 525): what is sent and thrown
goes in, what is returned and raised comes out, and the body of a generator is closed with it.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import AsyncGenerator, Generator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from .flush import begin_flush
from .surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from opentelemetry.context import Context

    from .surroundings import Watcher


class Source(NamedTuple):
    """Where a stream comes from: the Context to begin in, what makes the iterator in it, and who looks on."""

    context: Context
    iterator: Callable[[], Any]
    watcher: Watcher | None = None


def generator_function(
    source: Callable[..., Source], *, is_open: bool = False
) -> Callable[..., Generator[Any, Any, Any]]:
    """Return a generator function that steps through what ``source``, called with its arguments, tells of.

    Where it ``is_open``, its generators first yield once, with nothing done yet.
    """

    def stream(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:  # noqa: ANN401  # as the function's
        context, make, watcher = source(*args, **kwargs)
        surroundings = Surroundings(context, watcher)
        body = surroundings.watched(make)
        step: Any = partial(next, body)
        items: list[Any] = [None] if is_open else []  # at most one, and none while it is with the consumer
        try:
            while True:
                if not items:
                    items.append(surroundings.next_of(step))
                step = None
                try:
                    sent = yield items.pop()
                except BaseException as error:  # noqa: BLE001  # the body decides
                    step = partial(body.throw, error)
                else:
                    step = partial(body.send, sent)
        except StopIteration as stop:
            return stop.value
        finally:
            del step

    return stream


def async_generator_function(source: Callable[..., Source]) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Return an async generator function that steps through what ``source``, called with its arguments, tells of."""

    async def stream(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:  # noqa: ANN401  # as the function's
        context, make, watcher = source(*args, **kwargs)
        surroundings = Surroundings(context, watcher)
        body = surroundings.watched(make)
        step: Any = partial(_first, body)
        items: list[Any] = []
        try:
            while True:
                items.append(await surroundings.awaited_next_of(step))
                step = None
                try:
                    sent = yield items.pop()
                except BaseException as error:  # noqa: BLE001  # the body decides
                    step = partial(body.athrow, error)
                else:
                    step = partial(body.asend, sent)
        except StopAsyncIteration:
            return
        finally:
            del step

    return stream


_INNER, _AROUND = "_otel_sessions_inner", "_otel_sessions_surroundings"


class _Proxy:
    """A stream of a client library: what runs of it runs in the session, all else is its own."""

    _otel_sessions_inner: Any
    _otel_sessions_surroundings: Surroundings

    def __init__(self, inner: Any, surroundings: Surroundings) -> None:  # noqa: ANN401  # any iterator
        object.__setattr__(self, _INNER, inner)
        object.__setattr__(self, _AROUND, surroundings)

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]  # for `isinstance`, as of a mock
        return type(self._otel_sessions_inner)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name in {_INNER, _AROUND}:
            raise AttributeError(name)  # of a copy that is being made
        found = getattr(self._otel_sessions_inner, name)
        surroundings = self._otel_sessions_surroundings
        return partial(_closed, surroundings, found) if name in {"close", "aclose"} else found

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._otel_sessions_inner, name, value)

    def __reduce_ex__(self, protocol: Any) -> Any:  # noqa: ANN401
        return self._otel_sessions_inner.__reduce_ex__(protocol)  # a copy is one of the stream alone


def _closed(surroundings: Surroundings, close: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
    return surroundings.closed(partial(close, *args, **kwargs))


def _sync(name: str, way: Callable[[Surroundings, Callable[[], Any]], Any] = Surroundings.taken) -> Callable[..., Any]:
    def method(self: _Proxy, *args: Any) -> Any:  # noqa: ANN401  # as the stream's
        inner, surroundings = self._otel_sessions_inner, self._otel_sessions_surroundings
        return _own(self, way(surroundings, partial(getattr(type(inner), name), inner, *args)))

    return method


def _async(
    name: str, way: Callable[[Surroundings, Callable[[], Any]], Awaitable[Any]] = Surroundings.awaited
) -> Callable[..., Any]:
    async def method(self: _Proxy, *args: Any) -> Any:  # noqa: ANN401  # as the stream's
        inner, surroundings = self._otel_sessions_inner, self._otel_sessions_surroundings
        return _own(self, await way(surroundings, partial(getattr(type(inner), name), inner, *args)))

    return method


def _making(name: str) -> Callable[..., Any]:
    def method(self: _Proxy) -> Any:  # noqa: ANN401  # as the stream's
        inner, surroundings = self._otel_sessions_inner, self._otel_sessions_surroundings
        steps = surroundings.taken(partial(getattr(type(inner), name), inner))
        if steps is inner:
            return self
        watcher = None if surroundings.watcher is None else _StepsOf(self, surroundings.watcher)
        return wrapped(steps, surroundings.context, watcher)

    return method


class _StepsOf:
    """Looks on while the steps of a stream are taken, which keep it: they may be left, and others be taken."""

    __slots__ = ("_stream", "_watcher")

    def __init__(self, stream: _Proxy, watcher: Watcher) -> None:
        self._stream = stream
        self._watcher = watcher

    def took(self, item: object) -> None:
        """Hand the ``item`` on."""
        self._watcher.took(item)

    def ended(self, error: BaseException | None) -> bool:
        """Hand it on that there is no more, but not that nobody has asked for more here."""
        return error is not None and not isinstance(error, GeneratorExit) and self._watcher.ended(error)


def _own(proxy: _Proxy, result: object) -> object:
    return proxy if result is proxy._otel_sessions_inner else result  # noqa: SLF001


_SPECIAL: dict[str, Callable[..., Any]] = {
    **{name: _making(name) for name in ("__iter__", "__aiter__")},
    "__next__": _sync("__next__", Surroundings.next_of),
    "__anext__": _async("__anext__", Surroundings.awaited_next_of),
    "__exit__": _sync("__exit__", Surroundings.closed),
    "__aexit__": _async("__aexit__", Surroundings.awaited_close),
    "__aenter__": _async("__aenter__"),
    **{name: _sync(name) for name in ("__enter__", "__len__", "__bool__", "__getitem__")},
}
"""Python looks for these in the type alone, and callers look whether they are there."""


@lru_cache(maxsize=64)
def _proxy_of(kind: type) -> type[_Proxy]:
    """Return the type of the proxy of a stream of type ``kind``, with the special methods that it has."""
    methods = {name: method for name, method in _SPECIAL.items() if getattr(kind, name, None) is not None}
    return type(f"{kind.__name__}InSession", (_Proxy,), methods)


def is_stream(value: object) -> bool:
    """Tell whether ``value`` is what `wrapped` takes: an iterator or an async iterable."""
    return hasattr(type(value), "__aiter__") or hasattr(type(value), "__next__")


def rereadable_in(stream: Any) -> Any:  # noqa: ANN401  # as it comes
    """Return what ``stream`` was made of by `wrapped`, if that begins anew each time that it is asked; else ``None``."""
    if not issubclass(type(stream), _Proxy):
        return None
    inner = stream
    while issubclass(type(inner), _Proxy):
        inner = inner._otel_sessions_inner  # noqa: SLF001  # ours
    return None if hasattr(type(inner), "__next__") or hasattr(type(inner), "__anext__") else inner


def wrapped(stream: Any, context: Context, watcher: Watcher | None = None) -> Any:  # noqa: ANN401  # as it comes, it goes
    """Return ``stream`` with its steps taken in ``context``; `TypeError` if it is neither iterator nor async iterable."""
    return wrapped_in(Surroundings(context, watcher), stream)


def wrapped_in(surroundings: Surroundings, stream: Any) -> Any:  # noqa: ANN401
    """Return ``stream`` with its steps taken in ``surroundings``."""
    if isinstance(stream, Generator):
        steps = generator_function(lambda: _source(surroundings, stream), is_open=True)()
        next(steps)  # from here on, to close it is to close the stream
        return steps
    if isinstance(stream, AsyncGenerator):
        return _started_or_ended(surroundings, stream)
    if not is_stream(stream):
        raise TypeError
    proxy = _proxy_of(type(stream))(stream, surroundings)  # type: ignore[arg-type]  # a type is hashable
    if surroundings.watcher is not None:
        weakref.finalize(proxy, _left_alone, surroundings.watcher).atexit = False
    return proxy


def _left_alone(watcher: Watcher) -> None:
    """End a stream that nobody has consumed to its end, as it is collected: where that is, nobody waits."""
    if watcher.ended(None):
        begin_flush()


async def awaited_in(context: Context, awaitable: Awaitable[Any]) -> Any:  # noqa: ANN401
    """Await ``awaitable`` in ``context``."""
    return await Surroundings(context, None).awaited(lambda: awaitable)


def _started_or_ended(surroundings: Surroundings, stream: Any) -> Any:  # noqa: ANN401
    """Return the steps of an async generator; where nobody takes the first, it ends as it is collected."""
    unstarted: list[Any] = []

    def source() -> Source:
        for each in unstarted:
            each.detach()
        return _source(surroundings, stream)

    steps = async_generator_function(source)()
    if surroundings.watcher is not None:
        unstarted.append(weakref.finalize(steps, _left_alone, surroundings.watcher))
        unstarted[0].atexit = False
    return steps


def _source(surroundings: Surroundings, stream: Any) -> Source:  # noqa: ANN401
    return Source(surroundings.context, lambda: stream, surroundings.watcher)


def _first(body: Any) -> Awaitable[Any]:  # noqa: ANN401
    """Take the first step, without the event loop getting to know the body of the stream.

    It would close the body too, at a shutdown or where both are collected, while the stream does.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, _leave_to_the_stream)
    try:
        return body.__anext__()  # type: ignore[no-any-return]
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _leave_to_the_stream(_body: AsyncGenerator[Any, Any]) -> None:
    """Do nothing about a body that is collected: its stream is too, and closes it, and can await in doing so."""
