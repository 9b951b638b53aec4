"""What came gives the same answers, in whatever order, in whatever requests, and however often it came."""

from __future__ import annotations

import os
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_cases import EPOCH, SECOND, batch, log, log_batch, snapshot, span, trace_id, turn

from otel_sessions.view.shapes.facts import Tokens
from otel_sessions.view.store import settling
from otel_sessions.view.store.interface import Filter
from otel_sessions.view.store.rows import comparable_tokens
from otel_sessions.view.store.sqlite import SQLiteStore
from otel_sessions.view.wire.batch import Batch


def only_session(store, **which):
    (row,) = store.sessions(Filter(**which)).rows
    return row


def test_what_was_written_is_in_the_lists_at_once(store):
    store.write(batch(turn("t1", "A", user="user-1") + turn("t2", "A", user="user-2", at=5)))
    row = only_session(store)
    assert (row.id, row.users, row.turns, row.traces, row.spans) == ("A", ("user-1", "user-2"), 2, 2, 6)
    assert (row.tokens.input, row.tokens.output, row.models, row.services) == (20, 4, ("gpt-4o",), ("api",))
    assert (row.start, row.end, row.p95) == (EPOCH, EPOCH + 6 * SECOND, SECOND)


def test_an_empty_batch_is_nothing(store):
    store.write(Batch(rejected=2, reasons=("2 spans have no trace id",)))
    assert store.sessions(Filter()).rows == []


def test_an_id_that_comes_late_moves_all_sums(store):
    first, *rest = turn("t1", None, user=None)
    store.write(batch(rest))
    assert store.coverage().without_session == 2
    assert [row.sessions for row in store.traces(Filter(), without_session=True).rows] == [()]
    late = turn("t1", "A", user="user-7")[0]
    assert late.span_id == first.span_id
    store.write(batch([late]))
    row = only_session(store, user="user-7", text="hello")
    assert (row.id, row.spans, row.turns) == ("A", 3, 1)
    assert (store.coverage().spans, store.coverage().without_session, store.coverage().groups) == (3, 0, [])
    assert store.traces(Filter(), without_session=True).rows == []
    (user,) = store.users(Filter()).rows
    assert (user.id, user.sessions, user.spans, user.first) == ("user-7", 1, 3, EPOCH)


def test_a_trace_that_goes_to_another_session_leaves_nothing_in_the_first(store):
    whole = turn("t1", "A", user="user-1", said="hello there")
    for each in whole:
        each.attributes[-2].value.string_value = "A"
    store.write(batch(whole))
    later = turn("t1", "B", user="user-2", said="goodbye now")
    for each in later:
        each.end_time_unix_nano += 1
    store.write(batch(later))
    assert [row.id for row in store.sessions(Filter()).rows] == ["B"]
    assert [row.id for row in store.users(Filter()).rows] == ["user-2"]
    assert store.sessions(Filter(text="hello")).rows == []
    assert only_session(store, text="goodbye").users == ("user-2",)


def test_a_request_that_is_sent_again_counts_once(store):
    sent = batch(turn("t1", "A") + turn("t2", None, at=3))
    records = log_batch([log("said", trace="t1", parent="turn"), log("beside", session__id="A"), log("nowhere")])
    store.write(sent)
    store.write(records)
    before = snapshot(store)
    for _ in range(3):
        store.write(sent)
        store.write(records)
    assert snapshot(store) == before
    assert len(store.trace(trace_id("t1")).logs) == 1


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_spans_with_one_id_the_one_that_ends_later_counts(store, order):
    for lasts in (1, 2)[::order]:
        store.write(batch([span("t1", "turn", lasts=lasts, session__id="A", input__value=f"{lasts}")]))
    assert only_session(store).end == EPOCH + 2 * SECOND
    assert store.session("A").turns[0].input == "2"
    (stored,) = store.trace(trace_id("t1")).spans
    assert stored[0].end == EPOCH + 2 * SECOND


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_that_end_together_the_same_one_counts_in_any_order(store, order):
    for said in ("one", "two")[::order]:
        store.write(batch([span("t1", "turn", session__id="A", input__value=said)]))
        store.settle()
    assert store.session("A").turns[0].input == "two"
    assert [len(store.sessions(Filter(text=said)).rows) for said in ("one", "two")] == [0, 1]


