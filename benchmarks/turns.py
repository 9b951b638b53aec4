"""What a turn of a chat costs more: a scope is entered, three spans start and end in it, and it is left.

In a service each turn has an id that was not seen before; the same id again and again is what a benchmark has.
Between the calls of a tool there is other work here, as in a program, so its code and data are not
always at hand in the processor's caches: the figures are higher than the sum of the single ones.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import islice, repeat
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind

from harness.pipelines import tracer_with
from harness.samples import over
from harness.workloads import HTTP_CLIENT

from . import tools as known
from ._interleaved import Case, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from opentelemetry.trace import Tracer

    from ._interleaved import Key
    from .tools import Tool

NEW_IDS = "each turn with an id not seen before"
KNOWN_ID = "the same id again and again"
IDS: dict[str, Callable[[], Iterator[str]]] = {NEW_IDS: known.new_ids, KNOWN_ID: lambda: repeat(known.SESSION_ID)}


def run(tools: Iterable[Tool], rounds: int, repeats: int) -> dict[Key, list[float]]:
    """Return the nanoseconds per turn, by ids and tool; those of the no-op processor are for the whole turn."""
    with ExitStack() as stack:
        samples = measure([case for tool in tools for case in _cases(tool, stack)], rounds, repeats)
    return {key: _above_no_op(key, samples) for key in samples}


def _above_no_op(key: Key, samples: dict[Key, list[float]]) -> list[float]:
    ids, tool = key
    return samples[key] if tool == known.NO_OP else over(samples[key], samples[ids, known.NO_OP])


def _cases(tool: Tool, stack: ExitStack) -> Iterator[Case]:
    processor = tool.processor()
    stack.callback(processor.shutdown)
    tracer = tracer_with(processor)
    for title, ids in IDS.items():
        yield Case((title, tool.name), _burst(tool, ids(), tracer))


def _burst(tool: Tool, ids: Iterator[str], tracer: Tracer) -> Callable[[int], object]:
    scope = tool.scope

    def plain(count: int) -> None:
        for _ in islice(ids, count):
            three_spans(tracer)

    def burst(count: int) -> None:
        for session_id in islice(ids, count):
            with scope(session_id):
                three_spans(tracer)

    return plain if scope is known.no_scope else burst


def three_spans(tracer: Tracer) -> None:
    with (
        tracer.start_as_current_span("POST /chat", kind=SpanKind.SERVER, attributes=HTTP_CLIENT),
        tracer.start_as_current_span("chat gpt-4o-mini", kind=SpanKind.CLIENT, attributes=HTTP_CLIENT),
        tracer.start_as_current_span("POST", kind=SpanKind.CLIENT, attributes=HTTP_CLIENT),
    ):
        pass
