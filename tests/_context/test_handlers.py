"""A session that is set in a handler, or forgotten, is told at INFO; where the span around may hold many, nothing is."""

from __future__ import annotations

import inspect
import logging

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from otel_sessions import bind_session, clear_session, get_session, set_session, step, turn, update_session
from otel_sessions.sdk import instrument

SERVER, CONSUMER, INTERNAL = SpanKind.SERVER, SpanKind.CONSUMER, SpanKind.INTERNAL


@pytest.fixture
def told(caplog):
    """Return a function that tells what was said at INFO or louder, up to the place."""
    caplog.set_level(logging.INFO, "otel_sessions")

    def said():
        found = [record for record in caplog.records if record.name == "otel_sessions"]
        return [(record.levelname, record.getMessage().removeprefix("otel_sessions: ")) for record in found]

    return said


def names(told, *words):
    """Tell whether one thing was told, at INFO, of this file, with these ``words`` in it."""
    ((level, message),) = told()
    return level == "INFO" and f"({__file__}:" in message and all(word in message for word in words)


@pytest.fixture
def request_span(pipeline):
    """Return a function that opens the span of a request, as a server does."""

    def opened(name="POST /chat", kind=SERVER, **attributes):
        return pipeline.tracer.start_as_current_span(name, kind=kind, attributes=attributes)

    return opened


# The span around a handler


def in_the_handler():
    with set_session(session_id="conv-42"):
        pass


@set_session(session_id="conv-42")
def decorated():
    """Do nothing."""


@pytest.mark.parametrize("handler", [in_the_handler, decorated])
def test_a_scope_inside_the_span_of_a_server_is_told_of_bind_session(told, request_span, handler):
    for _ in range(2):
        with request_span():
            handler()
    assert names(told, "set_session: ", "bind_session()")


def test_a_scope_below_another_span_of_the_request_is_told_as_well(told, request_span, pipeline):
    with request_span(), pipeline.tracer.start_as_current_span("dependency"):
        in_the_handler()
    assert names(told, "bind_session()")


@pytest.mark.parametrize("kind", [SERVER, INTERNAL])
def test_a_turn_below_a_span_without_its_session_is_told(told, request_span, pipeline, kind):
    with request_span(kind=kind), set_session("conv-42"), turn("reply", tracer=pipeline.tracer):
        pass
    assert names(told, "bind_session()")


def test_a_second_session_of_a_trace_is_not_told(told, request_span, pipeline):
    with request_span(kind=INTERNAL):
        with set_session("conv-42"), turn("reply", tracer=pipeline.tracer):
            pass
        with set_session("conv-43"), turn("reply", tracer=pipeline.tracer):
            pass
    assert len(told()) == 1


@pytest.mark.parametrize(
    "around",
    [
        pytest.param({"name": "GET /ws"}, id="named"),
        pytest.param({"name": "websocket"}, id="named in full"),
        pytest.param({"url.scheme": "wss"}, id="scheme"),
        pytest.param({"http.scheme": "ws"}, id="old scheme"),
        pytest.param({"http.url": "ws://127.0.0.1/chat"}, id="old URL"),
        pytest.param({"kind": CONSUMER}, id="consumer"),
        pytest.param({"session.id": "conv-41"}, id="it has a session of its own"),
    ],
)
def test_a_span_that_may_hold_many_sessions_or_has_one_is_not_told(told, request_span, pipeline, around):
    with request_span(**around):
        in_the_handler()
        with set_session("conv-42"), turn("reply", tracer=pipeline.tracer):
            pass
    assert told() == []


def test_a_consumer_below_a_span_of_the_worker_is_not_told(told, request_span, pipeline):
    one = turn("reply", tracer=pipeline.tracer)
    with request_span(kind=INTERNAL), request_span(kind=CONSUMER), set_session("conv-42"), one:
        pass
    assert told() == []


def test_a_request_that_has_the_session_is_not_told(told, request_span, pipeline):
    with set_session("conv-42"), request_span():
        in_the_handler()
    with request_span():
        bind_session("conv-42")
        with set_session("conv-42"), turn("reply", tracer=pipeline.tracer):
            pass
    assert told() == []


def test_a_batch_of_sessions_without_turns_is_not_told(told, request_span, pipeline):
    with request_span(kind=INTERNAL):
        for number in range(3):
            with set_session(f"conv-{number}"):
                pipeline.tracer.start_span("answer").end()
    assert told() == []


def test_scopes_that_set_no_session_are_not_told(told, request_span):
    with request_span(), clear_session():
        pass
    with request_span(), update_session(user_id="ada"), step("outline"):
        pass
    assert told() == []


def test_a_span_that_nobody_stamps_is_not_told(told):
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("other")
    with tracer.start_as_current_span("POST /chat", kind=SERVER):
        in_the_handler()
    assert told() == []


def test_where_nobody_listens_nothing_is_looked_at(caplog, request_span):
    caplog.set_level(logging.WARNING, "otel_sessions")
    with request_span():
        in_the_handler()
    assert caplog.records == []


# A turn outside of any session


def test_a_turn_outside_of_any_session_is_told_of_set_session(told, pipeline):
    for _ in range(2):
        with turn("reply", tracer=pipeline.tracer), turn("part", tracer=pipeline.tracer):
            pass
    assert names(told, "turn: ", "set_session()")


def test_a_turn_with_a_stream_is_told_by_the_line_that_began_it(told, pipeline):
    with turn("reply", tracer=pipeline.tracer) as one:
        stream = one.wrap(iter(["a"]))
    assert told() == []
    list(stream)
    assert names(told, "set_session()")


def test_a_turn_that_is_bound_later_is_in_a_session(told, pipeline):
    with turn("reply", tracer=pipeline.tracer):
        bind_session("conv-42")
    assert told() == []


def test_a_turn_in_the_session_of_the_process_is_in_a_session(told, pipeline):
    instrument(pipeline.provider, session_id="auto")
    with turn("reply", tracer=pipeline.tracer):
        assert get_session() is not None
    assert told() == []


def test_a_turn_that_nobody_records_is_not_told(told):
    with turn("reply"):
        pass
    assert told() == []


# None for an id

missing = {}.get("conversation")


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(lambda: set_session(missing), id="first"),
        pytest.param(lambda: set_session(missing, user_id="ada"), id="first, with a user"),
        pytest.param(lambda: set_session(session_id=missing), id="by name"),
        pytest.param(lambda: set_session(None, missing), id="second"),
        pytest.param(lambda: set_session(Context(), missing, name="chat"), id="behind a Context"),
        pytest.param(lambda: set_session(session_id=missing)(print), id="decorator"),
        pytest.param(set_session(session_id=lambda: missing)(lambda: 7), id="callable"),
    ],
)
def test_a_none_for_a_session_id_is_told_once(told, given):
    for _ in range(2):
        given()
    assert names(told, "session_id: ", "None", "new session")


def test_a_none_for_the_session_to_bind_is_told(told, request_span):
    with request_span():
        bind_session(missing)
    assert names(told, "session_id: None was given", "current session")


def test_no_session_id_at_all_is_not_told(told, request_span):
    for scope in (
        set_session(),
        set_session(user_id="ada"),
        set_session(Context()),
        set_session(None, "conv-42"),
        set_session(ctx=None, session_id="conv-42"),
        set_session("conv-42", None),
    ):
        with scope as session:
            assert session.id is not None
    with request_span():
        bind_session()
        bind_session(user_id="ada")
    assert told() == []


def test_the_default_of_an_id_can_be_read():
    assert "session_id: 'Id' = <not given>" in str(inspect.signature(bind_session))
