"""What keeps the current Context may be of another make, and lose what others attach (ddtrace's, with ``DD_TRACE_OTEL_ENABLED``)."""

from __future__ import annotations

import sys

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as context_api
from opentelemetry.context.context import _RuntimeContext
from opentelemetry.propagate import inject

from otel_sessions import get_session, set_session, to_carrier, turn
from otel_sessions._context import entry
from otel_sessions._context.runtime import quickest


class Losing(_RuntimeContext):
    """As ddtrace's: it keeps the span and the baggage of what is attached below a span, and gives nothing back."""

    def __init__(self):
        self._span, self._baggage = trace.INVALID_SPAN, {}

    def attach(self, context):
        span = trace.get_current_span(context)
        if span is not trace.INVALID_SPAN:
            self._span, self._baggage = span, dict(baggage.get_all(context))
        return object()

    def get_current(self):
        context = context_api.Context()
        for key, value in self._baggage.items():
            context = baggage.set_baggage(key, value, context)
        return context if self._span is trace.INVALID_SPAN else trace.set_span_in_context(self._span, context)

    def detach(self, token):
        """Do nothing."""


@pytest.fixture
def losing(monkeypatch):
    runtime, known = Losing(), (entry.get_current, entry.attach)
    monkeypatch.setattr(context_api, "_RUNTIME_CONTEXT", runtime)
    names = {id(known[0]): "get_current", id(known[1]): "attach"}
    found = dict(zip(("get_current", "attach"), quickest(), strict=True))
    for module in [module for name, module in sys.modules.items() if name.startswith("otel_sessions.")]:
        for name, value in list(vars(module).items()):
            if names.get(id(value)) == name:
                monkeypatch.setattr(module, name, found[name])
    return runtime


def test_no_session_is_carried_where_it_could_not_be_taken_away_and_that_is_said_once(losing, pipeline, warnings):
    span = pipeline.tracer.start_span("request")
    losing.attach(trace.set_span_in_context(span))
    for number in range(2):
        with set_session(f"conv-{number}", user_id="ada"):
            assert (get_session(), dict(baggage.get_all())) == (None, {})
        headers = {}
        inject(headers)
        assert (get_session(), to_carrier().get("baggage"), headers.get("baggage")) == (None, None, None)
    (message,) = warnings()
    assert "DD_TRACE_OTEL_ENABLED" in message


@pytest.mark.warned_of("keeps the current Context")
def test_a_turn_is_current_all_the_same(losing, pipeline):  # noqa: ARG001
    with set_session("conv-42"), turn("reply", tracer=pipeline.tracer) as this:
        assert trace.get_current_span() is this.span
        pipeline.tracer.start_span("inside").end()
    assert pipeline.spans()["inside"].parent.span_id == this.span.get_span_context().span_id
