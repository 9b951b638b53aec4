"""Rules of sessions, turns and sums one by one, where a whole case would hide them."""

from __future__ import annotations

import pytest

from otel_sessions.view.sessions import causes
from otel_sessions.view.sessions.exchanges import brings_new_words, quotes
from otel_sessions.view.sessions.sums import p95
from otel_sessions.view.sessions.traces import sessions_of_facts
from otel_sessions.view.shapes.facts import Tokens
from otel_sessions.view.shapes.reading import facts_of_spans
from view.otlp_cases import raw_spans, trace_id
from view.sessions.summarised import summarised, trace_summary
from view.shape_spans import NONE, SESSION, Case, Span, agent, chat, check, llm, post, server, tool, turn


def part_of(*spans: Span):
    (part,) = trace_summary(spans)[1].parts
    return part


def turns_of(*spans: Span):
    return [(each.input, each.output) for each in part_of(*spans).candidates]


def cause_of(*spans: Span):
    (uncovered,) = trace_summary(spans)[1].uncovered
    return uncovered.cause


@pytest.mark.parametrize(
    ("durations", "expected"),
    [([], None), ([7], 7), ([1, 2], 2), (list(range(1, 101)), 95), (list(range(1, 21)), 19)],
)
def test_the_95th_percentile_is_one_of_the_durations(durations, expected):
    assert p95(durations) == expected


@pytest.mark.parametrize(
    ("longer", "shorter", "expected"),
    [
        ("Title of: How is the weather?", "How is the weather?", True),
        ("How is the weather?", "How is the weather?", False),
        ("How is the weatherman?", "How is the weather", False),
        ("Question 12 of many", "Question 1", False),
        ("a question 12, then question 1", "question 1", False),
        ("a long question 12, a long question 1.", "long question 1", True),
        ("no, but why", "no", False),
        ("Title of this:\nhi", "hi", True),
        ('Title of "hi"', "hi", True),
        ("Title of: hi", "hi", True),
        ("Title of: hi there", "hi", False),
        ("anything", "", False),
        ("xhix " * 40, "hix ", False),
    ],
)
def test_a_text_quotes_another_one_in_whole_words(longer, shorter, expected):
    assert quotes(longer, shorter) is expected


@pytest.mark.parametrize(
    ("said", "before", "expected"),
    [
        ("", "a", False),
        ("a", "", False),
        ("a", "a", False),
        ("b", "a", True),
        ("On: a", "a", False),
        ("a", "On: a", False),
    ],
)
def test_new_words_are_those_that_are_not_there(said, before, expected):
    assert brings_new_words(said, before) is expected


@pytest.mark.parametrize("code", sorted(causes.CAUSES))
def test_each_cause_has_a_remedy_in_words(code):
    assert causes.remedy_of(code) == causes.CAUSES[code].remedy


def test_a_cause_that_is_not_known_has_the_remedy_of_unknown():
    assert causes.remedy_of("of-a-later-version") == causes.remedy_of("unknown")


@pytest.mark.parametrize(
    "name", ["GET /health", "GET /api/livez", "GET /readyz/", "HEAD /ping", "/metrics", "GET /favicon.ico"]
)
def test_a_probe_is_background(name):
    assert cause_of(server(1, name, attributes={"http.request.method": "GET"})) == "background"


def test_what_may_be_anything_is_unknown():
    assert cause_of(server(1, "GET /orders", attributes=NONE)) == "unknown"
    assert cause_of(post(1, attributes=NONE)) == "unknown"
    assert cause_of(Span(2, "work", 1, attributes=NONE)) == "unknown"
    assert cause_of(server(1, "GET /health", attributes=NONE), chat(2, parent=1, attributes=NONE)) == "unknown"


def test_uncovered_spans_are_counted_by_service_and_scope():
    spans = [
        server(1, attributes=NONE),
        chat(2, parent=1, attributes=NONE),
        chat(3, parent=1, attributes=NONE, service="b"),
    ]
    uncovered = trace_summary(spans)[1].uncovered
    assert [(each.service, each.scope, each.spans, each.llm_spans) for each in uncovered] == [
        ("app", "app", 2, 1),
        ("b", "app", 1, 1),
    ]


def test_the_session_of_each_span_is_told():
    raw, sources = raw_spans(
        [server(1), tool(2, parent=1, attributes=NONE), tool(3, parent=2, attributes={"session.id": "s-2"})]
    )
    assert sessions_of_facts(facts_of_spans(raw, sources)) == ["s-1", "s-1", "s-2"]


def test_a_span_that_came_twice_is_counted_once_with_its_later_end():
    part = part_of(turn(1, "Hello", "Hi", end=3), turn(1, "Hello", "Hi", end=2), llm(2, "a", "b", (7, 3), parent=1))
    assert (part.spans, part.tokens[:2], part.end - part.start) == (2, (7, 3), 3 * 10**9)


def test_tokens_of_which_only_a_part_is_known_have_no_total():
    part = part_of(chat(1).but(plus={"gen_ai.usage.cache_read.input_tokens": 80}))
    assert part.tokens == Tokens(cache_read=80)


def test_a_total_alone_adds_up_with_totals_of_parts():
    part = part_of(agent(1), llm(2, parent=1).but(plus={"llm.token_count.total": 15}), chat(3, (10, 5), parent=1))
    assert part.tokens == Tokens(10, 5, total=30)