def conversations() -> list:
    """Return some thousand spans: late, early, torn, without session, of several users, with what is sent again."""
    chance = random.Random(5)  # noqa: S311
    spans = []
    for number in range(330):
        session = chance.choice([None, *(f"s{each}" for each in range(40))])
        made = turn(
            f"t{number}",
            session,
            user=chance.choice([None, "user-1", "user-2"]),
            said=f"hello {number}",
            at=chance.randrange(5000),
        )
        made.append(span(f"t{number}", "query", "tool", at=1, error=chance.choice(["", "", "broken"])))
        if number % 7 == 0:
            made[2].attributes.add(key="session.id").value.string_value = "other"
        spans += made
    twice = chance.sample(spans, 100)
    for each in twice[:50]:
        copy = type(each)()
        copy.CopyFrom(each)
        copy.end_time_unix_nano += 7
        spans.append(copy)
    return spans + twice[50:]


def parts_of(spans: list, chance: random.Random):
    chance.shuffle(spans)
    while spans:
        size = chance.choice([1, 3, 40, 400])
        yield spans[:size]
        del spans[:size]


def test_twenty_orders_and_splits_give_the_same_answers():
    """Twenty with THOROUGH=1."""
    spans = conversations()
    expected = None
    for seed in range(20 if os.environ.get("THOROUGH") else 4):
        chance = random.Random(seed)  # noqa: S311
        store = SQLiteStore.open(None)
        for each in parts_of(list(spans), chance):
            store.write(batch(each))
            if chance.random() < 0.1:
                store.sessions(Filter(), limit=1)
        store.settle()
        found = snapshot(store)
        if seed % 2:
            store.reindex()
            assert snapshot(store) == found
        store.close()
        expected = expected or found
        assert found == expected
    assert len(expected[0]) > 40


PLACES = st.sampled_from(["turn", "call", "tool", "query"])
SPANS = st.builds(
    lambda trace, name, parent, session, user, at, lasts: span(
        trace, name, parent, at=at, lasts=lasts, input__value="hello", **session, **user
    ),
    st.sampled_from(["t1", "t2", "t3"]),
    PLACES,
    st.one_of(st.just(""), PLACES),
    st.sampled_from([{}, {"session__id": "A"}, {"session__id": "B"}, {"gen_ai__conversation__id": "C"}]),
    st.sampled_from([{}, {"user__id": "user-1"}, {"user__id": "user-2"}]),
    st.integers(0, 5),
    st.integers(0, 5),
)


@given(st.lists(SPANS, min_size=1, max_size=15), st.randoms(use_true_random=False))
def test_any_spans_in_any_order_give_the_same_answers(spans, chance):
    answers = []
    for again in range(2):
        store = SQLiteStore.open(None)
        for each in parts_of(list(spans) * (1 + again), chance):
            store.write(batch(each))
            if chance.random() < 0.5:
                store.settle()
        store.settle()
        answers.append(snapshot(store))
        store.reindex()
        answers.append(snapshot(store))
        store.close()
    assert answers[0] == answers[1] == answers[2] == answers[3]


def test_records_outside_of_any_trace_are_with_their_session(store):
    store.write(batch(turn("t1", "A") + turn("t2", "A", at=3)))
    store.write(log_batch([log("one", session__id="A", at=2), log("two", session__id="A", at=1), log("nobody")]))
    store.write(log_batch([log("three", session__id="A", at=4)]))
    assert [record.time - EPOCH for record, _ in store.session("A").logs] == [SECOND, 2 * SECOND, 4 * SECOND]
    assert {record.trace_id for record, _ in store.session("A").logs} == {b""}
    first = store.session("A", limit=1)
    assert first.logs == ()
    assert len(store.session("A", limit=1, cursor=first.next).logs) == 3
    before = snapshot(store)
    store.reindex()
    assert snapshot(store) == before


