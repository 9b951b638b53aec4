"""Spans stand below their parents and with their turns, whatever their ids say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otel_sessions.view.api.tree import arranged, nodes
from view_documents import a_span, a_turn, an_answer


def outline(*spans) -> list[tuple[str, int]]:
    return [(node.span["span_id"], node.depth) for node in nodes(spans)]


def shown(answer) -> tuple[list[list[str]], list[list[str]]]:
    """Return the ids of the spans of each turn, and of what is in none."""
    turns, rest = arranged(answer)
    return [[node.span["span_id"] for node in of_turn] for _, of_turn in turns], [
        [node.span["span_id"] for node in of_trace] for of_trace in rest
    ]


def test_siblings_stand_by_their_start_below_their_parent():
    spans = [a_span("c", "a", 3), a_span("b", "a", 2), a_span("a"), a_span("d", "b", 4)]

    assert outline(*spans) == [("a", 0), ("b", 1), ("d", 2), ("c", 1)]


def test_a_span_whose_parent_is_missing_is_a_root():
    assert outline(a_span("a"), a_span("b", "gone", 1)) == [("a", 0), ("b", 0)]


def test_spans_that_are_parents_of_each_other_are_shown_once():
    spans = [a_span("a", "b"), a_span("b", "a", 1), a_span("c", "c", 2), a_span("d", "a")]

    assert sorted(outline(*spans)) == [("a", 0), ("b", 1), ("c", 0), ("d", 1)]


def test_a_tree_may_be_deeper_than_the_recursion_limit():
    chain = [a_span(str(n), str(n - 1) if n else None, start=n) for n in range(3_000)]

    assert outline(*chain)[-1] == ("2999", 2_999)


few = st.sampled_from(["1", "2", "3", "4", "5"])


@given(st.dictionaries(few, few | st.none(), max_size=5))
def test_no_span_is_lost_and_every_child_stands_below_its_parent(parents):
    placed = outline(*(a_span(span_id, parent) for span_id, parent in parents.items()))

    assert sorted(span_id for span_id, _ in placed) == sorted(parents)
    above: list[str] = []
    for span_id, depth in placed:
        del above[depth:]
        assert depth == 0 or above[-1] == parents[span_id]
        above.append(span_id)


def test_a_trace_with_one_turn_is_that_turns_with_all_its_spans():
    spans = [a_span("server"), a_span("turn", "server", 1), a_span("llm", "turn", 2), a_span("late", "server", 3)]

    assert shown(an_answer(spans, [a_turn("turn")])) == ([["server", "turn", "llm", "late"]], [])


def test_of_a_trace_with_several_turns_each_span_goes_to_the_nearest_turn_above_it():
    spans = [
        a_span("socket"),
        a_span("one", "socket", 1),
        a_span("llm", "one", 2),
        a_span("two", "socket", 3),
        a_span("tool", "two", 4),
        a_span("close", "socket", 5),
    ]

    assert shown(an_answer(spans, [a_turn("one"), a_turn("two")])) == (
        [["one", "llm"], ["two", "tool"]],
        [["socket", "close"]],
    )


def test_a_trace_without_a_turn_stands_for_itself_and_a_turn_without_its_span_stays():
    other = "b" * 32
    answer = an_answer([a_span("a"), a_span("b", trace_id=other)], [a_turn("a"), a_turn("x", trace_id="c" * 32)])

    assert shown(answer) == ([["a"], []], [["b"]])


def test_a_trace_that_a_turn_joins_stands_with_it():
    other = "b" * 32
    spans = [a_span("a"), a_span("a", trace_id=other, start=1), a_span("b", "a", trace_id=other, start=2)]

    turns, rest = arranged(an_answer(spans, [a_turn("a", joined=[other])]))

    assert [(node.span["trace_id"][0], node.span["span_id"], node.depth) for node in turns[0][1]] == [
        ("0", "a", 0),
        ("b", "a", 0),
        ("b", "b", 1),
    ]
    assert rest == []
