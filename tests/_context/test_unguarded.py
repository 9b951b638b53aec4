"""That the session goes to every host is said where it does, by whoever reads its baggage, and only there."""

from __future__ import annotations

import copy
import pickle

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagate import set_global_textmap
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.jaeger import JaegerPropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_sessions import set_session, step, to_carrier, turn, update_session
from otel_sessions._context import unguarded
from otel_sessions.sdk import SessionPropagator, SessionSpanProcessor
from otel_sessions.testing import InMemoryPipeline

SAID = "send the session to every host that is called"


@pytest.fixture(autouse=True)
def _no_provider(monkeypatch):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)


@pytest.fixture(params=["w3c", "with the trace", "jaeger"], autouse=True)
def propagator(request):
    both = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
    made = {"w3c": W3CBaggagePropagator(), "with the trace": both, "jaeger": JaegerPropagator()}[request.param]
    set_global_textmap(made)
    return made


def by_function():
    carrier = {}
    propagate.inject(carrier)
    return carrier


def by_propagator():
    carrier = {}
    propagate.get_global_textmap().inject(carrier)
    return carrier


def sent(way=by_function):
    with trace.use_span(trace.NonRecordingSpan(trace.SpanContext(1, 1, is_remote=False))):
        return "".join(way().values())


@pytest.mark.parametrize("way", [by_function, by_propagator])
@pytest.mark.parametrize(
    "scope", [lambda: set_session("conv-42"), lambda: update_session(user_id="conv-42")], ids=["session", "user"]
)
def test_a_call_that_sends_the_session_is_said_once_also_without_an_sdk(way, scope, warnings):
    for _ in range(3):
        with scope(), step("outline"):
            assert "conv-42" in sent(way)
    (said,) = warnings()
    assert SAID in said
    assert "OTEL_PROPAGATORS=tracecontext,session_baggage" in said


def test_nothing_is_said_where_nothing_is_sent(warnings):
    with set_session("conv-42"):
        assert baggage.get_all()["session.id"] == "conv-42"
        assert dict(baggage.get_all().items()) == {"session.id": "conv-42"}
        to_carrier()
        W3CBaggagePropagator().inject({})  # the application's own doing
    sent()
    with step("outline"):  # no id
        sent()
    assert warnings() == []


def test_nothing_is_said_of_guarded_propagators(propagator, warnings):
    set_global_textmap(SessionPropagator(propagator))
    with set_session("conv-42"):
        sent()
    assert warnings() == []


def test_nothing_is_said_of_propagators_that_were_exchanged_inside(propagator, warnings):
    with set_session("conv-42"):
        set_global_textmap(SessionPropagator(propagator))
        sent()
    assert warnings() == []


def test_nothing_is_said_where_all_is_switched_off(monkeypatch, warnings):
    with set_session("conv-42"):
        monkeypatch.setattr(unguarded, "in_process", lambda: type("Off", (), {"disabled": True}))
        sent()
    assert warnings() == []


def test_nothing_is_said_in_a_pipeline_for_tests(warnings):
    pipeline = InMemoryPipeline()
    with set_session("conv-42"), turn("chat", tracer=pipeline.tracer):
        sent()
    assert warnings() == []


@pytest.mark.parametrize("has_ours", [True, False])
def test_both_slips_are_said_in_one_message_and_neither_twice(has_ours, warnings):
    provider = TracerProvider(shutdown_on_exit=False)
    if has_ours:
        provider.add_span_processor(SessionSpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    tracer = provider.get_tracer("app")
    for _ in range(3):
        with set_session("conv-42"), tracer.start_as_current_span("work"):
            tracer.start_span("call").end()
        with set_session("conv-42"), turn("chat", tracer=tracer):
            sent()
    (said,) = warnings()
    assert SAID in said
    assert ("no span processor of this package" in said) is not has_ours


def test_it_is_not_looked_for_ever_who_reads(warnings):
    with set_session("conv-42"):
        items = baggage.get_all()
        for _ in range(20):
            assert list(items.items()) == [("session.id", "conv-42")]
        sent()
    assert warnings() == []
    with set_session("conv-42"):
        sent()
    assert len(warnings()) == 1


def pickled(items):
    return pickle.loads(pickle.dumps(items))  # noqa: S301  # its own


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_of_the_baggage_is_a_plain_one_that_any_process_reads(copied):
    with set_session("conv-42"):
        items = context.get_current()[unguarded.baggage.CONTEXT_KEY]
        assert type(items) is not dict
        assert type(copied(items)) is dict
        assert copied(items) == {"session.id": "conv-42"}


def test_with_a_processor_of_ours_nobody_else_looks(warnings):
    SessionSpanProcessor()
    with set_session("conv-42"):
        sent()
    assert warnings() == []


def test_looking_never_raises(monkeypatch, warnings):
    monkeypatch.setattr(unguarded, "_is_sent_by", lambda _: 1 / 0)
    with set_session("conv-42"):
        assert "conv-42" in sent()
    assert warnings() == []


def test_a_baggage_that_is_kept_elsewhere_is_left_alone(monkeypatch, warnings):
    monkeypatch.setattr(unguarded.baggage, "CONTEXT_KEY", None)
    with set_session("conv-42"):
        assert type(context.get_current()) is not Context
        sent()
    assert warnings() == []
