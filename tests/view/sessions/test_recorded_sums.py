"""What real programs have exported adds up to what was written down by hand of what they used (tests/view/recorded)."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

from otel_sessions.view.sessions.sessions import session_of
from otel_sessions.view.sessions.traces import summary_of
from otel_sessions.view.shapes.reading import facts_of_logs, facts_of_spans
from otel_sessions.view.shapes.words import words_of, words_of_log
from view.recorded_otlp import EXPECTED, HERE, recorded_otlp


def sessions_in(path):
    """Return the summary of each session by its id."""
    every, records, sources = recorded_otlp(path)
    spans, logs, parts = defaultdict(list), defaultdict(list), defaultdict(list)
    for span in every:
        spans[span.trace_id].append(span)
    for log in records:
        logs[log.trace_id].append(log)
    for trace_id in {*spans, *logs}:
        summary = summary_of(
            trace_id,
            facts_of_spans(spans[trace_id], sources),
            facts_of_logs(logs[trace_id], sources),
            lambda i, of=spans[trace_id]: words_of(of[i].raw),
            lambda i, of=logs[trace_id]: words_of_log(of[i].raw),
        )
        for part in summary.parts:
            if part.session_id is not None:
                parts[part.session_id].append((trace_id, part, bool(summary.torn)))
    return {session_id: session_of(session_id, of_it) for session_id, of_it in parts.items()}


ON_RECORDS_ALONE = {"claude_code"}
"""What tells its tokens on records of a log, which are not added up."""


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=str(path.relative_to(HERE).with_suffix("").with_suffix(""))) for path in EXPECTED]
)
def test_the_tokens_of_a_session_are_those_that_it_used(path):
    """Those of Strands too, whose agents tell again what they have used in the runs before (`content_names.ACCUMULATED`)."""
    expected = {each["id"]: each["tokens"] for each in json.loads(path.read_text())["sessions"]}
    found = {session_id: session.tokens._asdict() for session_id, session in sessions_in(path).items()}
    is_right = {name: {key: found[name][key] for key in tokens} for name, tokens in expected.items()} == expected
    assert is_right is (path.name.partition(".")[0] not in ON_RECORDS_ALONE)
