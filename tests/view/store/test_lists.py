"""Lists: each filter and each order as a plain loop over all rows would have it, page by page."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_cases import EPOCH, SECOND, batch, span, turn

from otel_sessions.view.store.interface import Filter, InvalidCursorError
from otel_sessions.view.store.lists import SESSION_ORDERS, TRACE_ORDERS, USER_ORDERS
from otel_sessions.view.store.rows import comparable_tokens
from otel_sessions.view.store.sqlite import SQLiteStore

WORDS = ["refund the order", "weather in Oslo", "refund of Oslo", "über Zürich", "东京 天气", "C++ or C#?"]


@pytest.fixture(scope="module")
def filled():
    store = SQLiteStore.open(None)
    for number in range(60):
        session = None if number % 9 == 8 else f"s{number * 7 % 23}"
        more = {"session__name": "chat"} if number % 4 == 0 else {}
        spans = turn(
            f"t{number}",
            session,
            user=f"user-{number % 5}",
            said=WORDS[number % 6],
            answered="",
            at=number * 3 % 50,
            model=f"m{number % 3}",
            **more,
        )
        if number % 6 == 0:
            spans.append(span(f"t{number}", "query", "turn", error="broken"))
        if number % 20 == 7:
            check = {"name": "polite", "label": "fail"}
            said = {f"span__annotations__0__annotation__{key}": each for key, each in check.items()}
            spans.append(span(f"t{number}", "check", "turn", **said))
        if number % 10 == 1:
            spans[2].attributes[1].value.string_value = "s1"
        store.write(batch(spans, service=f"service-{number % 4}"))
    store.settle()
    yield store
    store.close()


def paged(method, which, sort, **more):
    """Return all rows, by pages of three."""
    rows, cursor = [], None
    while True:
        page = method(which, sort, 3, cursor, **more)
        rows += page.rows
        cursor = page.next
        assert len(page.rows) == 3 or cursor is None
        if cursor is None:
            return rows


def key_of(row, field):
    value = getattr(row, field)
    if field == "tokens":
        return comparable_tokens(value)
    return -1 if value is None else value


def in_order(rows, sort, tie):
    """Return rows as a list of the store has them: ties by id, whichever way the field goes."""
    field = sort.removeprefix("-")
    return sorted(
        sorted(rows, key=lambda row: getattr(row, tie)), key=lambda row: key_of(row, field), reverse=sort[0] == "-"
    )


FILTERS = [
    (Filter(), lambda _: True),
    (Filter(user="user-3"), lambda row: "user-3" in row.users),
    (Filter(user="nobody"), lambda _: False),
    (Filter(name="chat"), lambda row: row.name == "chat"),
    (Filter(service="service-1"), lambda row: "service-1" in row.services),
    (Filter(service="service"), lambda _: False),
    (Filter(model="m2"), lambda row: "m2" in row.models),
    (Filter(error=True), lambda row: row.errors > 0),
    (Filter(error=False), lambda row: row.errors == 0),
    (Filter(failed_check=False), lambda row: row.failed_checks == 0),
    (Filter(failed_check=True), lambda row: row.failed_checks > 0),
    (Filter(torn=True), lambda row: row.torn),
    (Filter(torn=False), lambda row: not row.torn),
    (Filter(since=EPOCH + 40 * SECOND), lambda row: row.end >= EPOCH + 40 * SECOND),
    (Filter(until=EPOCH + 9 * SECOND), lambda row: row.start < EPOCH + 9 * SECOND),
    (Filter(since=-(2**70), until=2**70), lambda _: True),
    (
        Filter(user="user-3", error=True, since=EPOCH + 20 * SECOND, model="m0"),
        lambda row: "user-3" in row.users and row.errors > 0 and row.end >= EPOCH + 20 * SECOND and "m0" in row.models,
    ),
]
SORTS = [sign + field for sign in ("", "-") for field in SESSION_ORDERS]


@pytest.mark.parametrize(("which", "fits"), FILTERS)
def test_sessions_by_each_filter_and_each_order(filled, which, fits):
    every = filled.sessions(Filter(), limit=1000).rows
    assert len(every) == 23
    fitting = [row for row in every if fits(row)]
    for sort in SORTS:
        assert paged(filled.sessions, which, sort) == in_order(fitting, sort, "id")


def sessions_of(filled, row):
    return [each for each in filled.sessions(Filter(), limit=1000).rows if row.id in each.users]


USER_FILTERS = [
    (Filter(), lambda *_: True),
    (Filter(user="user-2"), lambda row, _: row.id == "user-2"),
    (Filter(since=EPOCH + 49 * SECOND), lambda row, _: row.last >= EPOCH + 49 * SECOND),
    (Filter(until=EPOCH + SECOND), lambda row, _: row.first < EPOCH + SECOND),
    (Filter(error=True), lambda _, sessions: any(each.errors for each in sessions)),
    (Filter(error=False), lambda _, sessions: not all(each.errors for each in sessions)),
    (Filter(failed_check=True), lambda _, sessions: any(each.failed_checks for each in sessions)),
    (Filter(failed_check=False), lambda _, sessions: not all(each.failed_checks for each in sessions)),
    (Filter(user="user-2", failed_check=True), lambda row, _: row.id == "user-2"),
    (Filter(user="user-3", failed_check=True), lambda *_: False),
    (
        Filter(error=True, failed_check=True),
        lambda _, sessions: any(each.errors and each.failed_checks for each in sessions),
    ),
    (Filter(name="chat", torn=True), lambda _, sessions: any(each.name == "chat" and each.torn for each in sessions)),
    (
        Filter(service="service-3", model="m1"),
        lambda _, sessions: any("service-3" in each.services and "m1" in each.models for each in sessions),
    ),
    (Filter(text="nothing of this"), lambda *_: False),
]


@pytest.mark.parametrize(("which", "fits"), USER_FILTERS)
def test_users_by_each_filter_and_each_order(filled, which, fits):
    every = filled.users(Filter(), limit=1000).rows
    assert len(every) == 5
    fitting = [row for row in every if fits(row, sessions_of(filled, row))]
    for sort in [sign + field for sign in ("", "-") for field in USER_ORDERS]:
        assert paged(filled.users, which, sort) == in_order(fitting, sort, "id")


def test_users_are_found_by_what_their_sessions_have_now(store):
    def found(**which) -> list[str]:
        return [row.id for row in store.users(Filter(**which), "id").rows]

    store.write(batch(turn("t1", "A", user="user-1") + turn("t2", "B", user="user-2")))
    assert (found(error=True), found(error=False)) == ([], ["user-1", "user-2"])
    store.write(batch([span("t1", "query", "turn", error="broken")]))
    assert (found(error=True), found(error=False)) == (["user-1"], ["user-2"])
    store.write(batch(turn("t3", "C", user="user-1")))
    assert (found(error=True), found(error=False)) == (["user-1"], ["user-1", "user-2"])
    store.reindex()
    assert (found(error=True), found(error=False)) == (["user-1"], ["user-1", "user-2"])


def test_a_user_has_the_sums_of_the_sessions(filled):
    for row in filled.users(Filter()).rows:
        sessions = sessions_of(filled, row)
        assert row.sessions == len(sessions)
        assert (row.turns, row.spans, row.errors) == tuple(
            sum(getattr(each, name) for each in sessions) for name in ("turns", "spans", "errors")
        )
        assert row.tokens.input == sum(each.tokens.input for each in sessions)
        assert row.tokens.reasoning is None
        assert (row.first, row.last) == (min(each.start for each in sessions), max(each.end for each in sessions))


TRACE_FILTERS = [
    (Filter(), lambda _: True),
    (Filter(service="service-2"), lambda row: "service-2" in row.services),
    (Filter(error=True), lambda row: row.errors > 0),
    (Filter(torn=True), lambda row: len(row.sessions) > 1),
    (Filter(torn=False), lambda row: len(row.sessions) < 2),
    (
        Filter(since=EPOCH + 30 * SECOND, until=EPOCH + 40 * SECOND),
        lambda row: row.end >= EPOCH + 30 * SECOND and row.start < EPOCH + 40 * SECOND,
    ),
    (Filter(user="nobody"), lambda _: False),
    (Filter(name="nothing"), lambda _: False),
]


@pytest.mark.parametrize("without_session", [False, True])
@pytest.mark.parametrize(("which", "fits"), TRACE_FILTERS)
def test_traces_by_each_filter_and_each_order(filled, which, fits, without_session):
    every = filled.traces(Filter(), limit=1000, without_session=without_session).rows
    assert len(every) == (6 if without_session else 60)
    fitting = [row for row in every if fits(row)]
    for sort in [sign + field for sign in ("", "-") for field in TRACE_ORDERS]:
        assert paged(filled.traces, which, sort, without_session=without_session) == in_order(fitting, sort, "trace_id")


QUERIES = [
    ("refund", {"refund the order", "refund of Oslo"}),
    ("OSLO refund", {"refund of Oslo"}),
    ("uber zurich", {"über Zürich"}),
    ("天", {"东京 天气"}),
    ("京天", {"东京 天气"}),
    ("天京", set()),
    ("refund zzz", set()),
    ("   ", set(WORDS)),
    ("?!", set()),
    ("C", {"C++ or C#?"}),
    ("order OR weather", set()),
    ("NOT refund", set()),
    ("ref*", set()),
    ("text:refund", set()),
]


@pytest.mark.parametrize(("query", "said"), QUERIES)
def test_free_text_finds_the_sessions_with_a_turn_that_has_all_words(filled, query, said):
    expected = {
        row.id
        for row in filled.sessions(Filter(), limit=1000).rows
        if any(turn_.input in said for turn_ in filled.session(row.id, 1000).turns)
    }
    assert {row.id for row in paged(filled.sessions, Filter(text=query), "-end")} == expected
    traces = filled.traces(Filter(text=query), limit=1000, without_session=True).rows
    assert all(row.sessions == () for row in traces)
    assert bool(traces) == bool({WORDS[2], WORDS[5]} & said)


@given(st.text(max_size=60))
def test_no_text_is_an_error(filled, query):
    filled.sessions(Filter(text=query))
    filled.users(Filter(text=query, user=query, name=query, service=query, model=query))
    filled.traces(Filter(text=query, user=query, name=query, service=query, model=query))


@pytest.mark.parametrize(
    "query", ["\ud800", "a\x00b", '"', '""" AND "', "x " * 5000, "y" * 100_000, "NEAR(a b)", "^a", "-"]
)
def test_hostile_text_is_no_error(filled, query):
    assert filled.sessions(Filter(text=query)).rows == []


