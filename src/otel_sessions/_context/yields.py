"""Tells of a block around the ``yield`` of a context manager, inside of which whoever enters that never was.

As in a dependency of FastAPI: one that is no coroutine is entered and left by a pool of threads, and the endpoint is in
neither; one that is was entered inside of a span of FastAPI's own, which has put back what was current as it ended.
"""

from __future__ import annotations

import sys
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from typing import TYPE_CHECKING, Any

from otel_sessions import _diagnostics

from .local_trace import SPAN_KEY

if TYPE_CHECKING:
    from types import FrameType

    from opentelemetry.context import Context

_GENERATOR = CO_GENERATOR | CO_ASYNC_GENERATOR
_OURS = __name__.partition(".")[0]
_BETWEEN = frozenset({_OURS, "contextlib"})
"""What may be between the block and its end: an ``ExitStack``."""
_POOLS = frozenset({"anyio", "asyncio", "concurrent", "threading"})

_NOT_INSIDE = (
    "this block is around the yield of a context manager, and what is to be inside was not: %s; in a dependency of a web "
    "framework call bind_session() in the place of the block"
)
_BY_POOL = "a pool of threads has entered and left it, as FastAPI does with a dependency that is not async"
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


def _manager() -> FrameType | None:
    """Return the frame of `contextlib` that goes on with the generator in which the block stands; ``None`` for another place."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # as `inspect.currentframe`
    while frame is not None and _package_of(frame) in _BETWEEN:
        frame = frame.f_back
    if frame is None or not frame.f_code.co_flags & _GENERATOR:
        return None
    manager = frame.f_back
    return manager if manager is not None and _package_of(manager) == "contextlib" else None


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
