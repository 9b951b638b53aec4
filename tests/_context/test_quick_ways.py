"""What is done in fewer steps for the common case is what it is in the long way."""

from __future__ import annotations

import dataclasses
import pickle
import uuid

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanLimits

from otel_sessions import Session, bind_session, from_carrier, get_session, set_session, update_session
from otel_sessions._context.process_session import follow
from otel_sessions._settings.settings import Settings, use_in_process


def test_a_made_id_is_a_uuid_of_version_4():
    made = [set_session().session.id for _ in range(64)]
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant, str(uuid.UUID(each)) == each) for each in made} == {
        (4, uuid.RFC_4122, True)
    }
    assert len(set(made)) == len(made)


def test_the_session_of_a_scope_is_as_anybody_makes_one():
    with set_session("conv-42", user_id="ada") as session:
        made = Session("conv-42", "ada")
        assert (session, hash(session), repr(session)) == (made, hash(made), repr(made))
        assert type(session) is Session
        assert pickle.loads(pickle.dumps(session)) == made  # noqa: S301  # our own
        assert dataclasses.replace(session, name="trip") == Session("conv-42", "ada", "trip")
        with pytest.raises(dataclasses.FrozenInstanceError):
            session.user_id = "eve"  # type: ignore[misc]


def test_a_new_session_has_its_user_cleaned(warnings):
    with set_session(user_id=" ada ") as session:
        assert session.user_id == "ada"
    with set_session(user_id="") as session:
        assert session.user_id is None
    assert len(warnings()) == 1


def test_a_new_session_inside_another_has_its_user_and_nothing_else_of_it():
    with set_session("outer", user_id="ada", name="trip", path="/outline"):
        with set_session() as made:
            assert made == Session(made.id, "ada")
        with set_session("inner") as inner:
            assert inner == Session("inner", "ada")
        with set_session("inner", user_id="bob") as inner:
            assert inner == Session("inner", "bob")
        with set_session("outer", user_id="bob") as same:
            assert same == Session("outer", "bob", "trip", "/outline")


def test_a_session_inside_that_of_a_caller_has_not_its_user():
    with from_carrier({"baggage": "session.id=callers,user.id=eve"}):
        with set_session("conv-42") as session:
            assert session == Session("conv-42")
        with set_session() as made:
            assert made.user_id is None


def test_what_was_kept_of_one_user_is_not_there_for_another():
    for user_id in ("ada", None, "bob", "ada"):
        with set_session("conv-42", user_id=user_id) as session:
            assert session == Session("conv-42", user_id)


def test_foreign_baggage_around_and_inside_stays_in_its_order():
    token = context.attach(baggage.set_baggage("theirs", "1"))
    with set_session("outer", user_id="ada"):
        inside = context.attach(baggage.set_baggage("also", "2"))
        with set_session("inner"), update_session(name="trip"):
            assert [*baggage.get_all().items()] == [
                ("session.id", "inner"),
                ("user.id", "ada"),
                ("session.name", "trip"),
                ("theirs", "1"),
                ("also", "2"),
            ]
        context.detach(inside)
        assert [*baggage.get_all()] == ["session.id", "user.id", "theirs"]
    assert dict(baggage.get_all()) == {"theirs": "1"}
    context.detach(token)


def test_entering_in_a_context_of_its_own_never_raises(monkeypatch, warnings):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("otel_sessions._context.scope.enter", broken)
    with set_session(Context(), "conv-42") as session:
        assert session == Session()
    assert "entering a scope raised ZeroDivisionError" in warnings()[0]
    assert get_session() is None


def _shown(pipeline):
    span = pipeline.tracer.start_span("open", attributes={"session.id": "conv-42", "session.name": "trip"})
    return span, trace.set_span_in_context(span)


def _in_baggage(pipeline):
    span = pipeline.tracer.start_span("open")
    held = baggage.set_baggage("session.name", "trip", baggage.set_baggage("session.id", "conv-42"))
    return span, trace.set_span_in_context(span, held)


def _bound(pipeline):
    span = pipeline.tracer.start_span("open")
    with trace.use_span(span):
        bind_session("conv-42", name="trip")
    return span, trace.set_span_in_context(span)


def _bound_and_over(pipeline):
    span, held = _bound(pipeline)
    span.end()
    return span, held


def _bound_and_without_room(pipeline):
    return _bound(type(pipeline)(span_limits=SpanLimits(max_span_attributes=0)))


@pytest.mark.parametrize("named", [_shown, _in_baggage, _bound, _bound_and_over, _bound_and_without_room])
def test_a_scope_inside_of_a_span_has_the_rest_of_the_same_session(pipeline, named):
    span, held = named(pipeline)
    token = context.attach(held)
    with set_session("conv-42") as session:
        assert session.name == "trip"
    with set_session("conv-43") as other:
        assert other.name is None
    context.detach(token)
    span.end()


def test_a_scope_inside_of_a_span_has_the_user_of_the_process(pipeline):
    use_in_process(Settings.resolved(user_id="ada"))
    follow(Settings.resolved(user_id="ada"))
    with pipeline.tracer.start_as_current_span("open"), set_session("conv-42") as session:
        assert session.user_id == "ada"
