"""Takes each step of an iterator in an OTel Context of its own, which whoever consumes it never sees.

Before a step the Context of the stream is made current, after it that of the consumer is restored,
and what the step has left current is kept for the next one: so a span that is opened in the body
stays current there, and there only. It does not matter which task or thread takes a step or ends it.

The rest is as if the consumer had the iterator itself (PEP 342, 380, 525): what is sent and thrown
goes in, what is returned and raised comes out, and the body of a generator is closed with it.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.context import attach, detach

from ._context import get_current

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from types import TracebackType

    from opentelemetry.context import Context


class Source(NamedTuple):
    """Where a stream comes from: the Context to begin in, and what makes the iterator in it."""

    context: Context
    iterator: Callable[[], Any]


class _Surroundings:
    """The Context of a stream, current while a step is taken."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._token: Any = None  # one is enough: a generator that runs can't be entered again

    def __enter__(self) -> None:
        self._token = attach(self._context)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current = get_current()
        try:
            self._token.var.reset(self._token)
        except AttributeError:  # not a contextvars.Token: see `_context.get_current`
            detach(self._token)
        except (ValueError, RuntimeError):
            return  # a step that was suspended is ended elsewhere, and what is current there is not of this stream
        self._context = current


def generator_function(source: Callable[..., Source]) -> Callable[..., Generator[Any, Any, Any]]:
    """Return a generator function that steps through what ``source``, called with its arguments, tells of."""

    def stream(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:  # noqa: ANN401  # as the function's
        context, make = source(*args, **kwargs)
        surroundings = _Surroundings(context)
        with surroundings:
            iterator = make()
        step: Callable[[], Any] = partial(next, iterator)
        try:
            while True:
                with surroundings:
                    item = step()
                try:
                    sent = yield item
                except BaseException as error:
                    if not hasattr(iterator, "throw"):
                        raise
                    step = partial(iterator.throw, error)
                else:
                    step = partial(next, iterator) if sent is None else partial(iterator.send, sent)
        except StopIteration as stop:
            return stop.value
        finally:
            del step  # it may hold an error, whose traceback holds this frame

    return stream


def async_generator_function(source: Callable[..., Source]) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Return an async generator function that steps through what ``source``, called with its arguments, tells of."""

    async def stream(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:  # noqa: ANN401  # as the function's
        context, make = source(*args, **kwargs)
        surroundings = _Surroundings(context)
        with surroundings:
            iterator = make()
        step: Callable[[], Awaitable[Any]] = partial(_first, iterator)
        try:
            while True:
                with surroundings:
                    item = await step()
                try:
                    sent = yield item
                except BaseException as error:
                    if not hasattr(iterator, "athrow"):
                        raise
                    step = partial(iterator.athrow, error)
                else:
                    step = iterator.__anext__ if sent is None else partial(iterator.asend, sent)
        except StopAsyncIteration:
            return
        finally:
            del step  # it may hold an error, whose traceback holds this frame

    return stream


class Stream:
    """An iterator that is no generator, such as that of a client library: steps in the session, all else its own."""

    def __init__(self, inner: Any, steps: Iterator[Any]) -> None:  # noqa: ANN401  # any iterator
        self._otel_sessions_inner = inner
        self._otel_sessions_steps = steps

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:  # noqa: ANN401
        return next(self._otel_sessions_steps)

    def __enter__(self) -> Stream:  # noqa: PYI034  # nobody subclasses it
        self._otel_sessions_inner.__enter__()
        return self

    def __exit__(self, *exception: object) -> Any:  # noqa: ANN401
        return self._otel_sessions_inner.__exit__(*exception)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._otel_sessions_inner, name)


class AsyncStream:
    """The same of an async iterator."""

    def __init__(self, inner: Any, steps: AsyncIterator[Any]) -> None:  # noqa: ANN401  # any iterator
        self._otel_sessions_inner = inner
        self._otel_sessions_steps = steps

    def __aiter__(self) -> AsyncStream:
        return self

    def __anext__(self) -> Awaitable[Any]:
        return self._otel_sessions_steps.__anext__()

    async def __aenter__(self) -> AsyncStream:  # noqa: PYI034
        await self._otel_sessions_inner.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> Any:  # noqa: ANN401
        return await self._otel_sessions_inner.__aexit__(*exception)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._otel_sessions_inner, name)


def wrapped(stream: Any, context: Context) -> Any:  # noqa: ANN401  # as it comes, it goes
    """Return ``stream`` with its steps taken in ``context``; `TypeError` if it can't be iterated over."""
    kind = type(stream)
    if getattr(kind, "__iter__", None):
        steps = generator_function(lambda: Source(context, partial(iter, stream)))()
        return steps if isinstance(stream, Generator) or not hasattr(kind, "__next__") else Stream(stream, steps)
    if getattr(kind, "__aiter__", None):
        async_steps = async_generator_function(lambda: Source(context, stream.__aiter__))()
        is_plain = isinstance(stream, AsyncGenerator) or not hasattr(kind, "__anext__")
        return async_steps if is_plain else AsyncStream(stream, async_steps)
    raise TypeError


def _first(iterator: Any) -> Awaitable[Any]:  # noqa: ANN401
    """Take the first step, without the event loop getting to know the body of the stream.

    It would close the body too, at a shutdown or where both are collected, while the stream does.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, _leave_to_the_stream)
    try:
        return iterator.__anext__()  # type: ignore[no-any-return]
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _leave_to_the_stream(_body: AsyncGenerator[Any, Any]) -> None:
    """Do nothing about a body that is collected: its stream is too, and closes it, and can await in doing so."""