def test_costs_and_checks_are_of_the_turn_in_which_they_came():
    part = part_of(
        server(1, "GET /ws", end=9),
        turn(2, "One", "1", parent=1, start=1, end=2),
        chat(3, parent=2, start=1, end=2).but(plus={"gen_ai.usage.cost": 0.5}),
        turn(4, "Two", "2", parent=1, start=5, end=6),
        chat(5, parent=4, start=5, end=6).but(plus={"gen_ai.usage.cost": 0.25}),
        check(6, "polite", "fail", parent=4, start=6, end=6),
    )
    assert [(each.cost, each.failed_checks) for each in part.candidates] == [(0.5, 0), (0.25, 1)]
    assert part.cost == 0.75


def test_a_check_beside_the_only_turn_is_about_it():
    part = part_of(server(1), turn(2, "Hello", "Hi", parent=1), check(3, "polite", "fail", parent=1))
    assert [each.failed_checks for each in part.candidates] == [1]


def test_what_starts_when_no_marked_turn_is_open_is_of_none():
    part = part_of(
        server(1, end=9), turn(2, "Hello", "Hi", parent=1, end=2), llm(3, "a", "b", (7, 3), parent=1, start=5)
    )
    assert [each.tokens[0] for each in part.candidates] == [None]
    assert part.tokens[0] == 7


def holders(count: int) -> list[Span]:
    """Return servers below each other, all with the words of the last of two turns below them."""
    words = {**SESSION, "input.value": "Two", "output.value": "2"}
    return [
        *(server(n, "GET /ws", parent=n - 1, end=99, attributes=words) for n in range(1, count + 1)),
        agent(90, "One", "1", parent=count, start=1, end=2),
        agent(91, "Two", "2", parent=count, start=5, end=6),
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_holders_within_holders_are_no_turns(count):
    assert turns_of(*holders(count)) == [("One", "1"), ("Two", "2")]


def test_holders_are_looked_for_in_a_few_layers_only():
    assert turns_of(*holders(7)) == [("Two", "2")]


def test_what_stands_beside_a_holder_is_a_turn_as_well():
    beside = agent(95, "Three", "3", start=100, end=101)
    assert turns_of(*holders(1), beside) == [("One", "1"), ("Two", "2"), ("Three", "3")]


def test_a_web_socket_with_words_of_its_own_is_a_turn():
    spans = [
        server(1, "GET /ws", end=99, attributes={**SESSION, "input.value": "All of it", "output.value": "Done"}),
        agent(2, "One", "1", parent=1, start=1, end=2),
        agent(3, "Two", "2", parent=1, start=5, end=6),
    ]
    assert turns_of(*spans) == [("All of it", "Done")]


def test_an_answer_is_borrowed_from_below_where_the_question_stands_above():
    spans = [server(1, attributes={**SESSION, "input.value": "Hello"}), llm(2, "You are kind. Hello", "Hi", parent=1)]
    assert turns_of(*spans) == [("Hello", "Hi")]


def test_a_question_is_borrowed_from_below_where_the_answer_stands_above():
    spans = [server(1, attributes={**SESSION, "output.value": "Hi"}), llm(2, "Hello", "Hm", parent=1)]
    assert turns_of(*spans) == [("Hello", "Hi")]


def test_words_are_cut_where_a_summary_keeps_them():
    (each,) = part_of(turn(1, "a" * 5_000, "b" * 5_000)).candidates
    assert (len(each.input), len(each.output)) == (4_096, 4_096)


def test_a_trace_of_another_session_below_keeps_apart_what_is_above_and_below_it():
    other = {"session.id": "s-2"}
    spans = [
        turn(1, "Hello", "Hi", end=9),
        agent(2, "Task", "Done", parent=1, start=1, end=8, attributes=other),
        llm(3, "Back", "Again", (7, 3), parent=2, start=2, end=3),
    ]
    first, second = trace_summary(spans)[1].parts
    assert [(each.input, each.tokens[0]) for each in first.candidates] == [("Hello", 7)]
    assert [each.input for each in second.candidates] == ["Task"]


def test_paths_of_a_trace_with_too_many_branches_are_told_apart_by_fewer_steps():
    spans = [tool(n, attributes={**SESSION, "session.path": f"/a/{n}"}) for n in range(1, 1_200)]
    assert [(each.path, each.spans) for each in part_of(*spans).paths] == [("/", 1_199), ("/a", 1_199)]


def session_of_traces(*spans: Span):
    return summarised(Case("", list(spans), {})).sessions["s-1"]


def test_an_answer_that_stands_in_another_trace_alone_is_that_of_the_turn():
    session = session_of_traces(
        turn(1, "How is the weather?", "", end=9),
        llm(1, "How is the weather?", "Fine", trace=2, start=1, end=2),
        llm(1, "A title for: How is the weather?", "Weather", trace=3, start=3, end=4).but(
            plus={"gen_ai.usage.cost": 0.5}
        ),
    )
    assert [(each.input, each.output, each.cost, len(each.joined)) for each in session.turns] == [
        ("How is the weather?", "Fine", 0.5, 2)
    ]


def test_no_answer_anywhere_is_none():
    session = session_of_traces(turn(1, "Hello", "", end=9), chat(1, trace=2, start=1, end=2))
    assert [(each.input, each.output, each.is_agent) for each in session.turns] == [("Hello", "", False)]


def test_a_trace_is_of_the_turn_with_the_same_words_where_two_are_under_way():
    session = session_of_traces(
        turn(1, "What is a trace?", "A tree", end=9),
        turn(1, "What is a span?", "A step", trace=2, start=1, end=9),
        llm(1, "What is a trace?", "A tree", (7, 3), trace=3, start=2, end=3),
    )
    assert [(each.input, each.tokens[0]) for each in session.turns] == [
        ("What is a trace?", 7),
        ("What is a span?", None),
    ]


def test_a_trace_is_known_by_its_id():
    assert trace_summary([turn(1, trace=3)])[0] == trace_id(3)
