"""Whether the sampler that the environment asks for is one, and its ratio is: OpenTelemetry keeps every trace otherwise.

OpenTelemetry specification, "SDK Environment Variables". A name stands for an entry point, of the SDK's own samplers too, and is
read as it is written.
"""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME = "OTEL_TRACES_SAMPLER"
ARGUMENT = "OTEL_TRACES_SAMPLER_ARG"

_GROUP = "opentelemetry_traces_sampler"
_OURS = frozenset({"session_ratio", "parentbased_session_ratio"})
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


def _is_ratio(text: str) -> bool:
    with suppress(ValueError):
        return 0.0 <= float(text) <= 1.0
    return False
