"""That ``instrument()`` was forgotten is said once, with the remedy, and nothing is said where nothing is wrong."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import ExitStack, nullcontext

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, SpanProcessor, SynchronousMultiSpanProcessor
from opentelemetry.sdk.trace import TracerProvider as SDKTracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind

import otel_sessions
from otel_sessions import (
    bind_session,
    check_equals,
    clear_session,
    from_carrier,
    get_session,
    log,
    set_session,
    step,
    to_carrier,
    turn,
    update_session,
)
from otel_sessions._context import stampers, unstamped
from otel_sessions._context.unstamped import WATCHES
from otel_sessions.sdk import (
    ParentBasedSessionRatio,
    SessionRatioSampler,
    SessionSpanProcessor,
    instrument,
    uninstrument,
)
from otel_sessions.testing import InMemoryPipeline

CARRIER = {"baggage": "session.id=conv-42"}


def make_provider(*processors, **options):
    """Return a provider that exports, as an application has it."""
    provider = SDKTracerProvider(shutdown_on_exit=False, **options)
    for processor in processors:
        provider.add_span_processor(processor)
    provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    return provider


@pytest.fixture
def provider(monkeypatch):
    """The global provider; nobody has called ``instrument()``."""
    provider = make_provider()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return provider


@pytest.fixture
def tracer(provider):
    return provider.get_tracer("app")


def current(tracer):
    with tracer.start_as_current_span("work"):
        pass


def not_current(tracer):
    tracer.start_span("work").end()


def by_decorator(tracer):
    set_session("conv-42")(current)(tracer)


def by_coroutine(tracer):
    @set_session("conv-42")
    async def work():
        await asyncio.sleep(0)
        current(tracer)

    asyncio.run(work())


def by_async_with(tracer):
    async def work():
        async with set_session("conv-42"):
            current(tracer)

    asyncio.run(work())


def by_generator(tracer):
    @set_session("conv-42")
    def work():
        current(tracer)
        yield 1

    assert list(work()) == [1]


def by_async_generator(tracer):
    @set_session("conv-42")
    async def work():
        current(tracer)
        yield 1

    async def consume():
        return [each async for each in work()]

    assert asyncio.run(consume()) == [1]


def by_stream(tracer):
    def words():
        current(tracer)
        yield 1

    assert list(set_session("conv-42").wrap(words())) == [1]


def by_context(tracer):
    tracer.start_span("work", set_session("conv-42").context).end()


def by_turn(tracer):
    with set_session("conv-42"), turn("chat", tracer=tracer):
        pass


def by_turn_in_a_foreign_context(tracer):
    with set_session("conv-42"):
        token = context.attach(context.set_value("of somebody", 1))
        with turn("chat", tracer=tracer):
            pass
        context.detach(token)


def by_bind(tracer):
    with tracer.start_as_current_span("work"):
        bind_session("conv-42")


def by_carrier_inside(tracer):
    with in_foreign_context(tracer):
        to_carrier()


def by_scope_inside(tracer):
    with in_foreign_context(tracer), step("outline"):
        pass


def by_log_inside(tracer):
    with in_foreign_context(tracer):
        log("hello")


def in_foreign_context(tracer):
    """In a Context that is not ours any more, in which nobody sees a span start."""
    stack = ExitStack()
    stack.enter_context(set_session("conv-42"))
    token = context.attach(context.set_value("of somebody", 1))
    stack.callback(context.detach, token)
    stack.enter_context(tracer.start_as_current_span("work"))
    return stack


def scope_and_span(scope, work):
    def used(tracer):
        with scope():
            work(tracer)

    return used


SCOPES = {
    "set_session": lambda: set_session("conv-42"),
    "set_session without an id": set_session,
    "update_session": lambda: update_session(user_id="ada"),
    "step": lambda: step("outline"),
    "from_carrier": lambda: from_carrier(CARRIER),
    "set_session in a given Context": lambda: set_session(context.Context(), "conv-42"),
}
USES = [
    *(
        pytest.param(scope_and_span(scope, work), id=f"{name}-{work.__name__}")
        for name, scope in SCOPES.items()
        for work in (current, not_current)
    ),
    *(
        pytest.param(use, id=use.__name__)
        for use in (
            by_decorator, by_coroutine, by_async_with, by_generator, by_async_generator, by_stream, by_context, by_turn,
            by_turn_in_a_foreign_context, by_bind, by_carrier_inside, by_scope_inside, by_log_inside,
        )
    ),
]  # fmt: skip


def of_this(said):
    return [message for message in said if "no span processor of this package" in message]


@pytest.mark.parametrize("use", USES)
def test_that_nothing_stamps_is_said_once_wherever_a_session_is_opened(use, tracer, warnings):
    for _ in range(3):
        use(tracer)
    (said,) = of_this(warnings())
    assert "spans of app start inside a session" in said
    assert "the global TracerProvider; call otel_sessions.sdk.instrument() " in said
    assert "conv-42" not in said
    assert "ada" not in said


@pytest.mark.parametrize("use", USES)
def test_the_same_of_a_provider_that_is_not_the_global_one(use, warnings):
    use(make_provider().get_tracer("app"))
    (said,) = of_this(warnings())
    assert (
        "their TracerProvider, which is not the global one; call otel_sessions.sdk.instrument(tracer_provider)" in said
    )


@pytest.mark.parametrize("use", USES)
def test_nothing_is_said_where_a_processor_of_ours_is_there(use, tracer, provider, warnings):
    instrument(provider)
    use(tracer)
    assert of_this(warnings()) == []


def test_the_place_is_that_of_the_application(tracer, warnings):
    with set_session("conv-42"):
        tracer.start_span("work").end()
    (said,) = of_this(warnings())
    assert said.endswith(f"({__file__}:{test_the_place_is_that_of_the_application.__code__.co_firstlineno + 1})")


@pytest.mark.usefixtures("provider")
def test_the_check_of_a_session_is_recorded_where_nothing_stamps(warnings):
    check_equals("a", "a", session="conv-42")
    assert "spans of otel_sessions start inside a session" in of_this(warnings())[0]


def test_a_second_provider_beside_the_global_one_is_noticed_below_a_span_of_that(tracer, provider, warnings):
    instrument(provider)
    other = make_provider().get_tracer("library")
    with set_session("conv-42"), tracer.start_as_current_span("handler"), other.start_as_current_span("call"):
        tracer.start_span("request").end()
    assert "spans of library" in of_this(warnings())[0]


def test_a_second_provider_is_noticed_where_its_client_sends_a_request(tracer, provider, warnings):
    from opentelemetry.propagate import inject

    instrument(provider)
    other = make_provider().get_tracer("library")
    in_handler = tracer.start_as_current_span("handler")
    with set_session("conv-42"), in_handler, other.start_as_current_span("GET", kind=SpanKind.CLIENT):
        inject({})
    assert "spans of library" in of_this(warnings())[0]


def test_a_second_provider_that_comes_late_is_noticed_when_sessions_have_doubled(tracer, provider, warnings):
    instrument(provider)
    for number in range(40):
        with set_session(f"conv-{number}"):
            tracer.start_span("work").end()
    assert not WATCHES
    other = make_provider().get_tracer("library")
    for number in range(40):
        with set_session(f"later-{number}"):
            other.start_span("work").end()
    assert "spans of library" in of_this(warnings())[0]


def test_a_provider_that_is_made_after_the_first_scope_is_judged_when_it_is_there(monkeypatch, warnings):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    tracer = trace.get_tracer("app")  # a proxy
    with set_session("conv-42"):
        tracer.start_span("of nobody").end()
        assert warnings() == []
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", make_provider())
        tracer.start_span("work").end()
    assert len(of_this(warnings())) == 1


def test_a_provider_that_is_made_and_instrumented_after_the_first_scope_is_right(monkeypatch, warnings):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    with set_session("conv-42"):
        trace.get_tracer("app").start_span("of nobody").end()
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", make_provider())
        instrument()
        trace.get_tracer("app").start_span("work").end()
    assert warnings() == []


# Where nothing is wrong


class BaggageSpanProcessor(SpanProcessor):
    """As contrib's."""

    def on_start(self, span, parent_context=None):
        for key, value in baggage.get_all(parent_context).items():
            span.set_attribute(f"app.{key}", value)


