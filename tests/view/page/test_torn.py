"""A torn trace says who named which session, and words that are not recorded say which switch records them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otel_sessions.view.page.switches import SWITCHES, switches_for
from otel_sessions.view.page.torn import torn_traces
from view_documents import TRACE, a_span

RECORDED = Path(__file__).parents[1] / "recorded"


def said_in(*spans) -> list[tuple[str, list[tuple[str, int, str, bool]]]]:
    return [
        (trace.trace_id, [(said.session_id, said.spans, said.first["name"], said.is_shown) for said in trace.said])
        for trace in torn_traces(spans, "s")
    ]


def test_a_trace_that_names_two_sessions_says_who_named_them():
    spans = [
        a_span("turn"),
        a_span("graph", "turn", 1, session_ids=["thread-7"], session_id="thread-7"),
        a_span("node", "graph", 2, session_ids=["thread-7", "displaced"], session_id="thread-7"),
        a_span("silent", "graph", 3, session_ids=[], session_key=None),
        a_span("elsewhere", trace_id="b" * 32),
    ]

    assert said_in(*spans) == [(TRACE, [("s", 1, "turn", True), ("thread-7", 2, "graph", False)])]


def test_another_key_does_not_tear_a_trace():
    assert said_in(a_span("a"), a_span("b", "a", 1, session_ids=["x"], session_key="gen_ai.conversation.id")) == []
    assert said_in(a_span("a", session_ids=["displaced"], session_key=None), a_span("b", "a", 1)) == []


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.scope)
def test_each_switch_is_of_a_scope_that_real_programs_have(switch):
    scopes = {
        of_scope["scope"].get("name", "")
        for path in RECORDED.glob("*.json")
        for key, inner in (("resourceSpans", "scopeSpans"), ("resourceLogs", "scopeLogs"))
        for of_resource in json.loads(path.read_text()).get(key, [])
        for of_scope in of_resource[inner]
    }

    assert any(switches_for([scope]) == [switch] for scope in scopes)


def test_each_switch_is_told_once_and_none_for_what_is_not_known():
    found = switches_for(["openinference.instrumentation.openai", "shop", "openinference.instrumentation.agno"])

    assert [switch.who for switch in found] == ["OpenInference"]
    assert switches_for(["shop", ""]) == []
