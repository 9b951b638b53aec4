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
        figures: Nanoseconds by area of what is measured (`bars.OF`), and in it by case.
        kept: Whether sessions were kept whole over several services.
        memory: Bytes of one open thing, by thing and tool.
        loaded: The modules that ``import otel_sessions`` loads.
        tools: What of each tool was run.
        missing: Why a tool was not run.
        amounts: How much was run, in words.
    """

    figures: Mapping[str, Mapping[Key, Samples]]
    kept: Kept
    memory: Mapping[Key, float]
    loaded: Sequence[str]
    tools: Mapping[str, str]
    missing: Mapping[str, str]
    amounts: str
