"""Whether a propagator guards the session: which only the one that does can tell."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, cast

from opentelemetry.context import Context, create_key

if TYPE_CHECKING:
    from opentelemetry.propagators.textmap import TextMapPropagator

PROBE = create_key("otel-sessions-probe")
"""The Context key under which a guard is asked to answer."""


def guards_in(propagator: TextMapPropagator) -> list[object]:
    """Return the guards that ``propagator`` is made of: itself, or others among which there are some."""
    found: list[object] = []
    with contextlib.suppress(Exception):  # what it raises it raises when it is used, too
        propagator.inject({}, Context({PROBE: found}))
    return found


def is_guarded(propagator: TextMapPropagator) -> bool:
    """Tell whether no session goes anywhere by ``propagator`` but where it may: there is a guard, or no baggage."""
    return "baggage" not in propagator.fields or bool(guards_in(propagator))


def answer(context: Context, guard: object) -> None:
    """Answer to who asks by ``context`` that ``guard`` is one."""
    cast("list[object]", context[PROBE]).append(guard)
