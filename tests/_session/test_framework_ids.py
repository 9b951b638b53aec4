"""The table of ids that agent frameworks carry: what the attributes of a span, and the configuration of a run, tell."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from otel_sessions._session.framework_ids import (
    BAGGAGE,
    CALLS,
    GIVEN,
    KEPT,
    MADE_UP,
    TABLE,
    ids_in,
    ids_of_run,
    path_of_node,
)
from otel_sessions._session.ids import digest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "framework-ids.md"
BOTH = {"session.id": "conv-42", "user.id": "ada"}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        pytest.param({"gen_ai.conversation.id": "conv-42"}, {"session.id": "conv-42"}, id="pydantic-ai and others"),
        pytest.param(
            {"microsoft.session.id": "s", "gen_ai.conversation.id": "c"}, {"session.id": "s"}, id="a host first"
        ),
        pytest.param(
            {
                "traceloop.association.properties.thread_id": "conv-42",
                "traceloop.association.properties.user_id": "ada",
            },
            BOTH,
            id="Traceloop",
        ),
        pytest.param(
            {"traceloop.association.properties.session_id": "s", "traceloop.association.properties.thread_id": "t"},
            {"session.id": "s"},
            id="a session before a thread",
        ),
        pytest.param({"metadata": '{"thread_id": "conv-42", "user_id": "ada"}'}, BOTH, id="OpenInference of LangChain"),
        pytest.param(
            {"metadata": '{"thread_id": "t", "session_id": "s"}'}, {"session.id": "s"}, id="its session first"
        ),
        pytest.param({"metadata": '{"langgraph_node": "think"}'}, {}, id="metadata without ids"),
        pytest.param({"metadata": '{"user_id": '}, {}, id="metadata that were cut"),
        pytest.param({"metadata": '["user_id"]'}, {}, id="metadata that are a list"),
        pytest.param({"metadata": "[" * 60_000 + '"user_id"'}, {}, id="metadata that are too deep"),
        pytest.param({"metadata": '{"user_id": "' + "x" * 70_000 + '"}'}, {}, id="metadata that are too long"),
        pytest.param({"metadata": 7}, {}, id="metadata of another type"),
        pytest.param(
            {"gen_ai.conversation.id": "", "metadata": '{"thread_id": 42}'}, {"session.id": "42"}, id="a number"
        ),
        pytest.param({"gen_ai.conversation.id": "Zoë"}, {"session.id": digest("Zoë")}, id="what does not fit"),
        pytest.param({"gen_ai.conversation.id": ["c"], "session.id": "ours"}, {}, id="what is ours, and what is no id"),
        pytest.param({"kickoff_id": "run-1"}, {}, id="what was made up for one run"),
    ],
)
def test_a_span_tells_the_ids_of_its_framework(attributes, expected):
    assert ids_in(attributes) == expected


def test_the_metadata_of_a_run_go_before_what_is_configurable():
    assert ids_of_run({"thread_id": "m"}, {"thread_id": "c", "user_id": "ada"}) == {"session.id": "m", "user.id": "ada"}
    assert ids_of_run({}, {"thread_id": UUID(int=1)}) == {"session.id": str(UUID(int=1))}
    assert ids_of_run(None, "thread_id") == {}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"langgraph_node": "think"}, "/think"),
        ({"langgraph_node": "inner", "langgraph_checkpoint_ns": "sub:0e5a|inner:11fc"}, "/sub/inner"),
        ({"langgraph_node": "think", "langgraph_checkpoint_ns": ""}, "/think"),
        ({"langgraph_node": "a/b"}, "/a b"),
        ({"langgraph_node": 7}, None),
        ({}, None),
    ],
)
def test_a_node_has_a_path_through_its_subgraphs(metadata, expected):
    assert path_of_node(metadata) == expected


def test_what_is_read_is_given_or_kept_and_never_made_up_for_one_run():
    assert {row.worth for row in TABLE} == {GIVEN, KEPT, MADE_UP}
    read = [row for row in TABLE if row.session or row.baggage or row.modules or "Context" in row.elsewhere]
    assert MADE_UP not in {row.worth for row in read}
    assert all(row.session_of_call for row in CALLS)


def test_a_host_goes_before_a_framework_in_baggage():
    assert BAGGAGE[0] == "azure.ai.agentserver.conversation_id"
    assert BAGGAGE[-1] == "gen_ai.conversation.id"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_the_page_has_a_line_for_each_row(row):
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {row.name} |")]
    assert len(lines) == 1
    assert row.version in lines[0]
    assert f"| {row.worth} |" in lines[0]
