"""A span that somebody ends in the middle of a bind has all of one session: never the id of one and the user of another."""

from __future__ import annotations

import threading

import pytest
from opentelemetry.sdk.trace import Span

from otel_sessions import bind_session, set_session
from otel_sessions._pipeline import span_processor

BEFORE = {"session.id": "before", "user.id": "ada", "session.name": "Trip"}
BOUND = {"session.id": "bound", "user.id": "bob"}


def ended_here(span):
    span.end()
    return threading.current_thread()


def ended_elsewhere(span):
    """Return as soon as another thread has begun to end the span: it may have to wait for the bind."""
    thread = threading.Thread(target=span.end)
    thread.start()
    while span.is_recording():
        thread.join(0.001)
    return thread


@pytest.fixture(params=[ended_here, ended_elsewhere], ids=["by the same thread", "by another thread"])
def end(request):
    return request.param


@pytest.fixture(params=[BEFORE, BOUND], ids=["before it is stamped", "after"])
def bound(request, end, monkeypatch):
    """Return a function that binds, whereupon the span is ended that is then stamped, and that tells what has to be on it."""
    real, real_put, ending = Span.set_attributes, span_processor.put_open, []

    def overtaken(span, put):
        if request.param is BOUND:
            put()
        if span.name == "ended" and not ending:
            ending.append(end(span))
        if span.is_recording():  # else the SDK would refuse it, and say so
            put()

    def bind():
        monkeypatch.setattr(Span, "set_attributes", lambda span, *given: overtaken(span, lambda: real(span, *given)))
        monkeypatch.setattr(
            span_processor, "put_open", lambda span, *given: overtaken(span, lambda: real_put(span, *given))
        )
        bind_session("bound", user_id="bob")
        monkeypatch.undo()
        for thread in {*ending} - {threading.current_thread()}:
            thread.join()
        return request.param

    return bind


@pytest.fixture
def current(pipeline):
    def start(**attributes):
        return pipeline.tracer.start_as_current_span("ended", attributes=attributes, end_on_exit=False)

    return start


@pytest.mark.warned_of("raised AttributeError")
def test_it_has_the_session_of_its_scope_or_that_of_the_bind(bound, current, pipeline):
    with pipeline.tracer.start_as_current_span("server"), set_session("before", user_id="ada", name="Trip"), current():
        expected = bound()
    assert pipeline.attributes("ended") == expected


@pytest.mark.warned_of("raised AttributeError")
def test_it_has_the_first_session_or_the_second(bound, current, pipeline):
    with pipeline.tracer.start_as_current_span("server"):
        bind_session("before", user_id="ada", name="Trip")
        with current():
            expected = bound()
    assert pipeline.attributes("ended") == expected


def test_it_has_no_session_or_that_of_the_bind(bound, current, pipeline):
    with current():
        expected = bound()
    assert pipeline.attributes("ended") == (expected if expected is BOUND else {})


@pytest.mark.warned_of("raised AttributeError")
def test_what_it_has_named_itself_is_kept_beside_the_session_that_it_has(bound, current, pipeline):
    with set_session("before", user_id="ada", name="Trip"), current(**{"session.id": "theirs"}):
        expected = bound()
    assert pipeline.attributes("ended") == {**expected, "session.displaced_id": "theirs"}


@pytest.mark.warned_of("raised AttributeError")
def test_what_others_have_named_since_is_kept_beside_the_session_that_it_has(bound, current, pipeline):
    with set_session("before", user_id="ada", name="Trip"), current() as span:
        span.set_attribute("session.id", "theirs")
        expected = bound()
    assert pipeline.attributes("ended") == {**expected, "session.displaced_id": "theirs"}
