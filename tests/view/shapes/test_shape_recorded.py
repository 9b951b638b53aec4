"""What real programs have exported, beside what was written down by hand of what they did (tests/view/recorded).

Here each span is read by itself: what is expected of a session has to be found on its spans and records.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from otel_sessions.view.shapes.facts import Facts, Kind, LogFacts, Words
from otel_sessions.view.shapes.reading import facts_of_logs, facts_of_spans
from otel_sessions.view.shapes.words import words_of, words_of_log
from view.recorded_otlp import EXPECTED, HERE, recorded_otlp

if TYPE_CHECKING:
    from pathlib import Path


class Recording(NamedTuple):
    """What was read of one."""

    spans: list[Facts]
    words: list[Words]
    logs: list[LogFacts]
    log_words: list[Words]

    @property
    def all_words(self) -> list[Words]:
        return [*self.words, *self.log_words]

    def named(self, field: str) -> dict[str, str]:
        """Return the ids of sessions, or of users, and the best key of each."""
        found = [name for facts in (*self.spans, *self.logs) if (name := getattr(facts, field)) is not None]
        return {name.id: name.key for name in sorted(found, key=lambda name: -name.rank)}


def recording_of(path: Path) -> Recording:
    """Return what is read of the recording whose expectation ``path`` is."""
    spans, logs, sources = recorded_otlp(path)
    return Recording(
        facts_of_spans(spans, sources),
        [words_of(span.raw) for span in spans],
        facts_of_logs(logs, sources),
        [words_of_log(log.raw) for log in logs],
    )


@pytest.fixture(
    params=[pytest.param(path, id=str(path.relative_to(HERE).with_suffix("").with_suffix(""))) for path in EXPECTED]
)
def case(request) -> tuple[str, dict[str, Any], Recording]:
    """Return the name of a recording, what is expected of it, and what is read."""
    name = request.param.name.removesuffix(".expected.json")
    return name, json.loads(request.param.read_text()), recording_of(request.param)


# What a span by itself does not say as it is expected of the session.
UNLIKE = {
    ("questions", "openinference_crewai"): "the question stands in a prompt of the framework",
    ("answers", "google_adk_content"): "of a stream that was left the first and the last bit are messages each",
    ("tools", "claude_code"): "tools are named by attributes of their records alone",
    ("tools", "claude_code_traces"): "tools are named by attributes of their spans alone",
    ("tokens", "claude_code"): "there are no spans, and records tell no tokens to lists",
}


def turns_in(expected: dict[str, Any]) -> list[dict[str, Any]]:
    return [turn for each in [*expected["sessions"], expected["without_session"]] for turn in each["turns"]]


def texts(turns: list[dict[str, Any]], side: str) -> set[str]:
    return {turn[side].strip() for turn in turns} - {""}


def calls_in(spans: list[Facts]) -> list[Facts]:
    """Return the spans with tokens that have no others with tokens below: those above repeat them."""
    parents = {facts.span_id: facts.parent_span_id for facts in spans}
    repeating = set()
    for facts in spans:
        span_id = facts.parent_span_id if facts.tokens.input else b""
        while span_id:
            repeating.add(span_id)
            span_id = parents.get(span_id, b"")
    return [facts for facts in spans if facts.tokens.input is not None and facts.span_id not in repeating]


def test_the_sessions_are_named_and_by_the_key_that_is_expected(case):
    _, expected, recording = case
    assert recording.named("session") == {each["id"]: each["key"] for each in expected["sessions"]}


def test_the_users_are_named(case):
    _, expected, recording = case
    assert set(recording.named("user")) == {user for each in expected["sessions"] for user in each["users"]}


def test_each_question_is_on_a_span_or_a_record(case):
    name, expected, recording = case
    is_there = texts(turns_in(expected), "input") <= {words.input.strip() for words in recording.all_words}
    assert is_there is (("questions", name) not in UNLIKE)


def test_each_answer_is_on_a_span_or_a_record(case):
    name, expected, recording = case
    is_there = texts(turns_in(expected), "output") <= {words.output.strip() for words in recording.all_words}
    assert is_there is (("answers", name) not in UNLIKE)


def test_the_tools_that_a_model_has_called_are_named(case):
    """By the messages, else by the spans of the tools; Semantic Kernel calls them by their plugin, too."""
    name, expected, recording = case
    called = {
        tool.rpartition("-")[2] for words in recording.all_words for each in words.messages for tool in each.tools
    }
    run = {facts.name.rpartition(" ")[2] for facts in recording.spans if facts.kind is Kind.TOOL}
    wanted = {tool for turn in turns_in(expected) for tool in turn["tools"]}
    assert ((called or run & wanted) == wanted) is (("tools", name) not in UNLIKE)


@pytest.mark.parametrize("field", ["input", "output"])
def test_tokens_are_those_of_the_calls(case, field):
    name, expected, recording = case
    # What is expected of sessions has more fields than what is expected of turns, which spans without a session have alone.
    parts = [*expected["sessions"], *expected["without_session"]["turns"]]
    wanted = [each["tokens"][field] for each in parts if each["tokens"][field] is not None]
    counts = [count for facts in calls_in(recording.spans) if (count := getattr(facts.tokens, field)) is not None]
    is_right = (sum(counts), bool(counts)) == (sum(wanted), bool(wanted))
    assert is_right is (("tokens", name) not in UNLIKE)


@pytest.mark.parametrize("field", ["cache_read", "reasoning"])
def test_tokens_of_caches_and_of_reasoning_are_those_of_the_calls(case, field):
    name, expected, recording = case
    wanted = sum(each["tokens"][field] or 0 for each in expected["sessions"])
    calls = calls_in(recording.spans) if expected["sessions"] else []
    is_right = sum(getattr(facts.tokens, field) or 0 for facts in calls) == wanted
    assert is_right is (("tokens", name) not in UNLIKE or not wanted)


def test_what_went_wrong_is_an_error(case):
    _, expected, recording = case
    turns = expected["without_session"]["turns"]
    errors = sum(each["errors"] for each in [*expected["sessions"], *turns])
    assert any(facts.error for facts in recording.spans) is bool(errors)
