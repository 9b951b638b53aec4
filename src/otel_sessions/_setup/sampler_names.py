"""Whether the sampler that the environment asks for is one, and its ratio is: OpenTelemetry keeps every trace otherwise.

OpenTelemetry specification, "SDK Environment Variables". A name stands for an entry point, of the SDK's own samplers too, and is
read as it is written.
"""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from otel_sessions import _diagnostics
from otel_sessions._settings.settings import in_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME = "OTEL_TRACES_SAMPLER"
ARGUMENT = "OTEL_TRACES_SAMPLER_ARG"

_FILE = "OTEL_CONFIG_FILE"
_DEFAULT = "ParentBased{root:AlwaysOn"
"""How the SDK describes the sampler that it takes where it knows none by the name."""
_NOT_TAKEN = (
    "instrument: %s names a sampler that this tracer provider does not have, so every trace is kept: the SDK finds it by that "
    "name under opentelemetry-instrument alone; pass it, as TracerProvider(sampler=otel_sessions.sdk.%s(0.1))"
)
_GROUP = "opentelemetry_traces_sampler"
_OURS = {"session_ratio": "SessionRatioSampler", "parentbased_session_ratio": "ParentBasedSessionRatio"}
_BY_TRACE_ID = frozenset({"traceidratio", "parentbased_traceidratio"})  # without an argument 1.0, by the specification
_OF_SDK = _BY_TRACE_ID | {"always_on", "always_off", "parentbased_always_on", "parentbased_always_off"}


def problems_in(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the sampler of ``environment``; without a name, with what that of a file would get."""
    name, argument = environment.get(NAME, "").strip(), environment.get(ARGUMENT, "").strip()
    known = sorted({*_OURS, *_OF_SDK, *(each.name for each in entry_points(group=_GROUP))})
    if name and name not in known:
        yield f"{NAME}: it is none of {', '.join(known)}, so OpenTelemetry takes its default, and keeps every trace"
    elif (name in _OURS or (argument and name in {"", *_BY_TRACE_ID})) and not _is_ratio(argument):
        yield f"{ARGUMENT}: expected a number from 0 to 1, as 0.1 for 10 %; with anything else every trace is kept"


def tell_if_not_taken(provider: Any, place: _diagnostics.Place) -> None:  # noqa: ANN401  # of any make
    """Warn where the environment asks for a sampler of ours, and ``provider`` has the one that the SDK takes instead.

    The SDK looks for entry points where it makes the provider itself. A provider that a program makes knows its own names alone.
    A configuration file stands in the place of the variable.
    """
    named = in_environment(NAME, _FILE)
    kind = _OURS.get(named.get(NAME, "").strip())
    sampler = getattr(provider, "sampler", None)
    if kind and _FILE not in named and sampler is not None and sampler.get_description().startswith(_DEFAULT):
        _diagnostics.warn_at(place, "unused sampler", _NOT_TAKEN, NAME, kind)


def _is_ratio(text: str) -> bool:
    with suppress(ValueError):
        return 0.0 <= float(text) <= 1.0
    return False
