"""A case through shapes and sums, without a store between them: what a store has to give for it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from otel_sessions.view.sessions.sessions import session_of
from otel_sessions.view.sessions.traces import summary_of
from otel_sessions.view.shapes.reading import facts_of_logs, facts_of_spans
from otel_sessions.view.shapes.words import words_of, words_of_log
from view.otlp_cases import raw_logs, raw_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_sessions.view.sessions.summaries import SessionSummary, TraceSummary
    from view.shape_spans import Case, Log, Span


class Summarised(NamedTuple):
    traces: dict[bytes, TraceSummary]
    sessions: dict[str, SessionSummary]


def summarised(case: Case) -> Summarised:
    """Return what is known of a case."""
    spans, logs = defaultdict(list), defaultdict(list)
    for span in case.spans:
        spans[span.trace].append(span)
    for log in case.logs:
        logs[log.trace].append(log)
    traces = dict(trace_summary(spans[number], logs[number]) for number in sorted({*spans, *logs}))
    parts = defaultdict(list)
    for trace_id, summary in traces.items():
        for part in summary.parts:
            if part.session_id is not None:
                parts[part.session_id].append((trace_id, part, bool(summary.torn)))
    return Summarised(traces, {session: session_of(session, of_it) for session, of_it in parts.items()})


def trace_summary(spans: Sequence[Span], logs: Sequence[Log] = ()) -> tuple[bytes, TraceSummary]:
    """Return the id of a trace, and what is known of it."""
    raw, sources = raw_spans(spans)
    records, places = raw_logs(logs)
    trace_id = (*raw, *records)[0].trace_id
    summary = summary_of(
        trace_id,
        facts_of_spans(raw, sources),
        facts_of_logs(records, places),
        lambda i: words_of(raw[i].raw),
        lambda i: words_of_log(records[i].raw),
    )
    return trace_id, summary