def test_a_trace_that_is_dear_to_sum_up_is_not_summed_up_each_time_that_it_grows(store, monkeypatch):
    def settled() -> int:
        store._writer.settle()
        return only_session(store).spans

    monkeypatch.setattr("otel_sessions.view.store.session_rows._DEAR", -1)
    monkeypatch.setattr("otel_sessions.view.store.session_rows.PATIENCE", 3600)
    store.write(batch(turn("t1", "A")))
    assert settled() == 3
    store.write(batch(turn("t2", "A")))
    assert settled() == 3
    assert store._writer.settler.has_work
    store.settle()
    assert settled() == 6


def test_a_session_that_is_asked_for_is_settled_though_it_is_dear(store, monkeypatch):
    monkeypatch.setattr("otel_sessions.view.store.session_rows._DEAR", -1)
    monkeypatch.setattr("otel_sessions.view.store.session_rows._SHARE", 10**9)
    monkeypatch.setattr("otel_sessions.view.store.settling.PATIENCE", 0)
    store._background.stop()
    first, *rest = turn("t1", "A")
    store.write(batch([first, *turn("t2", "B")]))
    store.settle()
    store.write(batch(rest))
    store.write(log_batch([log("said", trace="t2", parent="turn", session__id="B")]))
    assert {row.id: row.spans for row in store.sessions(Filter()).rows} == {"A": 1, "B": 3}
    assert store.session("B").summary.spans == 3
    assert set(store._writer.settler._dirty) == {trace_id("t1")}
    assert store.session("A").summary.spans == 3
    assert not store._writer.settler._dirty


def test_what_is_not_settled_is_not_forgotten(store, monkeypatch):
    monkeypatch.setattr("otel_sessions.view.store.session_rows._DEAR", -1)
    monkeypatch.setattr("otel_sessions.view.store.session_rows.PATIENCE", 3600)
    store._background.stop()
    spans = turn("t1", "A")
    store.write(batch([spans[0]]))
    store._writer.settle()
    monkeypatch.setattr(settling, "_KEPT_BYTES", 1)
    monkeypatch.setattr(settling, "_TAKEN_BYTES", 1)
    for each in ([spans[1], *turn("t2", "A")], [spans[2]]):
        store.write(batch(each))
        store._writer.settle()
    assert set(store._writer.settler._traces) == {trace_id("t1")}
    monkeypatch.undo()
    assert store._writer.settler.has_work
    store.settle()
    assert only_session(store).spans == 6


def test_a_session_that_is_dear_is_summed_up_after_a_crash(path, monkeypatch):
    first = SQLiteStore.open(path)
    first.write(batch(turn("t1", "A")))
    first.settle()
    monkeypatch.setattr("otel_sessions.view.store.settling.is_too_soon", lambda *_: False)
    monkeypatch.setattr("otel_sessions.view.store.session_rows.is_too_soon", lambda *_: True)
    first.write(batch(turn("t2", "A")))
    first._writer.settle()
    assert only_session(first).traces == 1
    first.close()
    monkeypatch.undo()
    second = SQLiteStore.open(path)
    second.settle()
    assert only_session(second).traces == 2
    second.close()


