"""Whether a propagator guards the session: which only the one that does can tell."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, cast

from opentelemetry.context import Context, create_key

if TYPE_CHECKING:
    from opentelemetry.propagators.textmap import TextMapPropagator

_PROBE = create_key("otel-sessions-probe")


def holds_guard(propagator: TextMapPropagator) -> bool:
    """Tell whether ``propagator`` is a guard, or is made of others among which there is one."""
    found: list[object] = []
    with contextlib.suppress(Exception):  # what it raises it raises when it is used, too
        propagator.inject({}, Context({_PROBE: found}))
    return bool(found)


def is_guarded(propagator: TextMapPropagator) -> bool:
    """Tell whether no session goes anywhere by ``propagator`` but where it may: there is a guard, or no baggage."""
    return "baggage" not in propagator.fields or holds_guard(propagator)


def answers_probe(context: Context, guard: object) -> bool:
    """Tell whether ``context`` asks who is a guard, and answer that it is ``guard``."""
    if _PROBE not in context:
        return False
    cast("list[object]", context[_PROBE]).append(guard)
    return True
