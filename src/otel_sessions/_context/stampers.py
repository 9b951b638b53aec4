"""Who may put a session on the spans of a provider: the one place that looks for that in the SDK, where it is private.

Nothing of the SDK is imported. One that keeps its processors otherwise one day is not looked into: nothing is said then.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from weakref import ref

from otel_sessions._session.session import SESSION_ID, USER_ID

from .local_trace import note_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from .state import State

_SDK = "opentelemetry.sdk."
_CONTEXT_API = "opentelemetry.context"
_OURS = "otel_sessions._pipeline.span_processor"
_MOST = 64
"""Most processors that are looked at of those that hold one another."""

_MAX_INSIDE = 8
"""Most that are looked at of those that hold one other."""

_INSIDE = ("processor", "_processor", "span_processor")
"""Under what names one processor holds another (Logfire's, LangSmith's)."""

_DROPS_ALL = r"(?:ParentBased\{root:)?(?:AlwaysOff|(?:TraceIdRatioBased|SessionRatioSampler)\{0(?:\.0)?\})"
"""How samplers describe themselves that keep nothing."""

Stamping: TypeAlias = Literal["ours", "somebody", "nobody", "none", "unknown"]
"""Who acts on a span that starts: a processor of ours; somebody else, of whom only a span tells what he does; nobody.

There are also providers without any processor: nobody gets their spans.
"""


def stamping(processors: Any) -> Stamping:  # noqa: ANN401  # of any SDK
    """Tell who of the ``processors`` of a provider acts on a span that starts."""
    is_of_sdk = type(processors).__module__.startswith(_SDK)
    if processors is None or (is_of_sdk and not hasattr(processors, "_span_processors")):
        return "unknown"
    found = held_in(processors)
    if len(found) == 1 and is_of_sdk:
        return "none"
    if any(_is_ours(each) for each in found):
        return "ours"
    return "somebody" if any(_acts_at_start(each) for each in found) else "nobody"


def processors_of(span: object) -> object:
    """Return the processors of the provider of ``span``, which are one object for all of its spans; ``None`` for none."""
    return getattr(span, "_span_processor", None)


def processors_of_tracer(tracer: object) -> object:
    """Return the same of ``tracer``, or of the one that it stands for (Logfire's); ``None`` for none."""
    return getattr(tracer, "span_processor", None) or getattr(getattr(tracer, "tracer", None), "span_processor", None)


def who_starts(frame: FrameType | None) -> Any:  # noqa: ANN401  # a tracer of any SDK
    """Return the tracer that is about to start a span, where its method asks for the parent by way of ``frame``.

    That is ``start_span``, which calls ``get_current_span``, which calls ``get_value``; ``None`` for anybody else.
    """
    if frame is None or frame.f_globals.get("__name__") != _CONTEXT_API:
        return None
    asking = None if frame.f_back is None else frame.f_back.f_back
    if asking is None or asking.f_code.co_name != "start_span":
        return None
    is_of_sdk = str(asking.f_globals.get("__name__")).startswith(_SDK)
    tracer = asking.f_locals.get("self") if is_of_sdk else None
    return tracer if _records(tracer) else None


def set_in(frame: FrameType) -> tuple[Any, Any]:
    """Return the key and the value that the API's ``set_value``, whose ``frame`` this is, sets in a copy of a Context."""
    is_api = frame.f_globals.get("__name__") == _CONTEXT_API
    return (frame.f_locals.get("key"), frame.f_locals.get("value")) if is_api else (None, None)


def is_seen(span: object) -> bool:
    """Tell whether a processor of ours has seen ``span`` starting."""
    note = note_of(span)
    return note is not None and not isinstance(note.life, ref)


def shows(span: Any, state: State) -> bool:  # noqa: ANN401  # of any SDK
    """Tell whether somebody has put the session of ``state`` on ``span``, under whatever name, or another one."""
    attributes = getattr(span, "attributes", None) or {}
    ids = {state.session.id, state.session.user_id, *state.items.values()} - {None}
    return SESSION_ID in attributes or USER_ID in attributes or not ids.isdisjoint(map(str, attributes.values()))


def _records(tracer: Any) -> bool:  # noqa: ANN401
    """Tell whether any span of ``tracer`` is recorded; not so where a sampler drops all that it is asked about first."""
    described = str(getattr(tracer, "sampler", None) and tracer.sampler.get_description())
    return re.match(_DROPS_ALL, described) is None


def held_in(processors: object) -> list[object]:
    """Return ``processors`` and all that they hold, one in the other."""
    found = [processors]
    for each in found:  # it grows
        new = [held for held in _held_by(each) if not any(held is other for other in found)]
        found.extend(new[: _MOST - len(found)])
    return found


def insides_of(processor: object) -> list[object]:
    """Return ``processor`` and what it holds, one in the other."""
    found = [processor]
    while len(found) < _MAX_INSIDE:
        held = vars(found[-1]) if hasattr(found[-1], "__dict__") else {}
        inner = next((held[name] for name in _INSIDE if held.get(name) is not None), None)
        if inner is None:
            break
        found.append(inner)
    return found


def _held_by(processor: object) -> Iterator[object]:
    for value in getattr(processor, "__dict__", {}).values():
        values = value if isinstance(value, (tuple, list)) else (value,)
        yield from (each for each in values[:_MOST] if _is_processor(each))


def _is_processor(value: object) -> bool:
    kind = type(value)
    return kind is not type and hasattr(kind, "on_start") and hasattr(kind, "on_end")


def _is_ours(processor: object) -> bool:
    return any(kind.__module__ == _OURS for kind in type(processor).__mro__)


def _acts_at_start(processor: object) -> bool:
    """Tell whether ``processor`` has an ``on_start`` that is none of the SDK's, whose own do nothing, or call others."""
    if "on_start" in getattr(processor, "__dict__", {}):
        return True
    return not str(getattr(type(processor).on_start, "__module__", "")).startswith(_SDK)  # type: ignore[attr-defined]  # see `_is_processor`
