"""What is left over from one test, kept from the next; and scopes that a test has made in vain."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from otel_sessions import _diagnostics
from otel_sessions._context import changes, local_trace, resolution
from otel_sessions._context.scope import SessionScope
from otel_sessions._conversation.turn_order import ORDER
from otel_sessions._pipeline import value_limits
from otel_sessions._settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def clean_slate() -> None:
    """Forget what was warned of, counted and remembered: each warning can come again."""
    _diagnostics.reset()
    local_trace.forget()
    resolution.forget()
    changes.forget()
    settings.forget()
    value_limits.forget()
    ORDER.forget()


_Made: TypeAlias = "dict[int, tuple[SessionScope, _diagnostics.Place]]"

_METHODS = {name: getattr(SessionScope, name) for name in ("__init__", "_open", "_outer_context", "__call__")}
_watching: list[_Made] = []
_changing = threading.RLock()


@contextmanager
def every_scope_is_entered() -> Iterator[None]:
    """Raise `AssertionError` at the end for scopes that were made inside and never used, with file and line.

    ``set_session("conv-42")`` without ``with`` does nothing, and nothing else says so. A scope counts
    as used where it is entered, decorates, wraps, or is asked for its ``context`` or ``session``.
    """
    made: _Made = {}
    with _changing:
        _watching.append(made)
        _watch()
    try:
        yield
    finally:
        with _changing:
            _watching[:] = [other for other in _watching if other is not made]
            _watch()
    if made:
        lines = "\n".join(f"  {filename}:{line}" for _, (filename, line) in made.values())
        message = f"{len(made)} scopes were made and never entered; write `with` before the call:\n{lines}"
        raise AssertionError(message)


def _watch() -> None:
    """Have the methods of a scope tell what they are used for, as long as anybody watches."""
    for name, method in _METHODS.items():
        setattr(SessionScope, name, _told(name, method) if _watching else method)


def _told(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def call(scope: SessionScope, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as the method's
        for made in _watching:
            if name == "__init__":
                made[id(scope)] = scope, _diagnostics.place()
            else:
                made.pop(id(scope), None)
        return method(scope, *args, **kwargs)

    return call
