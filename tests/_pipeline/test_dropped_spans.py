"""A span that a sampler drops is known by its session all the same, where that is all that is left of a Context."""

from __future__ import annotations

import asyncio
import copy
import pickle
from contextlib import contextmanager

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceState, set_span_in_context

from otel_sessions import bind_session, clear_session, get_session, set_session, to_carrier, update_session
from otel_sessions._pipeline.dropping import RememberingSampler
from otel_sessions._propagation.trace_state import destination_of
from otel_sessions.sdk import ParentBasedSessionRatio, SessionRatioSampler, instrument, uninstrument

pytestmark = pytest.mark.usefixtures("no_session_is_left_behind")

_DROPPED = SamplingResult(Decision.DROP)


class Named(Sampler):
    """Drops what is called so, and always with the same result."""

    def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, links=None):  # noqa: ARG002, PLR0913, PLR0917
        return _DROPPED if name == "dropped" else SamplingResult(Decision.RECORD_AND_SAMPLE)

    def get_description(self):
        return "Named"


SAMPLERS = [
    pytest.param(lambda: ALWAYS_OFF, id="off"),
    pytest.param(lambda: DEFAULT_OFF, id="off by the parent"),
    pytest.param(lambda: TraceIdRatioBased(0.0), id="ratio"),
    pytest.param(lambda: ParentBased(TraceIdRatioBased(0.0)), id="ratio by the parent"),
    pytest.param(lambda: SessionRatioSampler(0.0), id="ratio of sessions"),
    pytest.param(lambda: ParentBasedSessionRatio(0.0), id="ratio of sessions by the parent"),
    pytest.param(lambda: ParentBased(SessionRatioSampler(0.0)), id="ratio of sessions in one of the SDK"),
    pytest.param(Named, id="of the application"),
]


def tracer_of(sampler):
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    instrument(provider)
    return provider.get_tracer("tests")


def dropped(tracer, within=None):
    span = tracer.start_span("dropped", within)
    assert not span.is_recording()
    return span


@contextmanager
def alone(span):
    """Make a Context current that has nothing but ``span``."""
    token = attach(set_span_in_context(span, Context()))
    try:
        yield
    finally:
        detach(token)


def found_below(span):
    with alone(span):
        session = get_session()
    return None if session is None else (session.id, session.user_id)


def remote(flags=0):
    return NonRecordingSpan(SpanContext(7, 8, is_remote=True, trace_flags=trace.TraceFlags(flags)))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_below_a_dropped_span_its_session_is_found_and_sent(sampler):
    tracer = tracer_of(sampler())
    with set_session(session_id="conv-42", user_id="ada"):
        span = dropped(tracer)
    assert found_below(span) == ("conv-42", "ada")
    with alone(span):
        assert to_carrier()["baggage"] == "session.id=conv-42,user.id=ada"
        below = dropped(tracer)
    assert found_below(below) == ("conv-42", "ada")


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_each_dropped_span_has_the_session_that_it_was_started_in(sampler):
    tracer = tracer_of(sampler())
    with set_session(session_id="conv-1"), trace.use_span(dropped(tracer)):
        with set_session(session_id="conv-2"):
            other = dropped(tracer)
        with clear_session():
            cleared = dropped(tracer)
        empty = dropped(tracer, Context())
    assert [found_below(span) for span in (other, cleared, empty)] == [("conv-2", None), None, None]
    assert found_below(dropped(tracer)) is None


def test_with_the_default_sampler_what_a_caller_has_not_sampled_has_the_callers_session():
    tracer = tracer_of(DEFAULT_ON)
    received = propagate.extract({"traceparent": f"00-{7:032x}-{8:016x}-00", "baggage": "session.id=conv-42"})
    assert found_below(dropped(tracer, received)) == ("conv-42", None)


def test_a_recorded_span_below_a_dropped_one_is_stamped():
    provider, exporter = TracerProvider(sampler=Named(), shutdown_on_exit=False), InMemorySpanExporter()
    instrument(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("tests")
    with set_session(session_id="conv-42", user_id="ada"):
        span = dropped(tracer)
    with alone(span):
        tracer.start_span("recorded").end()
    (found,) = exporter.get_finished_spans()
    assert dict(found.attributes) == {"session.id": "conv-42", "user.id": "ada"}


def test_a_log_record_below_a_dropped_span_has_its_session():
    provider, exporter = LoggerProvider(shutdown_on_exit=False), InMemoryLogRecordExporter()
    instrument(tracer_provider := TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False), provider)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    with set_session(session_id="conv-42"):
        span = dropped(tracer_provider.get_tracer("tests"))
    with alone(span):
        provider.get_logger("tests").emit(body="said")
    (found,) = exporter.get_finished_logs()
    assert found.log_record.attributes["session.id"] == "conv-42"


