"""Below a span that stands for its parent, as a tracer that is switched off makes them, a bound session is that of the parent."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.sdk import trace as sdk
from opentelemetry.trace import NonRecordingSpan, SpanKind, get_current_span, set_span_in_context, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_sessions import bind_session, clear_session, get_session, set_session, to_carrier
from otel_sessions._context import lives

pytestmark = pytest.mark.usefixtures("no_session_is_left_behind")


@pytest.fixture
def off(make_pipeline):
    """Return a pipeline in which the tracer ``quiet`` is switched off."""
    if not hasattr(sdk, "_TracerConfig"):
        pytest.skip("this SDK has no tracer configurator")
    return make_pipeline(_tracer_configurator=lambda scope: sdk._TracerConfig(is_enabled=scope.name != "quiet"))


@contextmanager
def by_hand(_provider):
    with use_span(NonRecordingSpan(get_current_span().get_span_context())):
        yield


@contextmanager
def switched_off(provider):
    with provider.get_tracer("quiet").start_as_current_span("quiet"):
        yield


@pytest.fixture(params=[by_hand, switched_off], ids=["by hand", "of a tracer that is off"])
def stand_in(request):
    return request.param


@pytest.fixture
def served(request, pipeline, stand_in):
    """Return the pipeline, in which ``stand_in`` works."""
    return request.getfixturevalue("off") if stand_in is switched_off else pipeline


def session_ids(pipeline):
    return {name: span.attributes.get("session.id") for name, span in pipeline.spans().items()}


@pytest.mark.parametrize("kind", [SpanKind.SERVER, SpanKind.INTERNAL])
def test_what_was_bound_above_holds_below(served, stand_in, kind):
    with served.tracer.start_as_current_span("root", kind=kind), served.tracer.start_as_current_span("view"):
        bind_session("conv-42")
        with stand_in(served.provider):
            assert get_session().id == "conv-42"
            assert to_carrier()["baggage"] == "session.id=conv-42"
            with served.tracer.start_as_current_span("child"), served.tracer.start_as_current_span("grandchild"):
                pass
    assert session_ids(served) == dict.fromkeys(("root", "view", "child", "grandchild"), "conv-42")


def test_what_is_bound_below_is_bound_for_the_request(served, stand_in):
    with served.tracer.start_as_current_span("root", kind=SpanKind.SERVER), served.tracer.start_as_current_span("view"):
        with stand_in(served.provider), served.tracer.start_as_current_span("child"):
            pass
        with stand_in(served.provider):
            bind_session("conv-42")
    assert session_ids(served) == {"root": "conv-42", "view": "conv-42", "child": None}


def test_a_span_below_is_of_the_same_life_so_that_a_later_bind_reaches_it(served, stand_in):
    with served.tracer.start_as_current_span("root", kind=SpanKind.SERVER), stand_in(served.provider):
        child = served.tracer.start_span("child")
        bind_session("conv-42")
        bind_session("conv-43")
        child.end()
    assert session_ids(served) == {"root": "conv-43", "child": "conv-43"}


def test_of_several_requests_in_one_trace_each_has_its_own_or_none(pipeline):
    caller = TraceContextTextMapPropagator().extract({"traceparent": f"00-{'5' * 32}-{'4' * 16}-01"}, Context())
    several = lives.MAX_BOUND + 2  # more than are known by their trace
    spans = [pipeline.tracer.start_span("request", caller, SpanKind.SERVER) for _ in range(several)]
    for number, span in enumerate(spans):
        with use_span(span):
            bind_session(f"conv-{number}")
    stand_ins = [set_span_in_context(NonRecordingSpan(span.get_span_context()), Context()) for span in spans]
    found = [getattr(get_session(each), "id", None) for each in stand_ins]
    assert found == [*(f"conv-{number}" for number in range(lives.MAX_BOUND)), None, None]
    for span in spans:
        span.end()


@pytest.mark.parametrize("is_ended", [True, False])
def test_what_stands_for_nothing_that_is_open_here_has_nothing_of_it(pipeline, is_ended):
    root = pipeline.tracer.start_span("root", kind=SpanKind.SERVER)
    with use_span(root):
        bind_session("conv-42")
    own = root.get_span_context()
    if is_ended:
        root.end()
    span_id = own.span_id if is_ended else own.span_id ^ 1
    other = NonRecordingSpan(trace.SpanContext(own.trace_id, span_id, is_remote=False, trace_flags=own.trace_flags))
    context = set_span_in_context(other, Context())
    pipeline.tracer.start_span("later", context).end()
    root.end()
    assert get_session(context) is None
    assert session_ids(pipeline) == {"root": "conv-42", "later": None}


def test_a_scope_that_was_opened_since_wins(served, stand_in):
    with served.tracer.start_as_current_span("root"):
        bind_session("conv-42")
        with stand_in(served.provider):
            with set_session("conv-43"):
                assert get_session(get_current()).id == "conv-43"
            with clear_session():
                assert get_session() is None