class ByGetSession(SpanProcessor):
    def on_start(self, span, parent_context=None):
        span.set_attribute("conversation", get_session(parent_context).id)


class Holding(SpanProcessor):
    """Hands spans on to what it holds, under any name."""

    def __init__(self, inner):
        self.inner = inner

    def on_start(self, span, parent_context=None):
        self.inner.on_start(span, parent_context)

    def _on_ending(self, span):
        self.inner._on_ending(span)


def composite(kind=SynchronousMultiSpanProcessor):
    processor = kind()
    processor.add_span_processor(SessionSpanProcessor())
    return processor


RIGHT = {
    "baggage": BaggageSpanProcessor,
    "get_session": ByGetSession,
    "ours": SessionSpanProcessor,
    "ours, off": lambda: SessionSpanProcessor(disabled=True),
    "ours, held": lambda: Holding(SessionSpanProcessor()),
    "ours, in a composite": composite,
    "ours, in a composite that is held": lambda: Holding(composite()),
}


@pytest.mark.parametrize("work", [current, not_current])
@pytest.mark.parametrize("processor", RIGHT.values(), ids=RIGHT)
def test_who_stamps_on_purpose_is_not_warned_of(processor, work, warnings):
    tracer = make_provider(processor()).get_tracer("app")
    for number in range(3):
        with set_session(f"conv-{number}"), turn("chat", tracer=tracer):
            work(tracer)
        with set_session(f"conv-{number}"):
            work(tracer)
    assert of_this(warnings()) == []