def test_what_the_trace_is_bound_to_is_found_first():
    tracer = tracer_of(ALWAYS_OFF)
    with set_session(session_id="conv-1"):
        span = dropped(tracer)
    with trace.use_span(span):
        bind_session("conv-2")
        below = dropped(tracer)
    assert [found_below(each) for each in (span, below)] == [("conv-2", None)] * 2


def test_a_tracer_that_was_made_before_is_changed_as_well():
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    tracer = provider.get_tracer("tests")
    if not hasattr(provider, "_tracers"):  # older SDKs keep none; these are for who looks as if they did
        provider._tracers = {"tests": tracer}
    instrument(provider)
    with set_session(session_id="conv-42"):
        assert found_below(dropped(tracer)) == ("conv-42", None)


# --- what stays as it was


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_sampler_says_what_it_said(sampler):
    before = sampler()
    provider = TracerProvider(sampler=before, shutdown_on_exit=False)
    instrument(provider)
    once = provider.sampler
    instrument(provider)
    assert provider.sampler is once
    assert (repr(once)[:60], once.get_description()) == (repr(before)[:60], before.get_description())
    assert copy.copy(once).get_description() == before.get_description()


def test_what_a_sampler_of_the_application_has_besides_is_there():
    before = Named()
    before.rate = 0.5
    provider = TracerProvider(sampler=before, shutdown_on_exit=False)
    instrument(provider)
    assert provider.sampler.rate == 0.5
    with pytest.raises(AttributeError):
        _ = provider.sampler.others


@pytest.mark.parametrize("sampler", [ALWAYS_ON, ParentBased(ALWAYS_ON, ALWAYS_ON, ALWAYS_ON, ALWAYS_ON, ALWAYS_ON)])
def test_a_sampler_that_drops_nothing_is_left_as_it_is(sampler):
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    instrument(provider)
    assert provider.sampler is sampler


def test_the_default_sampler_of_other_providers_is_left_as_it_is():
    before = dict(vars(DEFAULT_OFF))
    tracer_of(DEFAULT_OFF)
    assert vars(DEFAULT_OFF) == before
    with set_session(session_id="conv-42"):
        span = dropped(TracerProvider(sampler=DEFAULT_OFF, shutdown_on_exit=False).get_tracer("tests"))
    assert found_below(span) is None


@pytest.mark.warned_of("TracerProvider")
@pytest.mark.parametrize("provider", [trace.NoOpTracerProvider(), trace.ProxyTracerProvider()])
def test_a_provider_of_another_make_is_left_as_it_is(provider):
    instrument(provider)
    assert not hasattr(provider, "sampler")


def test_a_provider_that_another_one_holds_is_changed():
    class Proxy(trace.TracerProvider):
        """As Logfire's."""

        def __init__(self, provider):
            self.provider, self.add_span_processor = provider, provider.add_span_processor

        def get_tracer(self, *args, **kwargs):
            return self.provider.get_tracer(*args, **kwargs)

    provider = Proxy(TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False))
    instrument(provider)
    with set_session(session_id="conv-42"):
        assert found_below(dropped(provider.get_tracer("tests"))) == ("conv-42", None)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_is_sent_of_the_tracestate_is_what_it_was(sampler):
    def sent(tracer):
        parent = SpanContext(
            7, 8, is_remote=True, trace_state=TraceState([("vendor", "x"), ("ot", "rv:00000000000001")])
        )
        within = set_span_in_context(NonRecordingSpan(parent), Context())
        with set_session(within, session_id="conv-42"):
            context = dropped(tracer).get_span_context()
        return context.trace_state.to_header(), destination_of(context)

    assert sent(tracer_of(sampler())) == sent(TracerProvider(sampler=sampler(), shutdown_on_exit=False).get_tracer("t"))


def test_where_a_dropped_client_span_would_have_gone_is_still_remembered():
    tracer = tracer_of(ParentBasedSessionRatio(0.0))
    with set_session(session_id="conv-42"), trace.use_span(dropped(tracer)):
        span = tracer.start_span("call", kind=SpanKind.CLIENT, attributes={"server.address": "x.internal"})
    assert destination_of(span.get_span_context()).attributes == {"server.address": "x.internal"}


# --- who does not find it


