"""Tells where requests of MCP's Python SDK go, which their spans do not: to a program over stdio, or to a host.

The SDK injects into the ``_meta`` of a request, in its session, which has a stream to write to and does not know who
reads it. The transport does: a task that runs in ``mcp.client.stdio``, or in a module of HTTP beside it, and holds the other
end of that stream. It is looked for once for each session, or a few times where it has not begun. What is not found, as with
another event loop, another transport or another version of the SDK, can't be told, and gets nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from .callers import module_of
from .destinations import host_of_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

STDIO: Final = "a server of MCP over stdio"
"""Stands for a program that is talked to over its standard input."""

INJECTED_AGAIN: Final = ("fastmcp.",)
"""Modules that take the trace alone of what they inject, and send by the SDK, which injects once more."""

_NAMES = frozenset({"mcp", "fastmcp"})
_SDK, _TRANSPORTS, _OF_STDIO = "mcp.", "mcp.client.", "mcp.client.stdio"
_MOST_FRAMES = 8
"""How far a session is from what injects for it."""
_MOST_AWAITS = 6
"""How far a transport is from the top of its task."""
_MOST_MISSES = 3
"""How often a transport is looked for, which may not have begun yet: there may be very many tasks."""

_known: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""Where sessions go, of those that were looked for."""
_missed: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
"""How often those were looked for whose transport was not found."""


def is_of_mcp(module: str) -> bool:
    """Tell whether a ``module`` that injects does so for MCP: of the SDK, of FastMCP, or an instrumentation of them."""
    return not _NAMES.isdisjoint(module.split("."))


def target_of(frame: FrameType | None) -> str | None:
    """Return the host, or `STDIO`, that the request goes to for which ``frame`` injects, ``None`` where that can't be told."""
    try:
        session, ends = _session_of(frame)
        return None if session is None else _known.get(session) or _looked_for(session, ends)
    except Exception:  # noqa: BLE001  # no loop of asyncio, or objects of another version
        return None


def _session_of(frame: FrameType | None) -> tuple[Any, list[Any]]:
    """Return the session for which ``frame`` injects, ``None`` for none, and what it writes to."""
    for _ in range(_MOST_FRAMES):
        if frame is None or not module_of(frame).startswith(_SDK):
            break
        session = frame.f_locals.get("self")
        if session is not None and (ends := _streams_of(session)):
            return session, ends
        frame = frame.f_back
    return None, []


def _looked_for(session: Any, ends: list[Any]) -> str | None:  # noqa: ANN401  # of any version
    missed = _missed.get(session, 0)
    if missed >= _MOST_MISSES:
        return None
    found = next(filter(None, (_target(frame, ends) for frame in _transports())), None)
    if found is None:
        _missed[session] = missed + 1
    else:
        _known[session] = found
    return found


def _streams_of(session: Any) -> list[Any]:  # noqa: ANN401  # as above
    """Return what ``session`` writes to."""
    return [
        each for each in getattr(session, "__dict__", {}).values() if hasattr(each, "send") and hasattr(each, "aclose")
    ]


def _transports() -> Iterator[FrameType]:
    """Return the frames of transports in the tasks of this loop."""
    asyncio: Any = sys.modules["asyncio"]  # which takes long to import, and who has no loop does without it
    for task in asyncio.all_tasks():
        waiting: Any = task.get_coro()
        for _ in range(_MOST_AWAITS):
            frame = getattr(waiting, "cr_frame", None)
            if frame is None:
                break
            if module_of(frame).startswith(_TRANSPORTS):
                yield frame
            waiting = waiting.cr_await


def _target(frame: FrameType, ends: list[Any]) -> str | None:
    """Return what the transport of ``frame`` leads to, if it is that of one of the ``ends``."""
    found = frame.f_locals
    if not any(_is_same(each, end) for each in found.values() for end in ends):
        return None
    if module_of(frame) == _OF_STDIO:
        return STDIO
    return host_of_url(found.get("endpoint_url")) or host_of_url(getattr(found.get("self"), "url", None))


def _is_same(one: object, end: object) -> bool:
    """Tell whether ``one`` is that ``end`` of a stream or the other one, which have one state."""
    state = getattr(one, "_state", None)
    return one is end or (state is not None and state is getattr(end, "_state", None))
