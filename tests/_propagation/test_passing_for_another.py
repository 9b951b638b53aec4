"""A guard passes for the propagator that it wraps: tools that look for one of their own find it (Logfire's `attach_context`)."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import pytest
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator

from otel_sessions import get_session, set_session
from otel_sessions.sdk import SessionPropagator, instrument, uninstrument


@dataclass
class Wrapping(TextMapPropagator):
    """As Logfire's: it takes the trace out of what comes in, and tells whoever asks what it wraps."""

    wrapped: TextMapPropagator
    asked: list[object] = field(default_factory=list)

    def extract(self, carrier, context=None, *args, **options):
        self.asked.append(carrier)
        found = self.wrapped.extract(carrier, context, *args, **options)
        return trace.set_span_in_context(trace.get_current_span(context), found)

    def inject(self, *args, **options):
        return self.wrapped.inject(*args, **options)

    @property
    def fields(self):
        return self.wrapped.fields


@pytest.fixture(params=["instrument", "by hand"])
def guarded(request, pipeline):
    """Return how to put a guard around a propagator, and make it global."""

    def start(inner, **settings):
        propagate.set_global_textmap(inner)
        if request.param == "instrument":
            instrument(pipeline.provider, **settings)
        else:
            propagate.set_global_textmap(SessionPropagator(propagate.get_global_textmap(), **settings))
        return propagate.get_global_textmap()

    yield start
    uninstrument(pipeline.provider)


def own(propagator):
    """Return what is inside of those of one's own, as `attach_context` looks for it."""
    while isinstance(propagator, Wrapping):
        propagator = propagator.wrapped
    return propagator


def test_what_a_tool_has_put_around_is_found_by_its_class_and_passed_by(guarded, pipeline):
    wrapping = Wrapping(Wrapping(propagate.get_global_textmap()))
    found = own(guarded(wrapping))
    assert isinstance(found, CompositePropagator)
    with set_session("conv-42", user_id="ada"), pipeline.tracer.start_as_current_span("turn") as span:
        carrier = {}
        propagate.inject(carrier)
    context = found.extract(carrier)
    assert trace.get_current_span(context).get_span_context().span_id == span.get_span_context().span_id
    assert (get_session(context).id, wrapping.asked) == ("conv-42", [])


def test_what_is_found_is_guarded_as_the_whole_is(guarded, pipeline):
    guard = guarded(Wrapping(propagate.get_global_textmap()), trust_incoming=False, propagate_to="none")
    assert own(guard) is own(guard)
    assert isinstance(own(guard), SessionPropagator)
    assert get_session(own(guard).extract({"baggage": "session.id=theirs"})) is None
    carrier = {}
    with (
        set_session("conv-42"),
        pipeline.tracer.start_as_current_span(
            "GET", kind=trace.SpanKind.CLIENT, attributes={"server.address": "localhost"}
        ),
    ):
        own(guard).inject(carrier)
    assert "conv-42" not in str(carrier)
    assert guard.refusals() == {"localhost": 1}


def test_it_is_a_guard_all_the_same(guarded):
    wrapping = Wrapping(propagate.get_global_textmap())
    guard = guarded(wrapping)
    assert isinstance(guard, SessionPropagator)
    assert isinstance(copy.copy(guard), SessionPropagator)
    assert guard.asked is wrapping.asked
    with pytest.raises(AttributeError, match="nothing"):
        _ = guard.nothing


def test_another_one_that_takes_its_place_inside_is_found(guarded):
    wrapping = Wrapping(propagate.get_global_textmap())
    guard = guarded(wrapping)
    before = guard.wrapped
    wrapping.wrapped = CompositePropagator([])
    assert guard.wrapped is not before
    assert guard.wrapped.inner is wrapping.wrapped


def test_a_guard_inside_of_what_a_tool_has_put_around_ends_with_the_others(pipeline):
    """As where `logfire.configure()` comes after `instrument()`."""
    instrument(pipeline.provider, incoming_headers={"session.id": "x-session-id"})
    propagate.set_global_textmap(Wrapping(propagate.get_global_textmap()))
    assert get_session(propagate.extract({"x-session-id": "conv-42"})).id == "conv-42"
    uninstrument(pipeline.provider)
    assert get_session(propagate.extract({"x-session-id": "conv-42"})) is None
    assert propagate.extract({}, Context()) == trace.set_span_in_context(trace.INVALID_SPAN, Context())