def test_ours_in_a_concurrent_composite_is_found(warnings):
    processors = composite(lambda: ConcurrentMultiSpanProcessor(1))
    tracer = SDKTracerProvider(active_span_processor=processors, shutdown_on_exit=False).get_tracer("app")
    with set_session("conv-42"):
        not_current(tracer)
    assert of_this(warnings()) == []
    processors.shutdown()


def test_a_processor_of_somebody_that_stamps_nothing_is_no_reason_for_silence(warnings):
    tracer = make_provider(Holding(SimpleSpanProcessor(InMemorySpanExporter()))).get_tracer("app")
    with set_session("conv-42"):
        not_current(tracer)  # by that nobody can tell
        current(tracer)
    with set_session("conv-42"):
        current(tracer)
    assert len(of_this(warnings())) == 1


def test_the_same_where_nobody_leaves_the_scope(warnings):
    tracer = make_provider(Holding(SimpleSpanProcessor(InMemorySpanExporter()))).get_tracer("app")
    token = context.attach(set_session("conv-42").context)
    current(tracer)
    assert of_this(warnings()) == []
    current(tracer)
    context.detach(token)
    assert len(of_this(warnings())) == 1


def test_a_processor_whose_instance_has_the_hook_counts_as_somebody():
    processor = SimpleSpanProcessor(InMemorySpanExporter())
    assert stampers.stamping(make_provider(processor).get_tracer("app").span_processor) == "nobody"
    processor.on_start = lambda *_: None
    assert stampers.stamping(make_provider(processor).get_tracer("app").span_processor) == "somebody"


def test_an_instrumentation_that_stamps_by_itself_is_right(tracer, warnings):
    with set_session("conv-42"), tracer.start_as_current_span("work") as span:
        span.set_attribute("session.id", get_session().id)
    assert of_this(warnings()) == []


def test_what_openinference_carries_it_puts_on_its_spans(tracer, warnings):
    from openinference.instrumentation import using_session

    with using_session("conv-42"), set_session("conv-42"):
        tracer.start_span("work").end()
    assert of_this(warnings()) == []


@pytest.mark.parametrize(
    "sampler",
    [
        ALWAYS_OFF,
        ParentBased(ALWAYS_OFF),
        TraceIdRatioBased(0),
        ParentBased(TraceIdRatioBased(0.0)),
        SessionRatioSampler(0),
        ParentBasedSessionRatio(0),
    ],
    ids=lambda sampler: sampler.get_description().partition(",")[0],
)
@pytest.mark.parametrize("work", [current, not_current])
def test_a_provider_that_records_nothing_needs_no_stamp(sampler, work, warnings):
    with set_session("conv-42"):
        work(make_provider(sampler=sampler).get_tracer("app"))
    assert of_this(warnings()) == []


