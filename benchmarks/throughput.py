"""Spans per second through the real batch processor and OTLP exporter (http/protobuf), with us and without.

The receiver is another process. A round makes spans and flushes them: none is dropped, and the
round ends when the receiver has taken the last one. The garbage collector runs as it likes.
"""

from __future__ import annotations

import gc
import time
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from harness import workloads
from harness.pipelines import provider_with
from harness.samples import in_rounds

from . import receiver
from . import tools as known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from opentelemetry.sdk.trace import TracerProvider

    from harness.workloads import Workload

    from ._interleaved import Key
    from .tools import Tool

WITHOUT = "without ids"
BY_HAND = known.FLOOR
WITH = known.OURS
PIPELINES = (WITHOUT, BY_HAND, WITH, known.CONTRIB)

WALL = "wall clock"
CPU = "CPU"

_WARM_UP = 2


class _Exporter(OTLPSpanExporter):
    """Counts the spans that the receiver has acknowledged."""

    acknowledged = 0

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        result = super().export(spans)
        if result is SpanExportResult.SUCCESS:
            self.acknowledged += len(spans)
        return result


@dataclass(frozen=True, slots=True)
class _Pipeline:
    name: str
    exporter: _Exporter
    provider: TracerProvider
    scope: Callable[[], AbstractContextManager[object]]

    def round(self, workload: Workload, turns: int) -> dict[str, float]:
        """Make the spans and export them; returns the nanoseconds per span."""
        tracer = self.provider.get_tracer("application")
        turn, scope, before = workload.turn, self.scope, self.exporter.acknowledged
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        for _ in range(turns):
            with scope():
                turn(tracer)
        self.provider.force_flush()
        wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
        spans = turns * workload.spans
        assert self.exporter.acknowledged - before == spans, "spans were lost"
        return {WALL: wall / spans, CPU: cpu / spans}


def run(tools: Mapping[str, Tool], rounds: int, spans: int) -> dict[Key, list[float]]:
    """Return the nanoseconds per span, by workload, pipeline and clock, for ``rounds`` of about ``spans`` each."""
    samples: dict[Key, list[float]] = {}
    gc.collect()
    gc.freeze()  # a program has not all the peers loaded, and must not pay for looking through them
    with receiver.running() as url, ExitStack() as stack:
        pipelines = list(_pipelines(tools, url, 2 * spans))
        for pipeline in pipelines:
            stack.callback(pipeline.provider.shutdown)
        for workload in workloads.ALL:
            for key, figure in _interleaved(pipelines, workload, rounds, spans // workload.spans):
                samples.setdefault(key, []).append(figure)
    gc.unfreeze()
    return samples


def _interleaved(
    pipelines: Sequence[_Pipeline], workload: Workload, rounds: int, turns: int
) -> Iterator[tuple[Key, float]]:
    for number, shuffled in in_rounds(pipelines, rounds, _WARM_UP):
        for pipeline in shuffled:
            for clock, figure in pipeline.round(workload, turns).items():
                if number >= 0:
                    yield (workload.title, pipeline.name, clock), figure


def _pipelines(tools: Mapping[str, Tool], url: str, queue_size: int) -> Iterator[_Pipeline]:
    for name in PIPELINES:
        if name == WITHOUT or name in tools:
            yield _pipeline(name, tools.get(name), url, queue_size)


def _pipeline(name: str, tool: Tool | None, url: str, queue_size: int) -> _Pipeline:
    exporter = _Exporter(endpoint=url)
    stamping = [] if tool is None else [tool.processor()]
    provider = provider_with(*stamping, BatchSpanProcessor(exporter, max_queue_size=queue_size))
    return _Pipeline(name, exporter, provider, nullcontext if tool is None else tool.scope)
