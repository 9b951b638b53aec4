"""What one run has found: the value that the report is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.samples import Samples

    from ._interleaved import Key
    from .sampler import Kept


@dataclass(frozen=True, slots=True)
class Results:
    """What one run has found.

    Attributes:
        spans: Nanoseconds of CPU per span above a no-op processor, by situation and tool.
        scopes: Nanoseconds of CPU for one entry and exit, by place and scope.
        turns: Nanoseconds of CPU per chat turn above one with a no-op processor and no scope, by tool.
        propagation: Nanoseconds of CPU per request, by situation, part of it and propagator.
        sampler: Nanoseconds of CPU per root span, by situation, part of it and sampler.
        kept: Whether sessions were kept whole over several services.
        throughput: Nanoseconds per exported span, by workload, pipeline and clock.
        memory: Bytes of one open thing, by thing and tool.
        imports: Nanoseconds of CPU for one import, by modules.
        loaded: The modules that ``import otel_sessions`` loads.
        tools: What of each tool was run.
        missing: Why a tool was not run.
        amounts: How much was run, in words.
    """

    spans: Mapping[Key, Samples]
    scopes: Mapping[Key, Samples]
    turns: Mapping[Key, Samples]
    propagation: Mapping[Key, Samples]
    sampler: Mapping[Key, Samples]
    kept: Kept
    throughput: Mapping[Key, Samples]
    memory: Mapping[Key, float]
    imports: Mapping[Key, Samples]
    loaded: Sequence[str]
    tools: Mapping[str, str]
    missing: Mapping[str, str]
    amounts: str