def test_a_span_that_is_dropped_is_no_evidence(warnings):
    class DropAll(type(ALWAYS_ON)):
        def should_sample(self, *args, **kwargs):
            return ALWAYS_OFF.should_sample(*args, **kwargs)

    with set_session("conv-42"):
        current(make_provider(sampler=DropAll(ALWAYS_ON._decision)).get_tracer("app"))
    assert of_this(warnings()) == []


@pytest.mark.parametrize(
    "scope",
    [clear_session, nullcontext, lambda: from_carrier({}), lambda: set_session("")],
    ids=["cleared", "none", "an empty carrier", "an id that can't be used"],
)
def test_where_there_is_no_session_no_stamp_is_missing(scope, tracer, warnings):
    with scope(), turn("chat", tracer=tracer):
        current(tracer)
    assert of_this(warnings()) == []


def test_spans_outside_of_a_session_need_none(tracer, warnings):
    with tracer.start_as_current_span("server"):
        with set_session("conv-42"):
            to_carrier()
        tracer.start_span("work").end()
    assert of_this(warnings()) == []


def test_a_library_without_an_sdk_is_right(monkeypatch, warnings):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    with set_session("conv-42"), turn("chat"), trace.get_tracer("app").start_as_current_span("work"):
        to_carrier()
    with set_session("conv-42"):
        trace.NoOpTracerProvider().get_tracer("app").start_span("work").end()
    assert warnings() == []


@pytest.mark.parametrize("variable", ["OTEL_SDK_DISABLED", "OTEL_SESSION_DISABLED"])
def test_what_is_switched_off_on_purpose_is_not_missing(variable, monkeypatch, warnings):
    monkeypatch.setenv(variable, "true")
    otel_sessions._settings.settings.use_in_process(None)
    with set_session("conv-42"):
        current(make_provider().get_tracer("app"))
    assert of_this(warnings()) == []


def test_after_uninstrument_nothing_is_missing(provider, tracer, warnings):
    instrument(provider)
    uninstrument(provider)
    for each in (tracer, make_provider().get_tracer("app")):
        with set_session("conv-42"):
            current(each)
    assert of_this(warnings()) == []
    instrument(provider)
    with set_session("conv-42"):
        current(make_provider().get_tracer("app"))
    assert len(of_this(warnings())) == 1


def test_a_provider_without_any_processor_has_no_spans_to_lose(monkeypatch, warnings):
    bare = SDKTracerProvider(shutdown_on_exit=False)
    for work in (current, not_current):
        with set_session("conv-42"):
            work(bare.get_tracer("app"))
    assert of_this(warnings()) == []
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", bare)  # it is going to get one
    with set_session("conv-42"):
        current(bare.get_tracer("app"))
    assert len(of_this(warnings())) == 1


@pytest.mark.usefixtures("provider")
def test_a_turn_of_a_provider_that_has_ours_is_right_whatever_the_global_one_has(warnings):
    other = make_provider(SessionSpanProcessor()).get_tracer("app")
    with set_session("conv-42"), turn("chat", tracer=other):
        other.start_span("work").end()
    assert of_this(warnings()) == []


def test_the_pipeline_of_tests_is_right(warnings):
    pipeline = InMemoryPipeline()
    for _ in range(3):
        with set_session("conv-42"), turn("chat"), pipeline.tracer.start_as_current_span("work"):
            to_carrier()
            log("hello")
    assert of_this(warnings()) == []


def test_a_span_of_another_provider_that_is_made_current_is_not_taken_for_the_one_that_was_started(tracer, warnings):
    stamped = make_provider(SessionSpanProcessor()).get_tracer("app").start_span("of before")
    with set_session("conv-42"):
        tracer.start_span("work").end()
        with trace.use_span(stamped):
            pass
    assert len(of_this(warnings())) == 1


# Other versions of what is looked at