@pytest.mark.parametrize("forgotten", ["by a crash", "to make room"])
def test_parts_that_come_while_their_session_is_dear_keep_their_places_when_it_is_forgotten(
    path, monkeypatch, forgotten
):
    store = SQLiteStore.open(path)
    store._background.stop()
    store.write(batch(turn("t1", "A", said="one", at=10)))
    store.settle()
    monkeypatch.setattr("otel_sessions.view.store.settling.is_too_soon", lambda *_: False)
    monkeypatch.setattr("otel_sessions.view.store.session_rows.is_too_soon", lambda *_: True)
    if forgotten == "to make room":
        monkeypatch.setattr("otel_sessions.view.store.session_rows._KEPT_BYTES", 1)
    store.write(batch(turn("t2", "A", said="two", at=20)))
    store._writer.settle()
    if forgotten == "by a crash":
        store.close()
        store = SQLiteStore.open(path)
        store._background.stop()
    store.write(batch(turn("t3", "A", said="three", at=30)))
    store._writer.settle()
    monkeypatch.undo()
    store.settle()
    assert only_session(store).traces == 3
    assert [each.input for each in store.session("A").summary.turns] == ["one", "two", "three"]
    store.close()


def test_what_does_not_fit_in_memory_is_read_from_the_file(path, monkeypatch):
    monkeypatch.setattr(settling, "_WAITING_BYTES", 1500)
    monkeypatch.setattr(settling, "_KEPT_BYTES", 1)
    monkeypatch.setattr(settling, "_TAKEN_BYTES", 1)
    monkeypatch.setattr("otel_sessions.view.store.session_rows._KEPT_BYTES", 1)
    monkeypatch.setattr(settling, "_SEGMENTS_AT_ONCE", 2)
    chance = random.Random(2)  # noqa: S311
    spans = conversations()[:400]
    small, large = SQLiteStore.open(path), SQLiteStore.open(None)
    for each in parts_of(list(spans), chance):
        small.write(batch(each))
        if chance.random() < 0.5:
            small._writer.settle()
    small.settle()
    large.write(batch(spans))
    large.settle()
    assert snapshot(small) == snapshot(large)
    small.close()
    large.close()


def test_what_waits_is_settled_by_who_writes(path, monkeypatch):
    monkeypatch.setattr("otel_sessions.view.store.writing._WAITING_BYTES", 1)
    store = SQLiteStore.open(path)
    store._background.stop()
    store.write(batch(turn("t1", "A")))
    assert not store._writer.settler.has_work
    store.close()


def test_lists_come_up_to_date_without_a_reader(store, monkeypatch):
    monkeypatch.setattr(settling, "_TRACES_AT_ONCE", 1)
    store.write(batch(turn("t1", "A") + turn("t2", "A") + turn("t3", "B")))
    until = time.monotonic() + 60
    while _has_work(store) and time.monotonic() < until:
        time.sleep(0.01)
    assert not store._writer.settler.has_work


def test_all_is_settled_in_as_many_steps_as_it_takes(store, monkeypatch):
    monkeypatch.setattr(settling, "_TRACES_AT_ONCE", 1)
    store._background.stop()
    sent = batch([each for number in range(5) for each in turn(f"t{number}", f"s{number}", at=number)])
    store.write(sent)
    store.settle()
    before = snapshot(store)
    assert len(store.sessions(Filter()).rows) == 5
    store.reindex()
    assert snapshot(store) == before


def test_a_reader_settles_in_as_many_steps_as_there_is_time_for(store, monkeypatch):
    monkeypatch.setattr(settling, "_TRACES_AT_ONCE", 1)
    monkeypatch.setattr("otel_sessions.view.store.sqlite._PATIENCE", 60)
    store._background.stop()
    store.write(batch([each for number in range(5) for each in turn(f"t{number}", f"s{number}", at=number)]))
    assert len(store.sessions(Filter()).rows) == 5