def test_pages_go_on_where_they_ended_while_more_comes():
    store = SQLiteStore.open(None)
    for number in range(10):
        store.write(batch(turn(f"t{number}", f"s{number}", at=number)))
    first = store.sessions(Filter(), limit=4)
    store.write(batch(turn("new", "new", at=100)))
    second = store.sessions(Filter(), limit=4, cursor=first.next)
    assert [row.id for row in itertools.chain(first.rows, second.rows)] == [f"s{number}" for number in range(9, 1, -1)]
    store.close()


CURSORS = ["", "x", "ü", "=" * 9, "AAAA" * 10, "a b", "\ud800"]


@pytest.mark.parametrize("cursor", CURSORS)
def test_a_cursor_of_somebody_else_is_refused(filled, cursor):
    for method in (filled.sessions, filled.users, filled.traces):
        with pytest.raises(InvalidCursorError, match="none of this store"):
            method(Filter(), cursor=cursor)
    with pytest.raises(InvalidCursorError):
        filled.session("s1", cursor=cursor)


@given(st.text() | st.binary().map(lambda of: of.hex()))
def test_no_cursor_is_another_error(filled, cursor):
    with pytest.raises(InvalidCursorError):
        filled.sessions(Filter(), cursor=cursor)


def test_a_cursor_belongs_to_its_question(filled):
    cursor = filled.sessions(Filter(), "-end", 3).next
    assert filled.sessions(Filter(), "-end", 3, cursor).rows
    for which, sort in ((Filter(), "end"), (Filter(error=True), "-end"), (Filter(), "-start")):
        with pytest.raises(InvalidCursorError):
            filled.sessions(which, sort, 3, cursor)
    with pytest.raises(InvalidCursorError):
        filled.users(Filter(), "-end" if "end" in USER_ORDERS else "-last", 3, cursor)
    other = SQLiteStore.open(None)
    with pytest.raises(InvalidCursorError):
        other.sessions(Filter(), "-end", 3, cursor)
    other.close()


