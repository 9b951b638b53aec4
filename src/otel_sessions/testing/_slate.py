"""What is left over from one test, kept from the next; and scopes that a test has made in vain."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .. import _diagnostics, _local_trace, _resolution, _span_processor  # noqa: TID252  # their state
from .._scope import SessionScope  # noqa: TID252

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def clean_slate() -> None:
    """Forget what was warned of, counted and remembered: each warning can come again."""
    _diagnostics.reset()
    _local_trace.forget()
    _resolution.forget()
    _span_processor.forget()


@contextmanager
def every_scope_is_entered() -> Iterator[None]:
    """Raise `AssertionError` at the end for scopes that were made inside and never used, with file and line.

    ``set_session("conv-42")`` without ``with`` does nothing, and nothing else says so. A scope counts
    as used where it is entered, decorates, wraps, or is asked for its ``context`` or ``session``.
    """
    made: dict[int, tuple[SessionScope, _diagnostics.Place]] = {}
    methods = {name: getattr(SessionScope, name) for name in ("__init__", "_open", "_outer_context", "__call__")}

    def watched(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(scope: SessionScope, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as the method's
            if name == "__init__":
                made[id(scope)] = scope, _diagnostics.place()
            else:
                made.pop(id(scope), None)
            return method(scope, *args, **kwargs)

        return call

    for name, method in methods.items():
        setattr(SessionScope, name, watched(name, method))
    try:
        yield
    finally:
        for name, method in methods.items():
            setattr(SessionScope, name, method)
    if made:
        lines = "\n".join(f"  {filename}:{line}" for _, (filename, line) in made.values())
        message = f"{len(made)} scopes were made and never entered; write `with set_session(...):`\n{lines}"
        raise AssertionError(message)
