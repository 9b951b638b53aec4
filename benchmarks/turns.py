"""What a turn of a chat costs more: a scope is entered, three spans start and end in it, and it is left.

Between the calls of a tool there is other work here, as in a program, so its code and data are not
always at hand in the processor's caches: the figures are higher than the sum of the single ones.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from harness.pipelines import tracer_with
from harness.samples import over
from harness.workloads import CHAT

from . import tools as known
from ._interleaved import Case, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.trace import Tracer

    from ._interleaved import Key
    from .tools import Tool


def run(tools: Iterable[Tool], rounds: int, repeats: int) -> dict[Key, list[float]]:
    """Return the nanoseconds per turn, by tool; those of the no-op processor are for the whole turn."""
    with ExitStack() as stack:
        samples = measure([_case(tool, stack) for tool in tools], rounds, repeats)
    base = samples[known.NO_OP,]
    return {key: figures if key == (known.NO_OP,) else over(figures, base) for key, figures in samples.items()}


def _case(tool: Tool, stack: ExitStack) -> Case:
    processor = tool.processor()
    stack.callback(processor.shutdown)
    return Case((tool.name,), _burst(tool, tracer_with(processor)))


def _burst(tool: Tool, tracer: Tracer) -> Callable[[int], object]:
    scope, turn = tool.scope, CHAT.turn

    def burst(count: int) -> None:
        for _ in range(count):
            with scope():
                turn(tracer)

    return burst