def test_an_sdk_that_keeps_its_processors_otherwise_is_not_looked_into(tracer, warnings):
    del tracer.span_processor._span_processors
    tracer.span_processor.on_start = tracer.span_processor.on_end = lambda *_, **__: None
    tracer.span_processor._on_ending = lambda *_: None
    with set_session("conv-42"), turn("chat", tracer=tracer):
        current(tracer)
    assert warnings() == []


def test_a_processor_that_can_t_be_looked_at_keeps_nobody_from_leaving(tracer, monkeypatch, warnings):
    with set_session("conv-42"):
        tracer.start_span("work").end()
        monkeypatch.setattr(unstamped, "_may_lack", lambda *_: 1 / 0)
    assert get_session() is None
    assert warnings() == []


def test_binding_without_a_span_does_not_end_the_looking(tracer, warnings):
    bind_session("conv-42")
    by_bind(tracer)
    assert len(of_this(warnings())) == 1


@pytest.mark.parametrize(
    "use", [by_carrier_inside, by_turn, by_bind, by_generator, by_scope_inside, scope_and_span(set_session, current)]
)
@pytest.mark.parametrize("broken", ["stamping", "_may_lack"])
def test_looking_never_raises(broken, use, tracer, monkeypatch, warnings):
    monkeypatch.setattr(unstamped, broken, lambda *_, **__: 1 / 0)
    use(tracer)
    assert warnings() == []


@pytest.mark.parametrize("function", ["set_in", "who_starts"])
def test_an_api_that_calls_itself_otherwise_is_left_alone(function, tracer, monkeypatch, warnings):
    monkeypatch.setattr(unstamped, function, lambda _: 1 / 0)
    with set_session("conv-42"):
        current(tracer)
    assert warnings() == []


def test_a_context_is_an_ordinary_one_as_soon_as_it_is_known(tracer, provider):
    instrument(provider)
    with set_session("conv-42"):
        here = context.get_current()
        assert type(here) is not context.Context
        assert here == {**here}
        tracer.start_span("work").end()
        assert type(here) is context.Context


def test_a_context_that_nobody_starts_a_span_in_is_an_ordinary_one_before_long():
    here = set_session("conv-42").context
    for _ in range(100):
        here.get("of somebody")
    assert type(here) is context.Context


def test_nothing_is_watched_once_it_was_looked_often_enough():
    for _ in range(40):
        with set_session("conv-42"):
            pass
    assert not WATCHES
    with set_session("conv-42"):
        assert type(context.get_current()) is context.Context


@pytest.mark.parametrize("way", [current, not_current])
def test_a_task_that_starts_its_span_when_the_block_is_over_is_noticed(way, tracer, warnings):
    async def later():
        way(tracer)

    async def main():
        with set_session("conv-42"):
            task = asyncio.create_task(later())
        await task

    asyncio.run(main())
    (said,) = of_this(warnings())
    assert "spans of app start inside a session" in said


def test_the_same_of_a_task_is_right_where_a_processor_of_ours_is_there(tracer, provider, warnings):
    async def main():
        with set_session("conv-42"):
            task = asyncio.create_task(asyncio.to_thread(current, tracer))
        await task

    instrument(provider)
    asyncio.run(main())
    assert of_this(warnings()) == []


def test_a_name_that_may_be_somebodys_is_not_shown(provider, warnings):
    with set_session("conv-42"):
        provider.get_tracer("of ada@example.com").start_span("work").end()
    assert "otel_sessions: spans start inside a session" in of_this(warnings())[0]


def test_a_logging_handler_that_starts_spans_is_not_asked_for_ever(tracer, warnings):
    class Tracing(logging.Handler):
        def emit(self, _record):
            current(tracer)

    handler = Tracing()
    logging.getLogger("otel_sessions").addHandler(handler)
    try:
        with set_session("conv-42"):
            current(tracer)
    finally:
        logging.getLogger("otel_sessions").removeHandler(handler)
    assert len(of_this(warnings())) == 1


@pytest.mark.warned_of("propagators")
def test_no_frame_of_the_caller_is_kept(tracer):
    def references():
        held = object()
        before = sys.getrefcount(held)
        with set_session("conv-42"):
            tracer.start_span("work").end()
            return sys.getrefcount(held) - before

    assert references() == 0
