"""What is put into the store of a span by itself is what the SDK would have made of it, whoever else has the span."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import MutableMapping
from types import MappingProxyType, SimpleNamespace

import pytest
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, use_span

from otel_sessions import bind_session, set_session
from otel_sessions._context import attribute_store, entry_spans
from otel_sessions._context.local_trace import SPAN_KEY
from otel_sessions._pipeline.span_processor import guarded
from otel_sessions.sdk import SessionSpanProcessor

LIMITS = [0, 1, 2, 3, 70, 128, SpanLimits.UNSET]
IDS = {"session.id": "conv-42", "user.id": "ada"}


@pytest.fixture(autouse=True)
def _the_sdk_need_not_say_what_it_drops():
    """It logs a warning for each attribute."""
    loggers = [logging.getLogger(f"opentelemetry.{name}") for name in ("attributes", "sdk.trace")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


class ByHand(SpanProcessor):
    """Sets the same, by the public API."""

    def on_start(self, span, parent_context=None):  # noqa: ARG002  # the signature of the SDK
        span.set_attribute("user.id", "ada")
        span.set_attribute("session.id", "conv-42")


@pytest.fixture(params=[64, sys.maxsize], ids=["one thread at a time", "threads at once"])
def _threads(request, monkeypatch):
    """Take it for an interpreter in which threads run at once, or not."""
    monkeypatch.setattr(attribute_store, "_SPARE", request.param)


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("length", [SpanLimits.UNSET, 100])
@pytest.mark.parametrize("own", [0, 1, 2, 8, 127])
@pytest.mark.parametrize("limit", LIMITS)
def test_a_span_starts_with_what_the_sdk_would_have_made_of_it(make_pipeline, limit, own, length):
    limits = SpanLimits(max_span_attributes=limit, max_span_attribute_length=length)
    attributes = {f"own-{number}": number for number in range(own)}
    theirs = make_pipeline(ByHand(), span_limits=limits).tracer.start_span("span", attributes=attributes)
    ours = make_pipeline(span_limits=limits)
    with set_session("conv-42", user_id="ada"):
        span = ours.tracer.start_span("span", attributes=attributes)
    assert list(span.attributes.items()) == list(theirs.attributes.items())
    assert span.dropped_attributes == theirs.dropped_attributes
    span.end()
    kept = dict(list(IDS.items())[: 2 if limit in {SpanLimits.UNSET, None} else limit])
    if limit != 1:  # that holds what was set last
        assert {key: value for key, value in ours.attributes("span").items() if key in IDS} == kept


@pytest.mark.usefixtures("_threads")
def test_what_a_span_has_started_with_stays(pipeline):
    with set_session("conv-42", user_id="ada"):
        pipeline.tracer.start_span("span", attributes={"user.id": "bob"}).end()
    assert pipeline.attributes("span") == {"session.id": "conv-42", "user.id": "bob"}


class HandingOn(SpanProcessor):
    """Hands each span that starts to threads, which do something with it at once."""

    def __init__(self, *actions) -> None:
        self.actions, self.threads, self.errors = actions, [], []

    def on_start(self, span, parent_context=None):  # noqa: ARG002  # the signature of the SDK
        for action in self.actions:
            self.threads.append(threading.Thread(target=self.act, args=(action, span)))
            self.threads[-1].start()

    def act(self, action, span):
        try:
            action(span)
        except Exception as error:  # noqa: BLE001  # whatever it is
            self.errors.append(error)


def fills(span):
    for number in range(200):
        span.set_attribute(f"{threading.get_ident()}-{number}", number)


def reads(span):
    for _ in range(50):
        list(span.attributes)


@pytest.fixture
def _switching():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("_switching")
@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("limit", [2, 4, 128, SpanLimits.UNSET])
def test_other_processors_may_hand_it_to_threads_that_fill_it(make_pipeline, limit, place):
    handing = HandingOn(fills, reads, fills)
    ours = SessionSpanProcessor()
    order = (handing, ours) if place == "before" else (ours, handing)
    pipeline = make_pipeline(*order, span_limits=SpanLimits(max_span_attributes=limit))
    for number in range(20):
        with set_session("conv-42", user_id="ada"):
            span = pipeline.tracer.start_span(f"span {number}")
        for thread in handing.threads:
            thread.join()
        span.end()
    assert handing.errors == []
    for span in pipeline.spans().values():
        assert span.attributes.items() >= IDS.items()
        assert limit in {SpanLimits.UNSET, None} or len(span.attributes) <= limit


@pytest.mark.usefixtures("_switching")
@pytest.mark.parametrize("place", ["before", "behind"])
def test_other_processors_may_hand_it_to_threads_that_end_it(make_pipeline, place):
    handing = HandingOn(lambda span: span.end(), reads)
    ours = SessionSpanProcessor()
    pipeline = make_pipeline(*((handing, ours) if place == "before" else (ours, handing)))
    for number in range(50):
        with set_session("conv-42", user_id="ada"):
            pipeline.tracer.start_span(f"span {number}")
    for thread in handing.threads:
        thread.join()
    assert handing.errors == []
    assert len(pipeline.spans()) == 50
    assert {frozenset(span.attributes.items()) for span in pipeline.spans().values()} <= {
        frozenset(IDS.items()),
        frozenset(),  # it had ended before it came to us
    }


class Ending(SpanProcessor):
    def on_start(self, span, parent_context=None):  # noqa: ARG002  # the signature of the SDK
        span.end()


def test_what_has_ended_already_is_left_as_it_was_exported(make_pipeline):
    pipeline = make_pipeline(Ending(), SessionSpanProcessor())
    with set_session("conv-42", user_id="ada"):
        span = pipeline.tracer.start_span("span")
    assert dict(span.attributes) == pipeline.attributes("span") == {}


class Hidden(MutableMapping):
    """A store of another type, that shows nothing of what it is made of."""

    max_value_len = None

    def __init__(self, *_, **__) -> None:
        self.inside = BoundedAttributes(immutable=False)

    def __getitem__(self, key):
        return self.inside[key]

    def __setitem__(self, key, value):
        self.inside[key] = value

    def __delitem__(self, key):
        del self.inside[key]

    def __iter__(self):
        return iter(self.inside)

    def __len__(self):
        return len(self.inside)

    def copy(self):
        return self.inside.copy()

    def _set_items(self, attributes):
        for key, value in attributes.items():
            self.inside[key] = value


class SDKOfTomorrow(SpanProcessor):
    """Stands before ours, and gives each span another store."""

    def __init__(self, store) -> None:
        self.store = store

    def on_start(self, span, parent_context=None):  # noqa: ARG002  # the signature of the SDK
        span._attributes = self.store(immutable=False)


@pytest.mark.parametrize("known", [BoundedAttributes, Hidden], ids=["another type", "other parts"])
@pytest.mark.parametrize("dialects", ["", "langfuse"])
def test_a_store_that_shows_nothing_degrades_to_the_public_api_with_one_warning(
    make_pipeline, monkeypatch, warnings, dialects, known
):
    monkeypatch.setattr(attribute_store, "BoundedAttributes", known)
    pipeline = make_pipeline(SDKOfTomorrow(Hidden), SessionSpanProcessor(dialects=dialects))
    names = {"langfuse.session.id": "conv-42", "langfuse.user.id": "ada"} if dialects else {}
    for _ in range(3):
        with set_session("conv-42", user_id="ada"), pipeline.tracer.start_as_current_span("parent") as parent:
            parent.set_attribute("x", 1)
            pipeline.tracer.start_span("child").end()
        pipeline.tracer.start_span("without").end()
    with pipeline.tracer.start_as_current_span("bound"):
        pipeline.tracer.start_span("below").end()
        bind_session("conv-42", user_id="ada")
    assert pipeline.attributes("parent") == {**IDS, **names, "x": 1}
    assert pipeline.attributes("child") == pipeline.attributes("bound") == {**IDS, **names}
    assert pipeline.attributes("without") == pipeline.attributes("below") == {}
    (message,) = warnings()
    assert "does not show the limits" in message


class SpanOfTomorrow:
    """Shows what it has by its public names."""

    kind = SpanKind.SERVER

    def __init__(self, **parts) -> None:
        self.instrumentation_scope = InstrumentationScope("tomorrow")
        self.attributes = MappingProxyType({"session.id": "conv-42"})
        vars(self).update(parts)

    def is_recording(self):
        return True


def test_spans_of_tomorrow_are_read_by_their_public_names(warnings):
    processor, span = SessionSpanProcessor(), SpanOfTomorrow()
    processor.on_start(span, Context())
    assert entry_spans._LATELY.waiting[-1]() is span
    processor._on_ending(span)
    assert processor._taking.plain_tracer is span.instrumentation_scope
    assert warnings() == []


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param({}, {"session.id": "conv-42"}, id="public"),
        pytest.param({"_attributes": SimpleNamespace(_dict=None)}, {}, id="other parts"),
        pytest.param({"attributes": {"session.id": "conv-42"}}, {}, id="not the read-only view of an SDK"),
    ],
)
def test_a_parent_of_tomorrow_shows_its_session(parts, expected):
    child = TracerProvider(shutdown_on_exit=False).get_tracer("ours").start_span("child")
    processor = guarded(SessionSpanProcessor())
    processor.on_start(child, Context({SPAN_KEY: SpanOfTomorrow(**parts)}))
    assert child.attributes == expected
    assert (processor.stats().stamped, processor.stats().without_session) == (len(expected), 1 - len(expected))


def test_what_a_processor_holds_may_be_looked_at(pipeline):
    """It is, by what arranges processors; what is read for each span is not in there."""
    processor = pipeline.provider._active_span_processor._span_processors[0]
    assert not {name for name in vars(processor) if name in SessionSpanProcessor.__slots__}
    with set_session("conv-42", user_id="ada"):
        pipeline.tracer.start_span("span").end()
    assert pipeline.attributes("span") == IDS


def test_a_bind_reads_a_full_span_in_one_step_as_another_thread_sets_more_on_it(pipeline):
    """The SDK's mapping lists its keys first: one that gives way before it is read is a `KeyError` there."""
    own = {f"own-{number}": number for number in range(127)} | {"session.id": "another"}
    span = pipeline.tracer.start_span("full", attributes=own)

    def meanwhile(frame, event, _argument):
        if event == "call" and frame.f_code is BoundedAttributes.__getitem__.__code__:
            sys.setprofile(None)
            other = threading.Thread(target=span.set_attribute, args=("one more", 1))
            other.start()
            other.join()

    with use_span(span):
        sys.setprofile(meanwhile)
        try:
            bind_session("conv-42", user_id="ada")
        finally:
            sys.setprofile(None)
    assert {key: span.attributes[key] for key in IDS} == IDS
    span.end()
