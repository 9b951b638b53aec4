"""The page about a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import pages
from harness.environment import here, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._run import Amounts, Result
    from ._traces import Part
    from ._watch import Log

_WHAT = """\
# Soak

Random programs run on {threads} threads at once, each with calls of its own and with tasks on an event loop, until there were {spans:,} spans
and {seconds:.0f} s had passed. Every span is compared, when it ends, with a model that follows the program as it is written, and that knows
nothing of contexts: session id, user, name and path have to be the same, and where none is expected there must be none.

The programs nest, re-enter, share and leave scopes, also by exceptions, out of order and in other threads; decorate functions,
coroutines, generators and async generators, and wrap iterators; take those in turns, in other threads and tasks, send and
throw into them, drop them, and leave them to the garbage collector; start tasks that outlive their scope, cancel tasks and let
them time out; bind sessions late, repeatedly, and while other threads start spans of the trace; start workers in requests, whose
jobs bind, or don't, when that is over; hand sessions on as strings, to executors and in copies of the context; put too many attributes on
spans, and never end some; leave contexts of others attached in a block, as streams that are left early do, and detach them late, out of
order or never. The interval at which threads take turns changes all the time, down to 10 µs. After each of these come spans outside, which
must have no session that was not there before.

{python}, {packages}. Written by `python -m trials.soak`.
"""


def text(amounts: Amounts, result: Result, traces: Sequence[Part], log: Log, problems: Sequence[str]) -> str:
    """Return the page."""
    what = _WHAT.format(
        threads=amounts.threads,
        spans=amounts.spans,
        seconds=amounts.seconds,
        python=here()["python"],
        packages=told(("opentelemetry-sdk", "opentelemetry-instrumentation-threading")),
    )
    parts = [what, pages.verdict(problems), pages.table(("", "found"), _rows(amounts, result, log))]
    if traces:
        table = pages.table(("", "how many", "MB", "verdict"), _trace_rows(traces))
        parts += ["## Memory after many traces", _TRACES, table]
    return pages.page(*parts)


_TRACES = """\
Resident memory in MB after a warm-up, at the most and at the end, each after a collection. A process forks inside a bound
trace, its threads starting and binding spans meanwhile; the child goes on in the trace and binds it anew, and the parent keeps its own."""


def _rows(amounts: Amounts, result: Result, log: Log) -> list[tuple[str, ...]]:
    counts = result.oracle.counts
    memory = [megabytes for _, megabytes in result.memory]
    return [
        ("spans", f"{counts['spans']:,}"),
        ("with a wrong session or user", f"{counts['wrong']:,}"),
        ("without a session that they should have", f"{counts['missing']:,}"),
        ("of which it can't be told, as a collection ends spans meanwhile", f"{counts['unsure']:,}"),
        ("`get_session()` asked, and compared as well", f"{counts['reads']:,}"),
        ("kinds of places", f"{len(result.oracle.by_name)}"),
        ("log records at ERROR, by any logger, and exceptions that reach nobody", f"{log.counts['errors']:,}"),
        ("log records at WARNING, by `otel_sessions`", f"{log.counts['warnings']:,}"),
        ("resident memory after the warm-up, at the most, at the end", _megabytes(memory[0], max(memory), memory[-1])),
        *((f"{name} left at the end", f"{count:,}") for name, count in result.left.items()),
        ("never ended", f"{counts['never ended']:,}"),
        ("seconds", f"{result.seconds:.0f}"),
        ("spans per second, the oracle's work included", f"{counts['spans'] / result.seconds:,.0f}"),
        ("seed", f"{amounts.seed}"),
    ]


def _trace_rows(traces: Sequence[Part]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for part in traces:
        memory = _megabytes(part.memory[0], max(part.memory), part.memory[-1]) if part.memory else ""
        rows.append((part.title, f"{part.count:,}", memory, "; ".join(part.problems) or "right"))
    return rows


def _megabytes(*values: float) -> str:
    return ", ".join(f"{value:.1f}" for value in values)
