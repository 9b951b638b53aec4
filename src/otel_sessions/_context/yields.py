"""Tells of a block around the ``yield`` of a context manager, inside of which whoever enters that never was.

As in a dependency of FastAPI: one that is no coroutine is entered and left by a pool of threads, and the endpoint is in
neither; one that is was entered inside of a span of FastAPI's own, which has put back what was current as it ended.

And of a generator that is decorated and makes a context manager: its session holds in its own body, and nobody else is inside.
"""

from __future__ import annotations

import inspect
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from otel_sessions import _diagnostics

from .local_trace import SPAN_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from opentelemetry.context import Context

_GENERATOR = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
_OURS = __name__.partition(".")[0]
_BETWEEN = frozenset({_OURS, "contextlib"})
"""What may be between the block and its end: an ``ExitStack``."""
_ENDS = frozenset({"__exit__", "__aexit__"})
"""Of a class of the application's that has a block of ours inside."""
_POOLS = frozenset({"anyio", "asyncio", "concurrent", "threading"})
_MANAGES = "contextlib"
_DEPENDENCIES = "fastapi.dependencies"
"""Where FastAPI enters a dependency. It enters a lifespan elsewhere, whose body may well be all that is to be inside."""

_NOT_INSIDE = (
    "this block is around the yield of a context manager, and what is to be inside was not: %s; in a dependency of a web "
    "framework call bind_session() in the place of the block"
)
_BY_POOL = "a pool of threads has entered and left it, as FastAPI does with a dependency that is not async"
_DECORATED = (
    "what is decorated here is a generator that makes a context manager, and whoever enters that is not inside: the session "
    "holds in the body of the generator alone; write `with ...:` around its yield in the place of the decorator or, in a "
    "dependency of a web framework, call bind_session()"
)
_PUT_BACK = "the span around it has ended before, as FastAPI's own span fastapi.dependencies does"


def tell_if_nobody_was_inside(base: Context, current: Context, *, is_of_here: bool) -> None:
    """Warn where a block above ``base`` is left, which what is ``current`` does not carry, if that tells that it held for nobody.

    What is closed early, by the garbage collector as well, may be left anywhere.
    """
    manager = _manager()
    if manager is None or sys.exc_info()[0] is GeneratorExit:
        return
    is_of_pool = not is_of_here and manager.f_back is not None and _package_of(manager.f_back) in _POOLS
    span: Any = base.get(SPAN_KEY)
    if span is not None and current.get(SPAN_KEY) is not span and not span.is_recording():
        why = _PUT_BACK if is_of_here or is_of_pool else None
    else:
        why = _BY_POOL if is_of_pool else None
    if why is not None:
        _diagnostics.warn_caller(f"nobody inside: {why}", _NOT_INSIDE, why)


def tell_if_nobody_will_be_inside(function: Callable[..., Any], step: FrameType) -> None:
    """Warn where a decorated generator ``function`` is entered as a context manager, by way of its first ``step``.

    Not where a library enters it of its own accord, as at its start and end: there the body may be all that is to be inside.
    Never raises.
    """
    with suppress(Exception):  # a function of any make, whose `__wrapped__` may lead in a circle
        code = inspect.unwrap(function).__code__
        if any(_expects_to_be_inside(each) for _, each in _managers(step) if each is not None):
            _diagnostics.warn_at((code.co_filename, code.co_firstlineno), "nobody inside: decorated", _DECORATED)


def _expects_to_be_inside(entering: FrameType) -> bool:
    """Tell whether who is ``entering`` a context manager is the application, or does so for a part of it."""
    from .whose_code import APPLICATION, origin_of  # noqa: PLC0415  # it looks into what is installed, and few need it

    module = str(entering.f_globals.get("__name__", ""))
    is_for_application = _package_of(entering) in _POOLS or module.startswith(_DEPENDENCIES)
    return is_for_application or origin_of(entering.f_code.co_filename, module) == APPLICATION


def _manager() -> FrameType | None:
    """Return the frame of `contextlib` that goes on with the generator in which the block stands; ``None`` for another place.

    Where that generator is inside of the block of another one, as a manager that a dependency enters, it is that of the outer one.
    """
    found: FrameType | None = None
    for manager, _ in _managers(_outside_of(sys._getframe(1))):  # noqa: SLF001  # as `inspect.currentframe`
        found = manager
    return found


def _managers(frame: FrameType | None) -> Iterator[tuple[FrameType, FrameType | None]]:
    """Yield what goes on with the generator that runs in ``frame``, of `contextlib`, and for whom; and the same of those outside."""
    while frame is not None and frame.f_code.co_flags & _GENERATOR:
        manager = frame.f_back
        if manager is None or _package_of(manager) != _MANAGES:
            return
        frame = _outside_of(manager)
        yield manager, frame


def _outside_of(frame: FrameType | None) -> FrameType | None:
    """Return the first frame, from ``frame`` on, that is none of what only ends a block."""
    while frame is not None and (_package_of(frame) in _BETWEEN or frame.f_code.co_name in _ENDS):
        frame = frame.f_back
    return frame


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
