"""A turn as one string: what is in it, what comes out of it elsewhere, and that nothing broken raises."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, context
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

from otel_sessions import Session, bind_session, clear_session, set_session, to_carrier, turn
from otel_sessions._context.state import state_of
from otel_sessions._conversation.handles import NOTHING_FOUND, handle_in, target_of

SPAN = SpanContext(0x1234, 0x56, is_remote=False, trace_flags=TraceFlags(1), trace_state=TraceState([("a", "1")]))


def handle():
    return handle_in(context.get_current())


def inside(span):
    return set_span_in_context(NonRecordingSpan(span))


def test_a_handle_holds_the_span_and_the_session_and_its_time():
    with set_session("conv-42", user_id="ada"):
        found = json.loads(handle_in(inside(SPAN)))
    at = found.pop("at")
    assert found == {
        "traceparent": "00-00000000000000000000000000001234-0000000000000056-01",
        "tracestate": "a=1",
        "baggage": "session.id=conv-42,user.id=ada",
    }
    assert int(at) > 1_700_000_000 * 10**9


def test_what_it_stands_for_is_found_again():
    with set_session("conv-42", user_id="ada", name="Plän"):
        text = handle_in(inside(SPAN))
    target = target_of(text)
    assert text.isascii()
    assert target.state.session == Session("conv-42", "ada", "Plän")
    assert target.span.get_span_context().span_id == SPAN.span_id
    assert target.at == int(json.loads(text)["at"])


def test_without_a_span_it_is_the_session_alone():
    with set_session("conv-42"):
        target = target_of(handle())
    assert (target.session_id, target.has_span) == ("conv-42", False)


def test_without_a_session_it_is_the_span_alone():
    with clear_session():
        target = target_of(handle_in(inside(SPAN)))
    assert (target.session_id, target.has_span) == (None, True)


def test_without_both_there_is_none():
    assert handle() == ""
    with clear_session():
        assert handle() == ""


def test_what_a_trace_is_bound_to_is_in_it(pipeline):
    with pipeline.tracer.start_as_current_span("turn"):
        bind_session("conv-42")
        assert target_of(handle()).session_id == "conv-42"


def test_the_baggage_of_others_is_not_in_it():
    with set_session("conv-42"):
        text = handle_in(baggage.set_baggage("secret", "xyzzy"))
    assert "xyzzy" not in text
    assert json.loads(text)["baggage"] == "session.id=conv-42"


@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_a_user_is_in_it_as_it_may_be_shown_and_stays_so(monkeypatch, mode):
    monkeypatch.setenv("OTEL_SESSION_USER_PRIVACY", mode)
    monkeypatch.setenv("OTEL_SESSION_USER_HASH_KEY", "a key of some length")
    with set_session("conv-42", user_id="ada"):
        text = handle()
        shown = state_of(Session("conv-42", "ada")).items
    assert "ada" not in text
    assert target_of(text).state.items == shown


def test_it_counts_where_callers_are_not_trusted(monkeypatch):
    with set_session("conv-42", user_id="ada"):
        text = handle()
    monkeypatch.setenv("OTEL_SESSION_TRUST_INCOMING", "false")
    assert target_of(text).state.session == Session("conv-42", "ada")


def test_making_one_never_raises(warnings, monkeypatch):
    monkeypatch.setattr("otel_sessions._conversation.handles.state_in", lambda _: 1 / 0)
    assert [handle(), handle()] == ["", ""]
    assert warnings() == ["otel_sessions: making a handle raised ZeroDivisionError, so there is none"]


def test_none_names_nothing_and_that_is_no_complaint(warnings):
    assert target_of(None) is None
    assert warnings() == []


def test_a_session_stands_for_itself():
    session = Session("conv-42", "ada", metadata={"k": "v"})
    assert target_of(session).state.session == session


@pytest.mark.parametrize(("outer", "user"), [("conv-42", "ada"), ("other", "ada"), (None, None)])
def test_an_id_inherits_as_set_session_does(outer, user):
    state = None if outer is None else state_of(Session(outer, "ada", "name"))
    session = target_of("conv-42", state).state.session
    assert session == Session("conv-42", user, "name" if outer == "conv-42" else None)


def test_a_carrier_stands_for_its_span_and_its_session(pipeline):
    with pipeline.tracer.start_as_current_span("turn") as span, set_session("conv-42"):
        targets = [
            target_of(to_carrier()),
            target_of(to_carrier(environ=True)),
            target_of({"baggage": b"session.id=a"}),
        ]
    turn = span.get_span_context().span_id
    assert [target.session_id for target in targets] == ["conv-42", "conv-42", "a"]
    assert [target.span.get_span_context().span_id for target in targets] == [turn, turn, 0]
    assert [target.at for target in targets] == [None] * 3


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param("1700000000000000000", 1_700_000_000 * 10**9, id="as it says"),
        pytest.param("0", None, id="1970"),
        pytest.param("1577836799999999999", None, id="before 2020"),
        pytest.param("1577836800000000000", 1_577_836_800 * 10**9, id="2020"),
        pytest.param(17, None, id="no text"),
        pytest.param("-1", None, id="negative"),
        pytest.param("1" * 400, None, id="long"),
        pytest.param("१७", None, id="not ASCII"),
    ],
)
def test_the_time_of_a_handle_is_a_number_or_not_there(at, expected):
    assert target_of(json.dumps({"baggage": "session.id=a", "at": at})).at == expected


def test_a_handle_is_not_of_the_future():
    future = target_of(json.dumps({"baggage": "session.id=a", "at": "9" * 19}))
    assert future.at < 9 * 10**18


class Hostile(str):
    __slots__ = ()

    def lstrip(self, *_):
        raise RuntimeError


CARRIER = json.dumps({"traceparent": "00-00000000000000000000000000001234-0000000000000056-01"})
WRAPPED = "this handle was written as JSON once more, or is in a list"


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        pytest.param("{", "this handle is no JSON", id="no JSON"),
        pytest.param('{"a":' * 3000, "this handle is no JSON", id="deep"),
        pytest.param("{" * 20000, "this handle is too long", id="long"),
        pytest.param("{}", "this handle has neither a session nor a span", id="empty"),
        pytest.param('{"baggage": "user.id=ada"}', "this handle has neither a session nor a span", id="user alone"),
        pytest.param('{"traceparent": "xyzzy"}', "this handle has neither a session nor a span", id="ill-formed"),
        pytest.param({}, "this carrier has neither a session nor a span", id="carrier"),
        pytest.param(Session(user_id="ada"), "this Session has no id", id="session without an id"),
        pytest.param(json.dumps(CARRIER), WRAPPED, id="written twice"),
        pytest.param(f" [{CARRIER}]", WRAPPED, id="list"),
        pytest.param(Hostile("a"), "reading it raised RuntimeError", id="hostile"),
        pytest.param("", "an empty text was given", id="empty text"),
        pytest.param(3.5, "float was given", id="number"),
        pytest.param(set_session("a"), "SessionScope was given", id="scope"),
        pytest.param(turn(), "this turn was not begun, or nothing records it", id="turn not begun"),
    ],
)
def test_what_is_broken_names_nothing_and_is_said_once(warnings, broken, complaint):
    found = [target_of(broken) for _ in range(2)]
    assert found == [NOTHING_FOUND] * 2
    (said,) = warnings()
    assert said.startswith(
        f"otel_sessions: session: {complaint}, so no session and no turn is named; "
        f"give it a turn or its handle (t.handle), or a session or its id ({__file__}"
    )


@pytest.mark.parametrize("odd", ['"quoted"', "[conv-42]"])
def test_an_id_may_look_odd(odd):
    assert target_of(odd).session_id == odd


@pytest.mark.parametrize("wrong", [3.5, "", b"conv-42", ["conv-42"]], ids=repr)
def test_what_is_no_id_names_nothing(warnings, wrong):
    assert target_of(wrong) is NOTHING_FOUND
    assert [said.split(":")[1] for said in warnings()] == [" session"]


def test_a_turn_is_what_its_handle_names(pipeline):
    with set_session("conv-42", user_id="ada"), turn("reply", tracer=pipeline.tracer) as one:
        pass
    found = target_of(one)
    assert found.session_id == "conv-42"
    assert found.span.get_span_context().span_id == one.span.get_span_context().span_id


def test_a_turn_outside_of_any_session_can_be_judged(pipeline):
    with turn("reply", tracer=pipeline.tracer) as one:
        pass
    found = target_of(one)
    assert (found.has_span, found.session_id) == (True, None)


values = st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.lists(st.text(), max_size=3))
handles = st.one_of(
    st.dictionaries(st.sampled_from(["traceparent", "tracestate", "baggage", "at", "x"]), values).map(json.dumps),
    st.text().map("{".__add__),
    st.text(alphabet="sesion.id=,;%20ur\ud800\x00").map(lambda text: json.dumps({"baggage": text, "at": text})),
)


@pytest.mark.warned_of
@given(handles)
def test_whatever_a_handle_holds_nothing_raises_and_what_is_found_can_be_used(text):
    target = target_of(text)
    assert isinstance(target.context, Context)
    assert target is NOTHING_FOUND or target.has_span or target.session_id
    assert target.session_id is None or (target.session_id.isascii() and 0 < len(target.session_id) <= 200)


@pytest.mark.warned_of
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200),
    st.text(min_size=1, max_size=50),
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
)
def test_what_is_written_is_read_again(session_id, user_id, trace_id, span_id):
    span = SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(1))
    with set_session(session_id, user_id=user_id) as session:
        target = target_of(handle_in(inside(span)))
    assert target.state.session == session
    assert (target.span.get_span_context().trace_id, target.span.get_span_context().span_id) == (trace_id, span_id)
