"""A processor that gives spans another session when they have ended: ours comes behind it, wherever it stands (rule 7)."""

from __future__ import annotations

from itertools import permutations

import pytest
from opentelemetry.context import get_current
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import (
    ConcurrentMultiSpanProcessor,
    ReadableSpan,
    SpanProcessor,
    SynchronousMultiSpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from local_receiver import OTLPReceiver
from otel_sessions import bind_session, set_session
from otel_sessions._context import attribute_store
from otel_sessions.sdk import SessionSpanProcessor, instrument
from wire import spans_of


class Rewriter(SpanProcessor):
    """Gives a span that has ended a dict of its own, as OpenInference's processor for pydantic-ai does."""

    def __init__(self, **others):
        self.others = {key.replace("__", "."): value for key, value in others.items()} or {"session.id": "theirs"}
        self.flushed = self.shut_down = 0

    def on_end(self, span):
        span._attributes = {**span.attributes, **self.others}

    def shutdown(self):
        self.shut_down += 1

    def force_flush(self, timeout_millis=30000):  # noqa: ARG002  # the SDK's signature
        self.flushed += 1
        return True


class InPlace(Rewriter):
    """Does so in the store that it shares with the span."""

    def on_end(self, span):
        attribute_store.change(span._attributes, self.others)


class Early(Rewriter):
    """Does so when a span is ending, as ours does."""

    on_end = SpanProcessor.on_end

    def _on_ending(self, span):
        attribute_store.change(span._attributes, self.others)


class Patched(SpanProcessor):
    """Is given its hook when it is made."""

    def __init__(self):
        self.on_end = Rewriter().on_end


class Emptying(SpanProcessor):
    def on_end(self, span):
        span._attributes = None


class Converting(SpanProcessor):
    """Makes other attributes of those that it knows, as OpenInference's processor for OpenLLMetry does."""

    def __init__(self, **others):
        self.attributes = {key.replace("__", "."): value for key, value in others.items()}

    def on_end(self, span):
        span._attributes = {"openinference.span.kind": "CHAIN", **self.attributes}


WINNERS = {"scope": ("ours", "theirs"), "span": ("theirs", "ours")}


def exported(receiver):
    [span] = spans_of(receiver)
    return {key: span.attributes.get(key) for key in ("session.id", "session.displaced_id", "user.id")}


@pytest.mark.warned_of("propagators")
@pytest.mark.parametrize("conflict", ["scope", "span"])
@pytest.mark.parametrize("export", [SimpleSpanProcessor, BatchSpanProcessor])
@pytest.mark.parametrize("rewriter", [Rewriter, InPlace, Early, Patched])
@pytest.mark.parametrize("order", [*permutations(["ours", "theirs"])], ids="-".join)
def test_the_scope_wins_in_the_exported_bytes_of_all_exporters(order, rewriter, export, conflict):
    with OTLPReceiver() as first, OTLPReceiver() as second:
        processor = SessionSpanProcessor(conflict=conflict)
        provider = TracerProvider(shutdown_on_exit=False)
        for name in order:
            provider.add_span_processor(processor if name == "ours" else rewriter())
        for receiver in (first, second):
            provider.add_span_processor(export(OTLPSpanExporter(endpoint=receiver.endpoint)))
        with set_session("ours", user_id="ada"):
            provider.get_tracer("t").start_span("span").end()
        provider.shutdown()
        winner, loser = WINNERS[conflict]
        expected = {"session.id": winner, "session.displaced_id": loser, "user.id": "ada"}
        assert exported(first) == exported(second) == expected
        assert processor.stats().overwritten == 1


def pipeline_of(*processors, **options):
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False, **options)
    for processor in processors:
        provider.add_span_processor(SimpleSpanProcessor(exporter) if processor == "exporter" else processor)
    return provider, exporter


def attributes_of(provider, exporter, name="span"):
    with set_session("ours", user_id="ada"):
        provider.get_tracer("t").start_span(name).end()
    return dict(exporter.get_finished_spans()[-1].attributes)


