"""What is left over from one test, kept from the next; and scopes that a test has made in vain."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from otel_sessions import _diagnostics
from otel_sessions._context import changes, entry_spans, lives, resolution, unentered, unstamped
from otel_sessions._context.unentered import Unentered
from otel_sessions._conversation.turn_order import ORDER
from otel_sessions._pipeline import value_limits
from otel_sessions._settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def clean_slate() -> None:
    """Forget what was warned of, counted and remembered: each warning can come again."""
    _diagnostics.reset()
    entry_spans.forget()
    lives.forget()
    resolution.forget()
    changes.forget()
    unentered.forget()
    unstamped.forget()
    settings.forget()
    value_limits.forget()
    ORDER.forget()


_watching: list[list[tuple[object, _diagnostics.Place]]] = []
_makers: dict[type[Unentered], Callable[..., None]] = {}
"""How the classes make theirs, while that is watched."""

_changing = threading.RLock()


@contextmanager
def every_scope_is_entered() -> Iterator[None]:
    """Raise `AssertionError` at the end for scopes and turns that were made inside and never used, with file and line.

    ``set_session("conv-42")`` without ``with`` does nothing; as a statement it is a warning, and what is kept and never
    entered is found here alone. One counts as used where it is entered, decorates, wraps, or is asked for its
    ``context`` or ``session``.
    """
    made: list[tuple[object, _diagnostics.Place]] = []
    with _changing:
        _watching.append(made)
        _watch()
    try:
        yield
    finally:
        with _changing:
            _watching[:] = [other for other in _watching if other is not made]
            _watch()
    _forget_used(made)
    if made:
        lines = "\n".join(f"  {filename}:{line}" for _, (filename, line) in made)
        message = f"{len(made)} scopes were made and never entered; write `with` before the call:\n{lines}"
        raise AssertionError(message)


def _watch() -> None:
    """Have what is made tell of itself, as long as anybody watches."""
    for kind in Unentered.__subclasses__():
        if _watching and kind not in _makers:
            _makers[kind] = kind.__init__  # its own, or that of the class below
            kind.__init__ = _telling(kind.__init__)  # type: ignore[method-assign]
        elif not _watching and kind in _makers:
            kind.__init__ = _makers.pop(kind)  # type: ignore[method-assign]


def _telling(make: Callable[..., None]) -> Callable[..., None]:
    def init(one: Unentered, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # as the class's
        for made in _watching:
            _forget_used(made)
            made.append((one, _diagnostics.place()))
        make(one, *args, **kwargs)

    return init


def _forget_used(made: list[tuple[object, _diagnostics.Place]]) -> None:
    made[:] = [each for each in made if isinstance(each[0], Unentered)]
