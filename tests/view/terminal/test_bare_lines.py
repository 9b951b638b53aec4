"""Lines of OTLP without content keep whose a span is and what it has cost, and nothing that was said."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions.view.terminal.bare_lines import bare_lines


def line_of(*attributes: str) -> bytes:
    pairs = [{"key": key, "value": {"stringValue": "secret"}} for key in attributes]
    span = {"name": "chat", "attributes": pairs, "status": {"code": 2, "message": "secret"}, "traceState": "a=1"}
    events = [{"name": "e", "attributes": pairs}]
    scopes = [{"scope": {"name": "s", "attributes": pairs}, "spans": [span | {"events": events, "links": events}]}]
    return json.dumps({"resourceSpans": [{"resource": {"attributes": pairs}, "scopeSpans": scopes}]}).encode() + b"\n"


@pytest.mark.parametrize(
    "key",
    [
        "session.id",
        "langfuse.session.id",
        "gen_ai.conversation.id",
        "user.id",
        "session.path",
        "openinference.span.kind",
        "gen_ai.operation.name",
        "gen_ai.response.model",
        "llm.token_count.prompt_details.cache_read",
        "gen_ai.usage.input_tokens",
        "service.name",
    ],
)
def test_what_tells_whose_and_what_it_is_stays(key):
    (line,) = bare_lines([line_of(key)])

    assert line.count(b"secret") == 5  # resource, scope, span, event, link; not the status


@pytest.mark.parametrize(
    "key",
    ["input.value", "metadata", "gen_ai.input.messages", "session.metadata.plan", "exception.message", "http.url"],
)
def test_what_may_be_words_goes(key):
    (line,) = bare_lines([line_of(key)])

    assert b"secret" not in line
    assert b'"name":"chat"' in line
    assert b'"traceState":"a=1"' in line


def test_the_body_of_a_record_goes():
    record = {"body": {"stringValue": "secret"}, "severityNumber": 9, "eventName": "e"}
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}

    (line,) = bare_lines([json.dumps(logs).encode()])

    assert json.loads(line)["resourceLogs"][0]["scopeLogs"][0]["logRecords"] == [
        {"severityNumber": 9, "eventName": "e"}
    ]


@given(st.lists(st.integers(1, 400), max_size=8))
def test_lines_come_out_whole_however_they_come_in(sizes):
    lines = [line_of("session.id"), b"\n", line_of("input.value")]
    whole = b"".join(lines)
    chunks = []
    for size in (*sizes, len(whole)):
        chunks.append(whole[:size])
        whole = whole[size:]

    assert list(bare_lines(chunks)) == list(bare_lines(lines))
    assert len(list(bare_lines(chunks))) == 2