OURS = {"session.id": "ours", "user.id": "ada", "session.displaced_id": "theirs"}


@pytest.mark.warned_of("propagators")
def test_one_behind_the_exporter_of_ours_is_mended_too():
    """Ours may stand anywhere: what it does at the end of a span comes before any exporter."""
    assert attributes_of(*pipeline_of(Rewriter(), "exporter", SessionSpanProcessor())) == OURS


@pytest.mark.warned_of("propagators")
def test_one_that_is_added_when_spans_have_ended_already_is_mended():
    provider, exporter = pipeline_of(SessionSpanProcessor())
    with set_session("ours"):
        provider.get_tracer("t").start_span("before").end()
    for processor in (Rewriter(), Rewriter(session__id="more"), SimpleSpanProcessor(exporter)):
        provider.add_span_processor(processor)
    assert attributes_of(provider, exporter) == OURS


def test_instrument_does_the_same():
    provider, exporter = pipeline_of(Rewriter())
    instrument(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    assert attributes_of(provider, exporter) == OURS


@pytest.mark.warned_of("propagators")
def test_two_of_ours_count_it_once_and_each_mends_its_names():
    first, second = SessionSpanProcessor(), SessionSpanProcessor(dialects="genai")
    rewriter = Rewriter(session__id="theirs", gen_ai__conversation__id="c")
    attributes = attributes_of(*pipeline_of(first, rewriter, second, "exporter"))
    assert attributes == OURS | {"gen_ai.conversation.id": "ours", "session.displaced_conversation_id": "c"}
    assert first.stats().overwritten + second.stats().overwritten == 1
    assert first.stats().displaced_conversation + second.stats().displaced_conversation == 1


@pytest.mark.warned_of("propagators")
def test_what_was_displaced_before_is_kept_and_counted_once():
    processor = SessionSpanProcessor()
    provider, exporter = pipeline_of(Rewriter(session__id="last"), processor, "exporter")
    with set_session("ours", user_id="ada"):
        provider.get_tracer("t").start_span("span", attributes={"session.id": "theirs"}).end()
    assert dict(exporter.get_finished_spans()[0].attributes) == OURS
    assert (processor.stats().displaced, processor.stats().overwritten) == (1, 0)


@pytest.mark.warned_of("propagators")
def test_a_session_that_is_bound_wins_too():
    provider, exporter = pipeline_of(SessionSpanProcessor(), Rewriter(), "exporter")
    with provider.get_tracer("t").start_as_current_span("span"):
        bind_session("ours", user_id="ada")
    assert dict(exporter.get_finished_spans()[0].attributes) == OURS


@pytest.mark.warned_of("propagators")
@pytest.mark.parametrize("left", ["", "[Scrubbed due to 'session']"])
def test_what_was_masked_there_stays_so(left):
    attributes = attributes_of(*pipeline_of(SessionSpanProcessor(), Rewriter(session__id=left), "exporter"))
    assert attributes == {"session.id": left, "user.id": "ada"}


@pytest.mark.warned_of("propagators")
def test_what_was_taken_off_altogether_stays_so():
    provider, exporter = pipeline_of(SessionSpanProcessor(), Emptying(), "exporter")
    with set_session("ours"):
        provider.get_tracer("t").start_span("span").end()
    assert not exporter.get_finished_spans()[0].attributes


@pytest.mark.warned_of("propagators")
def test_what_a_conversion_of_the_whole_span_has_left_out_is_put_back():
    processor = SessionSpanProcessor(dialects="langfuse")
    attributes = attributes_of(*pipeline_of(processor, Converting(input__value="q"), "exporter"))
    kept = {"session.id": "ours", "user.id": "ada", "langfuse.session.id": "ours", "langfuse.user.id": "ada"}
    assert attributes == {"openinference.span.kind": "CHAIN", "input.value": "q", **kept}
    assert processor.stats().overwritten == 0


@pytest.mark.warned_of("propagators")
def test_so_is_what_was_displaced_before():
    provider, exporter = pipeline_of(SessionSpanProcessor(), Converting(), "exporter")
    with set_session("ours", user_id="ada"):
        provider.get_tracer("t").start_span("span", attributes={"session.id": "theirs"}).end()
    assert dict(exporter.get_finished_spans()[0].attributes) == {"openinference.span.kind": "CHAIN", **OURS}


@pytest.mark.warned_of("propagators")
@pytest.mark.parametrize(
    ("started_with", "becomes"),
    [
        pytest.param({"openinference.span.kind": "LLM"}, {}, id="of that kind before"),
        pytest.param({}, {"user.id": "ada"}, id="one of ours is left"),
    ],
)
def test_where_it_may_have_been_taken_off_on_purpose_it_stays_so(started_with, becomes):
    converting = Converting()
    converting.attributes = becomes
    provider, exporter = pipeline_of(SessionSpanProcessor(), converting, "exporter")
    with set_session("ours", user_id="ada"):
        provider.get_tracer("t").start_span("span", attributes=started_with).end()
    assert dict(exporter.get_finished_spans()[0].attributes) == {"openinference.span.kind": "CHAIN", **becomes}


@pytest.mark.warned_of("propagators")
def test_an_id_that_was_deleted_before_the_conversion_stays_so():
    class Deleting(SpanProcessor):
        def _on_ending(self, span):
            attribute_store.change(span._attributes, {}, ("session.id",))

    attributes = attributes_of(*pipeline_of(SessionSpanProcessor(), Deleting(), Converting(), "exporter"))
    assert attributes == {"openinference.span.kind": "CHAIN"}


@pytest.mark.parametrize("processor", ["ours first", "theirs first"])
def test_a_conversion_behind_an_exporter_is_counted_and_said_once(processor, warnings):
    ours = SessionSpanProcessor()
    order = (ours, "exporter", Converting()) if processor == "ours first" else ("exporter", Converting(), ours)
    provider, exporter = pipeline_of(*order)
    for _ in range(2):
        attributes_of(provider, exporter)
    assert ours.stats().out_of_reach == 2
    assert len([said for said in warnings() if "Converting has given a span another session, or none" in said]) == 1


@pytest.mark.warned_of("propagators")
def test_the_loser_is_kept_where_two_write_all_attributes_anew():
    class Fresh(SpanProcessor):
        def on_end(self, span):
            span._attributes = {"session.id": "theirs"}

    processor = SessionSpanProcessor()
    attributes = attributes_of(*pipeline_of(Fresh(), processor, Fresh(), "exporter"))
    assert attributes == {"session.id": "ours", "session.displaced_id": "theirs"}
    assert processor.stats().overwritten == 1


@pytest.mark.warned_of("propagators")
def test_a_span_without_a_session_is_left_to_others():
    provider, exporter = pipeline_of(SessionSpanProcessor(), Rewriter(), "exporter")
    with set_session("ours"):
        provider.get_tracer("t").start_span("first").end()
    provider.get_tracer("t").start_span("span").end()
    assert dict(exporter.get_finished_spans()[1].attributes) == {"session.id": "theirs"}


def test_behind_an_exporter_nothing_is_changed_which_is_counted_and_said_once(warnings):
    processor = SessionSpanProcessor()
    provider, exporter = pipeline_of(processor, "exporter", Rewriter())
    assert attributes_of(provider, exporter) == {"session.id": "theirs", "user.id": "ada"}
    assert attributes_of(provider, exporter) == {"session.id": "theirs", "user.id": "ada"}
    assert (processor.stats().out_of_reach, processor.stats().overwritten) == (2, 0)
    [message] = [each for each in warnings() if "exporter" in each]
    assert "Rewriter has given a span another session" in message
    assert "before the one that exports" in message


def test_behind_an_exporter_the_same_id_in_another_type_is_no_matter(warnings):
    processor = SessionSpanProcessor()
    provider, _ = pipeline_of(processor, "exporter", Rewriter(session__id=42))
    with set_session(42):
        provider.get_tracer("t").start_span("span").end()
    assert processor.stats().out_of_reach == 0
    assert [each for each in warnings() if "exporter" in each] == []


@pytest.mark.warned_of("propagators")
def test_one_that_acts_when_a_span_is_ending_is_mended_behind_an_exporter_too():
    assert attributes_of(*pipeline_of(SessionSpanProcessor(), "exporter", Early())) == OURS


class Holding(SpanProcessor):
    """Holds another processor, as those of Logfire and LangSmith do."""

    def __init__(self, held):
        self.processor = held

    def on_start(self, span, parent_context=None):
        self.processor.on_start(span, parent_context)

    def _on_ending(self, span):
        self.processor._on_ending(span)

    def on_end(self, span):
        self.processor.on_end(span)


@pytest.mark.warned_of("handed to an exporter", "propagators")
def test_what_holds_an_exporter_is_one():
    processor, exporter = SessionSpanProcessor(), InMemorySpanExporter()
    provider, _ = pipeline_of(processor, Holding(Holding(SimpleSpanProcessor(exporter))), Rewriter())
    assert attributes_of(provider, exporter) == {"session.id": "theirs", "user.id": "ada"}
    assert processor.stats().out_of_reach == 1


@pytest.mark.warned_of("propagators")
def test_what_several_hold_together_is_arranged_too():
    several, exporter = SynchronousMultiSpanProcessor(), InMemorySpanExporter()
    several.add_span_processor(Rewriter())
    provider, _ = pipeline_of(Holding(several), SessionSpanProcessor())
    with set_session("ours"):
        provider.get_tracer("t").start_span("before").end()
    several.add_span_processor(Rewriter(session__id="more"))
    several.add_span_processor(SimpleSpanProcessor(exporter))
    assert attributes_of(provider, exporter) == OURS


class Silent(Holding):
    """Does not say that a span is ending, as those of Logfire do not, and passes on another object when it has ended."""

    _on_ending = SpanProcessor._on_ending

    def on_end(self, span):
        names = ("name", "context", "parent", "resource", "attributes", "status", "start_time", "end_time")
        self.processor.on_end(ReadableSpan(**{name: getattr(span, name) for name in names}))


@pytest.mark.warned_of("propagators")
def test_what_is_held_by_one_that_does_not_say_that_a_span_is_ending_is_arranged_too():
    several, exporter = SynchronousMultiSpanProcessor(), InMemorySpanExporter()
    for processor in (Rewriter(), SimpleSpanProcessor(exporter)):
        several.add_span_processor(processor)
    provider, _ = pipeline_of(Silent(Silent(several)), SessionSpanProcessor())
    assert attributes_of(provider, exporter) == OURS


@pytest.mark.warned_of("propagators")
def test_what_holds_one_of_ours_is_as_ours():
    processor = SessionSpanProcessor()
    provider, _ = pipeline_of(Holding(processor), SessionSpanProcessor())
    with set_session("ours"):
        provider.get_tracer("t").start_span("span").end()
    assert processor.stats().stamped == 1
    assert len(provider._active_span_processor._span_processors) == 2


@pytest.mark.warned_of("propagators")
def test_one_without_a_dict_of_its_own_holds_nothing():
    class Slotted:
        __slots__ = ()

        def on_start(self, span, parent_context=None): ...

        def _on_ending(self, span): ...

        def on_end(self, span):
            Rewriter().on_end(span)

        def shutdown(self): ...

        def force_flush(self, _timeout):
            return True

    assert attributes_of(*pipeline_of(SessionSpanProcessor(), Slotted(), "exporter")) == OURS


@pytest.mark.warned_of("propagators")
def test_those_that_hold_each_other_without_end_are_looked_at_once():
    endless = Holding(None)
    endless.processor, endless.on_start, endless._on_ending, endless.on_end = endless, *[lambda *_, **__: None] * 3
    assert attributes_of(*pipeline_of(SessionSpanProcessor(), endless, Rewriter(), "exporter")) == OURS


@pytest.mark.warned_of("propagators")
def test_a_span_that_ends_while_another_does_takes_nothing_from_it():
    class Ending(SpanProcessor):
        def on_end(self, span):
            if span.name != "inner":
                for _ in range(3):
                    with set_session("inner"):
                        provider.get_tracer("t").start_span("inner").end()

    provider, exporter = pipeline_of(Ending(), Rewriter(), SessionSpanProcessor(), "exporter")
    for _ in range(2):
        assert attributes_of(provider, exporter) == OURS
    inner = [span.attributes["session.id"] for span in exporter.get_finished_spans() if span.name == "inner"]
    assert inner == ["inner"] * 6


@pytest.mark.warned_of("propagators")
def test_flush_and_shutdown_reach_everybody_once():
    rewriter = Rewriter()
    provider, exporter = pipeline_of(rewriter, SessionSpanProcessor(), "exporter")
    attributes_of(provider, exporter)
    assert provider.force_flush() is True
    provider.shutdown()
    assert (rewriter.flushed, rewriter.shut_down) == (1, 1)


@pytest.mark.warned_of("propagators")
def test_a_pipeline_without_such_a_processor_has_nothing_more_to_call():
    processor = SessionSpanProcessor()
    provider, exporter = pipeline_of(processor, "exporter")
    attributes_of(provider, exporter)
    assert len(provider._active_span_processor._span_processors) == 2


@pytest.mark.warned_of("propagators")
def test_one_of_ours_that_looks_again_changes_nothing(monkeypatch):
    monkeypatch.setattr("otel_sessions._pipeline.span_processor._OFTEN", 1)
    provider, exporter = pipeline_of(SessionSpanProcessor(), Rewriter(), "exporter")
    attributes_of(provider, exporter)
    order = provider._active_span_processor._span_processors
    for _ in range(4):
        assert attributes_of(provider, exporter) == OURS
    assert provider._active_span_processor._span_processors is order


def test_in_a_concurrent_processor_there_is_no_order_and_nothing_is_said(warnings):
    provider, _ = pipeline_of(SessionSpanProcessor(), active_span_processor=ConcurrentMultiSpanProcessor())
    with set_session("ours"):
        span = provider.get_tracer("t").start_span("span", context=get_current())
        span.end()
    provider.shutdown()
    assert span.attributes["session.id"] == "ours"
    assert [each for each in warnings() if "processors" in each] == []


@pytest.mark.parametrize("kept", [list, None])
def test_an_sdk_that_keeps_its_processors_otherwise_is_left_alone_with_one_warning(kept, warnings):
    provider, exporter = pipeline_of(SessionSpanProcessor(), Rewriter(), "exporter")
    multi = provider._active_span_processor
    if kept is None:
        del multi._lock
    else:
        multi._span_processors = kept(multi._span_processors)
    assert attributes_of(provider, exporter)["session.id"] == "theirs"
    assert len([each for each in warnings() if "keeps its span processors otherwise" in each]) == 1


def test_a_failure_to_arrange_never_reaches_who_adds_a_processor(monkeypatch, warnings):
    provider, exporter = pipeline_of(SessionSpanProcessor(), "exporter")
    attributes_of(provider, exporter)

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("otel_sessions._pipeline.processor_order._ordered", broken)
    provider.add_span_processor(Rewriter())
    assert len(provider._active_span_processor._span_processors) == 3
    assert "looking at the span processors raised ZeroDivisionError" in warnings()[-1]


@pytest.mark.parametrize("name", ["settle", "settle_ended"])
def test_a_failure_to_mend_never_reaches_the_end_of_a_span(monkeypatch, warnings, name):
    def broken(*_, **__):
        raise ZeroDivisionError

    provider, exporter = pipeline_of(Early(), SessionSpanProcessor(), Rewriter(), "exporter")
    attributes_of(provider, exporter)
    monkeypatch.setattr(f"otel_sessions._pipeline.mending.Mending.{name}", broken)
    attributes_of(provider, exporter)
    assert "otel_sessions: mending a span that has ended raised ZeroDivisionError" in warnings()