@pytest.mark.parametrize("sort", ["", "-", "nothing", "key", "--end", "end; DROP TABLE sessions"])
def test_an_order_that_is_none_is_said(filled, sort):
    for method in (filled.sessions, filled.users, filled.traces):
        with pytest.raises(ValueError, match="can't be sorted by"):
            method(Filter(), sort)


def test_the_first_rows_in_the_order_of_an_index_are_found_without_looking_at_all(monkeypatch, filled):
    for near in (0, 2, 5, 10):
        monkeypatch.setattr("otel_sessions.view.store.pages._NEAR", near)
        for which, fits in FILTERS:
            fitting = [row for row in filled.sessions(Filter(), limit=1000).rows if fits(row)]
            for sort in ("end", "-end"):
                assert paged(filled.sessions, which, sort) == in_order(fitting, sort, "id")


def test_the_first_users_are_found_without_looking_at_all_sessions(monkeypatch, filled):
    every = filled.users(Filter(), limit=1000).rows
    for near in (0, 4, 5):
        monkeypatch.setattr("otel_sessions.view.store.pages._NEAR_USERS", near)
        for which, fits in USER_FILTERS:
            fitting = [row for row in every if fits(row, sessions_of(filled, row))]
            for sort in ("last", "-sessions", "-id"):
                assert paged(filled.users, which, sort) == in_order(fitting, sort, "id")


def test_a_blank_text_asks_for_nothing(filled):
    assert filled.users(Filter(text=" ")).rows == filled.users(Filter()).rows
    assert filled.sessions(Filter(text=" ")).rows == filled.sessions(Filter()).rows


def test_limits_are_kept_in_bounds(filled):
    assert len(filled.sessions(Filter(), limit=0).rows) == 1
    assert len(filled.sessions(Filter(), limit=-5).rows) == 1
    assert len(filled.sessions(Filter(), limit=10**9).rows) == 23