def test_what_is_no_dropped_span_of_this_process_knows_nothing():
    tracer = tracer_of(ALWAYS_OFF)
    with set_session(session_id="conv-42"):
        known = dropped(tracer).get_span_context()
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    others = [
        SpanContext(known.trace_id, known.span_id, is_remote=True, trace_state=known.trace_state),
        SpanContext(known.trace_id, known.span_id, is_remote=False, trace_flags=flags, trace_state=known.trace_state),
        SpanContext(known.trace_id, known.span_id, is_remote=False, trace_state=known.trace_state.add("a", "b")),
        pickle.loads(pickle.dumps(known)),  # noqa: S301  # our own
        copy.deepcopy(known),
    ]
    assert [found_below(NonRecordingSpan(each)) for each in others] == [None] * len(others)


def test_baggage_of_the_context_goes_first():
    tracer = tracer_of(ALWAYS_OFF)
    with set_session(session_id="conv-1"):
        span = dropped(tracer)
    token = attach(baggage.set_baggage("session.id", "conv-2", set_span_in_context(span, Context())))
    assert get_session().id == "conv-2"
    detach(token)


def test_disabled_nothing_is_changed_and_nothing_sent():
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    instrument(provider, disabled=True)
    assert provider.sampler is ALWAYS_OFF
    instrument(provider)
    with set_session(session_id="conv-42"):
        before = dropped(provider.get_tracer("tests"))
    instrument(provider, disabled=True)
    with alone(before):
        assert "baggage" not in to_carrier()
    with set_session(session_id="conv-42"):
        span = dropped(provider.get_tracer("tests"))
    assert found_below(span) is None
    uninstrument(provider)


def test_a_tracestate_without_a_place_for_it_is_left_with_one_warning(warnings):
    class Slots(Sampler):
        def should_sample(self, *_args, **_kwargs):
            return SamplingResult(Decision.DROP, None, "a=b")

        def get_description(self):
            return "Slots"

    sampler = Slots()
    instrument(provider := TracerProvider(sampler=sampler, shutdown_on_exit=False))
    with set_session(session_id="conv-42"):
        for _ in range(2):
            assert provider.sampler.should_sample(None, 7, "dropped").trace_state == "a=b"
    assert warnings() == ["otel_sessions: what a dropped span is to know of its session raised TypeError"]


# --- in a framework


@pytest.mark.parametrize("sampler", SAMPLERS[:6])
def test_below_starlettes_own_span_the_session_of_the_caller_is_found_sampled_or_not(sampler):
    own = pytest.importorskip("starlette.middleware.opentelemetry")
    from starlette.applications import Starlette  # what comes with it
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def chat(_request):
        return JSONResponse([get_session().id, to_carrier()["baggage"]])

    provider = TracerProvider(sampler=sampler(), shutdown_on_exit=False)
    instrument(provider)
    app = Starlette(routes=[Route("/", chat)])
    app.add_middleware(own.OpenTelemetryMiddleware, tracer_provider=provider)

    async def ask():
        import httpx

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            return (await client.get("/", headers={"baggage": "session.id=conv-42"})).json()

    assert asyncio.run(ask()) == ["conv-42", "session.id=conv-42"]


class Turned(Named):
    """Drops what it is told to drop."""

    drops = "dropped"

    def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, links=None):  # noqa: ARG002, PLR0913, PLR0917
        return SamplingResult(Decision.DROP if name == self.drops else Decision.RECORD_AND_SAMPLE)


def test_an_application_sees_its_own_sampler_and_may_turn_it():
    sampler = Turned()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    instrument(provider)
    assert isinstance(provider.sampler, Turned)
    provider.sampler.drops = "other"
    assert sampler.drops == "other"
    tracer = provider.get_tracer("tests")
    assert tracer.start_span("dropped").is_recording()
    assert not tracer.start_span("other").is_recording()
    for twin in (copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))):  # noqa: S301  # its own
        assert twin(provider.sampler).drops == "other"


class Around(Named):
    """Has all that the sampler inside of it has, and drops nothing."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def should_sample(self, *_args, **_kwargs):
        return SamplingResult(Decision.RECORD_AND_SAMPLE)


def test_what_an_application_has_put_around_a_sampler_of_ours_stays_there():
    provider = TracerProvider(sampler=Around(SessionRatioSampler(0.0)), shutdown_on_exit=False)
    instrument(provider)
    assert provider.get_tracer("tests").start_span("work").is_recording()


@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF], ids=["recorded", "dropped"])
def test_a_span_with_a_user_alone_has_no_session_to_hand_on(sampler):
    tracer = tracer_of(sampler)
    with update_session(user_id="ada"):
        span = tracer.start_span("work")
    with alone(span):
        assert get_session() is None


def test_a_sampler_that_is_not_made_yet_has_no_other_one():
    with pytest.raises(AttributeError):
        _ = RememberingSampler.__new__(RememberingSampler).inner
