"""Who asks a propagator to write: code of the application, or a library that is installed; and into what.

A library is told by where its files lie, and not by its name: each release of a client may begin to inject by itself.
The standard library runs the code of others, and is passed over.
"""

from __future__ import annotations

import os
import sys
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from opentelemetry.propagators.textmap import TextMapPropagator

from otel_sessions._context.whose_code import INSTALLED, STANDARD, origin_of

if TYPE_CHECKING:
    from types import FrameType

# As `inspect.currentframe`, which asks first whether there is such a thing.
_frame = sys._getframe  # noqa: SLF001

# What stands between who asks and us.
_PASSED_OVER = ("otel_sessions", "opentelemetry.propagat", "opentelemetry.context")
# Packages that hand a Context on inside the process in a plain mapping, and call nobody with it.
_WITHIN = ("logfire.",)
# Types that say nothing of who made them, or what for.
_PLAIN: frozenset[type] = frozenset(
    {dict, list, tuple, defaultdict, OrderedDict, ChainMap, Counter, UserDict, UserList, deque, type(os.environ)}
)
# Packages of the standard library that have headers of requests.
_CLIENTS = frozenset({"http", "urllib", "email", "wsgiref"})

_MOST_CALLERS = 24
"""How many callers are looked at for a client and its instrumentation, with what else intercepts the call."""

_CACHED_TYPES = 256


def calling_frame() -> FrameType | None:
    """Return the frame that asked for what is going on, ``None`` where the standard library alone has."""
    frame: FrameType | None = _frame(1)
    while frame is not None and _is_passed_over(frame):
        frame = frame.f_back
    return frame


def module_of(frame: FrameType | None) -> str:
    """Return the name of the module of ``frame``, empty for none."""
    return "" if frame is None else str(frame.f_globals.get("__name__", ""))


def is_below(modules: tuple[str, ...]) -> bool:
    """Tell whether one of the ``modules``, or one inside of it, is among the callers of what is going on."""
    frame: FrameType | None = _frame(0)
    left = _MOST_CALLERS
    while frame is not None and left and not module_of(frame).startswith(modules):
        frame, left = frame.f_back, left - 1
    return frame is not None and left > 0


def is_installed(frame: FrameType | None) -> bool:
    """Tell whether ``frame`` is of a library that is installed, and that may have something to send."""
    if frame is None or module_of(frame).startswith(_WITHIN):
        return False
    return _origin_of_frame(frame) == INSTALLED


def is_plain(carrier: Any) -> bool:  # noqa: ANN401  # whatever somebody injects into
    """Tell whether ``carrier`` is a plain mapping or list, or an object of the application's.

    It is not if its type is of an installed library, or one of the standard library for headers: such are the
    headers of a request of some client. Nor is a mapping of the application's that is made of one of those.
    """
    kind: Any = type(carrier)
    try:
        return kind in _PLAIN or _is_plain(kind)
    except Exception:  # noqa: BLE001  # a type may have code of its own
        return False


@lru_cache(maxsize=_CACHED_TYPES)
def _is_plain(kind: type) -> bool:
    return not any(_is_of_client(each, is_own=each is kind) for each in kind.__mro__[:-1])


def _is_of_client(kind: type, *, is_own: bool) -> bool:
    module = kind.__module__
    if module == "__main__":  # of a notebook, whose program is installed
        return False
    origin = origin_of(getattr(sys.modules.get(module), "__file__", None), module)
    if origin == STANDARD:
        return module.partition(".")[0] in _CLIENTS
    return origin == INSTALLED and (is_own or issubclass(kind, Mapping) or hasattr(kind, "keys"))


def _is_passed_over(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))  # as `module_of`, for some frames of each call
    if module.startswith(_PASSED_OVER) or origin_of(frame.f_code.co_filename, module) == STANDARD:
        return True
    # A propagator around the guard is asked, and does not ask.
    return frame.f_code.co_name == "inject" and isinstance(frame.f_locals.get("self"), TextMapPropagator)


def _origin_of_frame(frame: FrameType) -> str:
    return origin_of(frame.f_code.co_filename, module_of(frame))
