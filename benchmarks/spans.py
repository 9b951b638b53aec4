"""What a span costs more with a tool than with a processor that does nothing, in several situations."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import set_span_in_context

from harness.pipelines import attached, tracer_with
from harness.samples import over
from harness.workloads import HTTP_CLIENT

from . import tools as known
from ._interleaved import Case, measure
from .tools import IDS, Tool, with_baggage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from opentelemetry.trace import Tracer

    from ._interleaved import Key

    Surroundings = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Situation:
    """Where spans start.

    Attributes:
        title: Its name in the tables.
        around: Given the tool, returns what makes the surroundings of the spans.
        attributes: What each span starts with.
        who: The tools that are measured in it; ``None`` for all.
        is_stamped: A tool that is measured here puts both ids on the span.
    """

    title: str
    around: Callable[[Tool], Surroundings]
    attributes: Mapping[str, Any] | None = None
    who: Callable[[Tool], bool] | None = None
    is_stamped: bool = True


def context_of_span(attributes: Mapping[str, Any] | None = None) -> Context:
    """Return a Context with nothing but a recording span."""
    return set_span_in_context(tracer_with().start_span("parent", attributes=attributes), Context())


def _in(context: Context) -> Surroundings:
    return partial(attached, context)


def _among_foreign(count: int, tool: Tool) -> Surroundings:
    foreign = with_baggage({f"foreign-{number}": f"value-{number}" for number in range(count)}, Context())

    @contextmanager
    def surroundings() -> Iterator[None]:
        with attached(foreign), tool.scope():
            yield

    return surroundings


TWO_IDS = "two ids"
FOREIGN_10 = "two ids, 10 foreign baggage entries"
FOREIGN_100 = "two ids, 100 foreign baggage entries"
REMOTE = "two ids, from the baggage of a request"
WITH_ATTRIBUTES = "two ids, span starts with 8 attributes"
LOST = "lost context: two ids on the parent span only"
NOTHING = "no session, empty context"
BARE_PARENT = "no session, child of a span"
PARENT_WITH_8 = "no session, child of a span with 8 attributes"

SITUATIONS = (
    Situation(TWO_IDS, lambda tool: tool.scope),
    Situation(FOREIGN_10, partial(_among_foreign, 10)),
    Situation(FOREIGN_100, partial(_among_foreign, 100)),
    Situation(REMOTE, lambda _: _in(with_baggage(IDS, Context())), who=lambda tool: tool.reads_baggage),
    Situation(WITH_ATTRIBUTES, lambda tool: tool.scope, attributes=HTTP_CLIENT),
    Situation(LOST, lambda _: _in(context_of_span(IDS)), who=lambda tool: tool.name == known.OURS),
    Situation(NOTHING, lambda _: _in(Context()), is_stamped=False),
    Situation(BARE_PARENT, lambda _: _in(context_of_span()), is_stamped=False),
    Situation(PARENT_WITH_8, lambda _: _in(context_of_span(HTTP_CLIENT)), is_stamped=False),
)


def run(tools: Iterable[Tool], rounds: int, repeats: int) -> dict[Key, list[float]]:
    """Return the nanoseconds per span, by situation and tool; those of the no-op processor are for the whole span."""
    with ExitStack() as stack:
        cases = [case for tool in tools for case in _cases(tool, stack)]
        for case in cases:
            _check(case)
        samples = measure(cases, rounds, repeats)
    return {key: _above_no_op(key, samples) for key in samples}


def _above_no_op(key: Key, samples: Mapping[Key, list[float]]) -> list[float]:
    situation, tool = key
    return samples[key] if tool == known.NO_OP else over(samples[key], samples[situation, known.NO_OP])


def _cases(tool: Tool, stack: ExitStack) -> Iterator[Case]:
    processor = tool.processor()
    stack.callback(processor.shutdown)
    tracer = tracer_with(processor)
    for situation in SITUATIONS:
        if situation.who is None or situation.who(tool) or tool.name == known.NO_OP:
            yield _case(tool, situation, tracer)


def _case(tool: Tool, situation: Situation, tracer: Tracer) -> Case:
    return Case((situation.title, tool.name), burst_of(tracer, situation.attributes), situation.around(tool))


def burst_of(tracer: Tracer, attributes: Mapping[str, Any] | None) -> Callable[[int], object]:
    start_span = tracer.start_span

    def burst(count: int) -> object:
        for _ in repeat(None, count):
            span = start_span("chat", attributes=attributes)
            span.end()
        return span

    return burst


def _check(case: Case) -> None:
    """Make sure that the tool does here what is measured."""
    title, name = case.key
    situation = next(each for each in SITUATIONS if each.title == title)
    with case.inside():
        span: Any = case.burst(1)
    found = set(IDS.values()) & set(map(str, span.attributes.values()))
    stamps = name == known.FLOOR or (situation.is_stamped and name != known.NO_OP)
    assert len(found) == (len(IDS) if stamps else 0), f"{name}: {len(found)} ids with {title}"
