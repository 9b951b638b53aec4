"""The package's one logger: every complaint once per place, and counts of what was dropped.

Nothing that is logged here may contain a session id, a user id or any other value that a
caller or a remote peer supplied; messages name arguments, types, limits and places.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from ._forks import ForkSafeLock

if TYPE_CHECKING:
    from collections.abc import Hashable
    from types import FrameType

logger = logging.getLogger("otel_sessions")

# A program has a bounded number of places that can complain; generated code has not.
_MAX_PLACES = 1024

# Not the application either: what runs a scope for it, such as an ExitStack or a task.
_OWN = __name__.partition(".")[0]
_PASSED_OVER = frozenset({_OWN, "asyncio", "concurrent", "contextlib", "functools", "threading"})

Place: TypeAlias = tuple[str, int]

# What calls a decorated function, in `_context.scope`, `_context.decorators` and `_conversation.turn`: each has it as `function`.
_DECORATING = frozenset({"inside", "_first"})

_PLACED = "otel_sessions: {} (%s:%d)"

_said: set[Hashable] = set()
_counts: Counter[str] = Counter()
_lock = ForkSafeLock()


def warn_once(key: Hashable, message: str, *args: object, stacklevel: int = 1) -> None:
    """Log ``message % args`` at WARNING, the first time that ``key`` is seen in this process."""
    _say_once(logging.WARNING, key, message, args, stacklevel + 1)


def inform_once(key: Hashable, message: str, *args: object) -> None:
    """Log ``message % args`` at INFO, the first time that ``key`` is seen in this process."""
    _say_once(logging.INFO, key, message, args, 2)


def _say_once(level: int, key: Hashable, message: str, args: tuple[object, ...], stacklevel: int) -> None:
    with _lock:
        if key in _said or len(_said) >= _MAX_PLACES:
            return
        _said.add(key)
    # A logging filter or handler of the application may raise; telemetry must not pass that on.
    with contextlib.suppress(Exception):
        logger.log(level, message, *args, stacklevel=stacklevel + 1)


def warn_caller(problem: str, message: str, *args: object) -> None:
    """Log ``message % args`` with the file and line of the application's call, once per place.

    Args:
        problem: What is wrong, in a word; the same problem at the same line is said once.
        message: A ``%``-style format, without ids and without other values from outside.
        args: Its arguments.
    """
    filename, line, depth = _application_frame()
    warn_once((problem, filename, line), _PLACED.format(message), *args, filename, line, stacklevel=depth)


def is_informing() -> bool:
    """Tell whether anybody listens to what is said at INFO: else there is no need to look."""
    return logger.isEnabledFor(logging.INFO)


def inform_caller(problem: str, message: str, *args: object) -> None:
    """Do as `warn_caller`, at INFO; where nobody listens to that, it costs next to nothing."""
    if is_informing():
        filename, line, depth = _application_frame()
        _say_once(logging.INFO, (problem, filename, line), _PLACED.format(message), (*args, filename, line), depth)


def inform_at(where: Place, problem: str, message: str, *args: object) -> None:
    """Do as `warn_at`, at INFO."""
    inform_once((problem, *where), _PLACED.format(message), *args, *where)


def take_as_said(key: Hashable) -> None:
    """Say nothing more under ``key``: another message has."""
    with _lock:
        _said.add(key)


def place(*others: str) -> Place:
    """Return the file and line of the application's call, for a complaint that may come up later.

    Args:
        others: Packages that are not the application, either.
    """
    return _application_frame(_PASSED_OVER.union(others))[:2]


def warn_at(where: Place, problem: str, message: str, *args: object) -> None:
    """Log as `warn_caller` does, about the call that was made at ``where``."""
    warn_once((problem, *where), _PLACED.format(message), *args, *where)


def count(name: str) -> None:
    """Add one to the number kept under ``name``."""
    with _lock:
        _counts[name] += 1


def counts() -> dict[str, int]:
    """Return what was counted so far, by name."""
    with _lock:
        return dict(_counts)


def reset() -> None:
    """Forget what was said and counted (for tests)."""
    with _lock:
        _said.clear()
        _counts.clear()


def _application_frame(passed_over: frozenset[str] = _PASSED_OVER) -> tuple[str, int, int]:
    """Return file, line and ``stacklevel`` (from `warn_caller`) of the nearest frame of the application.

    Of a decorated function file and line are its own: it is called by a framework, at one line for all that are decorated.
    """
    frame = inspect.currentframe()
    depth, decorated = 0, None
    while frame is not None and _package_of(frame) in passed_over:
        decorated = decorated or _decorated_in(frame)
        frame = frame.f_back
        depth += 1
    if frame is None:
        return "<unknown>", 0, 1
    file, line = decorated or (frame.f_code.co_filename, frame.f_lineno)
    return file, line, depth


def _decorated_in(frame: FrameType) -> Place | None:
    """Return where the function that ``frame`` calls was decorated; ``None`` if it calls none, or one without a place."""
    if frame.f_code.co_name not in _DECORATING or _package_of(frame) != _OWN:
        return None
    try:
        code = inspect.unwrap(frame.f_locals["function"]).__code__
    except Exception:  # noqa: BLE001  # something of any make that can be called, and its `__wrapped__` may lead in a circle
        return None
    return code.co_filename, code.co_firstlineno


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