def test_times_beyond_what_a_column_holds_are_cut(store):
    huge = span(
        "t1",
        "turn",
        session__id="A",
        user__id="user-1",
        openinference__span__kind="LLM",
        llm__token_count__prompt=1000,
    )
    huge.start_time_unix_nano = 2**64 - 2
    huge.end_time_unix_nano = 2**64 - 1
    again = span("t2", "turn", session__id="A", openinference__span__kind="LLM", llm__token_count__prompt=1000)
    store.write(batch([huge, again]))
    row = only_session(store, user="user-1")
    assert (row.end, row.tokens.input) == (2**63 - 1, 2000)
    assert store.users(Filter()).rows[0].tokens.input == 2000
    store.reindex()
    assert only_session(store).spans == 2


HOSTILE = ["a\x1fb", "\x1e1\x1e", "'; DROP TABLE sessions; --", "x" * 3000, "\x00", "\u202e\u0301", "%_"]


@pytest.mark.parametrize("id_", HOSTILE)
def test_ids_may_be_any_text(store, id_):
    store.write(batch(turn("t1", id_, user=id_, said=id_)))
    (row,) = store.sessions(Filter()).rows
    assert store.session(row.id).summary.id == row.id
    assert [each.id for each in store.users(Filter()).rows] == list(row.users)
    assert [each.sessions for each in store.traces(Filter(user=row.users[0])).rows] == [(row.id,)]
    store.reindex()
    assert store.sessions(Filter(user=row.users[0])).rows == [row]


def test_a_trace_that_can_not_be_summed_up_keeps_no_other_out(store, monkeypatch, caplog):
    real = settling.summary_of

    def summary_of(trace, *rest):
        if trace in {trace_id("bad"), trace_id("worse")}:
            raise ZeroDivisionError
        return real(trace, *rest)

    monkeypatch.setattr(settling, "summary_of", summary_of)
    store.write(batch(turn("bad", "A") + turn("good", "B") + turn("worse", "A")))
    store.write(batch(turn("bad", "A")[:1] + turn("good", "B")))
    assert only_session(store).id == "B"
    assert len(store.trace(trace_id("bad")).spans) == 3
    assert [record.message for record in caplog.records] == [
        "A trace can't be summed up; it is kept, and left out of the lists"
    ]
    monkeypatch.undo()
    store.reindex()
    assert len(store.sessions(Filter()).rows) == 2


def test_a_session_that_is_in_the_file_alone_loses_a_trace(path):
    store = SQLiteStore.open(path)
    store.write(batch([span("t1", "turn", session__id="A", input__value="hello"), *turn("t2", "A", at=5)]))
    store.settle()
    store._writer.settler.restart()
    store.write(batch([span("t1", "turn", lasts=2, session__id="B", input__value="hello")]))
    assert {row.id: row.traces for row in store.sessions(Filter()).rows} == {"A": 1, "B": 1}
    store._writer.settler.restart()
    for each in ("turn", "call", "tool"):
        store.write(batch([span("t2", each, at=5, lasts=9, session__id="B")]))
    assert {row.id: row.traces for row in store.sessions(Filter()).rows} == {"B": 2}
    store.close()


def test_tokens_are_compared_by_what_is_recorded():
    assert comparable_tokens(Tokens()) == -1
    assert comparable_tokens(Tokens(input=3)) == 3
    assert comparable_tokens(Tokens(output=4, input=1)) == 5
    assert comparable_tokens(Tokens(input=1, total=2**70)) == 2**63 - 1


def _has_work(store):
    """Tell whether something is left, when what is being settled has been committed."""
    with store._writer.lock:
        return store._writer.settler.has_work


def test_what_is_dear_is_settled_a_little_later_without_a_reader(path, monkeypatch):
    monkeypatch.setattr("otel_sessions.view.store.session_rows._DEAR", -1)
    monkeypatch.setattr("otel_sessions.view.store.session_rows.PATIENCE", 0.5)
    store = SQLiteStore.open(path)
    for number in range(2):
        store.write(batch(turn(f"t{number}", "A", at=number)))
        store._writer.settle()
    until = time.monotonic() + 60
    while _has_work(store) and time.monotonic() < until:
        time.sleep(0.01)
    assert only_session(store).traces == 2
    store.close()
