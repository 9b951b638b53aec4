"""What was recorded is exported when a turn or a stream is over, where that is asked for; and nobody waits for long."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time

import pytest
from opentelemetry import baggage
from opentelemetry._logs import LogRecord, NoOpLoggerProvider
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, InMemoryLogRecordExporter
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider

from otel_sessions import get_session, set_session, turn
from otel_sessions._context import flush as flush_module
from otel_sessions._context.providers import PROVIDERS
from otel_sessions.sdk import instrument, uninstrument

AN_HOUR = 3_600_000
LONG = 60_000


class Held(SpanExporter):
    """Exports nothing until it is let go."""

    def __init__(self) -> None:
        self.is_asked, self.go = threading.Event(), threading.Event()
        self.names = []

    def export(self, spans):
        self.is_asked.set()
        self.go.wait(60)
        self.names += [span.name for span in spans]
        return SpanExportResult.SUCCESS


@pytest.fixture
def batching(monkeypatch):
    """Return a function that sets up a pipeline that exports by itself once an hour, and flushes as it is told."""
    monkeypatch.setattr(flush_module, "_FLUSHER", flush_module._Flusher())
    providers = []

    def start(exporter, flush):
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=AN_HOUR))
        instrument(provider, flush=flush)
        providers.append(provider)
        return provider.get_tracer("tests")

    yield start
    for provider in providers:
        uninstrument(provider)  # else one that waits to be collected counts as another pipeline
        provider.shutdown()


@pytest.fixture
def held():
    exporter = Held()
    yield exporter
    exporter.go.set()


def names(exporter):
    return [span.name for span in exporter.get_finished_spans()]


def test_nothing_is_flushed_unless_it_is_asked_for(batching):
    exporter = InMemorySpanExporter()
    batching(exporter, None)
    with turn("reply"):
        pass
    assert names(exporter) == []


def test_a_turn_is_exported_when_its_block_is_left(batching):
    exporter = InMemorySpanExporter()
    tracer = batching(exporter, LONG)
    with turn("reply"), tracer.start_as_current_span("llm"):
        pass
    assert names(exporter) == ["llm", "reply"]


def test_a_turn_that_fails_is_exported_too(batching):
    exporter = InMemorySpanExporter()
    batching(exporter, LONG)

    @turn("sync")
    def sync():
        raise ValueError

    @turn("async")
    async def in_task():
        raise ValueError

    for fails in (sync, lambda: asyncio.run(in_task())):
        with pytest.raises(ValueError):  # noqa: PT011  # it is the one
            fails()
    assert names(exporter) == ["sync", "async"]


def test_every_kind_of_decorated_function_is_exported_when_it_is_over(batching):
    exporter = InMemorySpanExporter()
    batching(exporter, LONG)
    seen = []

    @turn("function")
    def function():
        return "a"

    @turn("generator")
    def generator():
        yield "a"

    @turn("coroutine")
    async def coroutine():
        return "a"

    @turn("async generator")
    async def async_generator():
        yield "a"

    async def failing():
        raise ValueError

    async def main():
        await coroutine()
        seen.append(names(exporter)[-1])
        assert [item async for item in async_generator()] == ["a"]
        seen.append(names(exporter)[-1])
        async with turn("async with"):
            pass
        seen.append(names(exporter)[-1])
        await turn("later")(lambda: asyncio.sleep(0))()
        seen.append(names(exporter)[-1])
        with pytest.raises(ValueError):  # noqa: PT011  # it is the one
            await turn("later, and fails")(lambda: failing())()  # noqa: PLW0108  # no coroutine function itself
        seen.append(names(exporter)[-1])

    function()
    seen.append(names(exporter)[-1])
    list(generator())
    seen.append(names(exporter)[-1])
    asyncio.run(main())
    assert seen == [
        "function",
        "generator",
        "coroutine",
        "async generator",
        "async with",
        "later",
        "later, and fails",
    ]


def test_a_stream_that_a_scope_wraps_is_exported_when_it_is_over(batching):
    exporter = InMemorySpanExporter()
    tracer = batching(exporter, LONG)

    def words():
        with tracer.start_as_current_span("llm"):
            yield "a"

    scope = set_session(session_id="conv-42")
    assert list(scope.wrap(words())) == ["a"]
    assert names(exporter) == ["llm"]


def test_a_stream_that_is_closed_is_exported_too(batching):
    exporter = InMemorySpanExporter()
    tracer = batching(exporter, LONG)

    class Stream:
        def __init__(self, name):
            self.span = tracer.start_span(name)

        def __iter__(self):
            return self

        __aiter__ = __iter__

        def __next__(self):
            return "a"

        def close(self):
            self.span.end()

        async def aclose(self):
            self.span.end()

    async def main():
        stream = set_session(session_id="conv-42").wrap(Stream("async"))
        await stream.aclose()

    set_session(session_id="conv-42").wrap(Stream("sync")).close()
    asyncio.run(main())
    assert names(exporter) == ["sync", "async"]


def test_log_records_are_exported_as_well(batching):
    exporter = InMemoryLogRecordExporter()
    logs = LoggerProvider(shutdown_on_exit=False)
    logs.add_log_record_processor(BatchLogRecordProcessor(exporter, schedule_delay_millis=AN_HOUR))
    batching(InMemorySpanExporter(), LONG)
    PROVIDERS.use(PROVIDERS.traces, logs)
    with turn("reply"):
        logs.get_logger("tests").emit(LogRecord(body="hello"))
    assert [data.log_record.body for data in exporter.get_finished_logs()] == ["hello"]
    logs.shutdown()


def test_an_exporter_that_hangs_holds_a_turn_up_for_the_time_that_is_set_and_the_next_ones_not_at_all(batching, held):
    batching(held, 20)
    with turn("first"):
        pass
    held.is_asked.wait(60)
    while flush_module._asked(20) is not None:  # as long as it may still come in time
        time.sleep(0.001)
    with turn("second"):
        pass
    held.go.set()
    assert flush_module._asked(LONG).result(60) is None
    assert held.names == ["first", "second"]


def test_the_event_loop_goes_on_while_a_turn_waits_for_its_export(batching, held):
    batching(held, LONG)
    done = []

    async def reply():
        async with turn("reply"):
            pass
        done.append("turn")

    async def other():
        while not held.is_asked.is_set():  # noqa: ASYNC110  # set by a thread
            await asyncio.sleep(0)
        done.append("other")
        held.go.set()

    async def main():
        await asyncio.gather(reply(), other())

    asyncio.run(main())
    assert done == ["other", "turn"]


def test_in_an_event_loop_of_another_make_nobody_waits(batching, held):
    batching(held, LONG)

    async def reply():
        async with turn("reply"):
            pass
        return "done"

    steps = reply()
    with pytest.raises(StopIteration) as stop:  # driven by hand: there is no loop of asyncio
        steps.send(None)
    assert stop.value.value == "done"


def test_a_plain_with_in_an_event_loop_asks_for_the_export_and_does_not_wait(batching, held):
    batching(held, LONG)

    async def reply():
        with turn("reply"):
            pass
        return held.go.is_set()

    assert asyncio.run(reply()) is False
    held.is_asked.wait(60)


def test_a_task_that_is_cancelled_does_not_wait(batching, held):
    batching(held, LONG)

    @turn("decorated")
    async def decorated():
        await asyncio.Event().wait()

    async def in_block():
        async with turn("block"):
            await asyncio.Event().wait()

    async def main():
        for function in (decorated, in_block):
            task = asyncio.ensure_future(function())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return held.go.is_set()

    assert asyncio.run(main()) is False


def test_a_stream_that_nobody_consumes_is_exported_when_it_is_collected(batching):
    exporter = InMemorySpanExporter()
    batching(exporter, LONG)
    with turn("reply") as t:
        t.wrap(iter("abc"))
    del t
    gc.collect()
    assert flush_module._asked(LONG).result(60) is None
    assert names(exporter) == ["reply"]


class Interrupting(SpanProcessor):
    def force_flush(self, timeout_millis=30000):
        raise SystemExit(timeout_millis)


def test_what_interrupts_a_flush_does_not_end_all_flushing(batching, warnings):
    batching(InMemorySpanExporter(), LONG)
    PROVIDERS.traces.add_span_processor(Interrupting())
    for _ in range(2):
        with turn("reply"):
            pass
    assert warnings() == ["otel_sessions: flushing raised SystemExit"]
    assert flush_module._asked(LONG).result(60) is None


def test_one_thread_flushes_for_all(batching, held):
    batching(held, 20)
    for _ in range(10):
        with turn("reply"):
            pass
    flushing = [thread for thread in threading.enumerate() if thread.name == "otel-sessions-flush"]
    assert len(flushing) == 1


def test_a_thread_that_can_not_be_started_is_a_warning(batching, monkeypatch, warnings):
    exporter = InMemorySpanExporter()
    batching(exporter, LONG)

    def refuse(_thread):
        message = "can't start new thread"
        raise RuntimeError(message)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with turn("first"):
            pass
    assert warnings() == ["otel_sessions: flushing raised RuntimeError"]
    with turn("second"):
        pass
    assert names(exporter) == ["first", "second"]


class Raising(SpanProcessor):
    def force_flush(self, timeout_millis=30000):
        raise KeyError(timeout_millis)


def test_an_exporter_that_raises_is_a_warning(batching, warnings):
    batching(InMemorySpanExporter(), LONG)
    PROVIDERS.traces.add_span_processor(Raising())
    with turn("reply"):
        pass
    assert warnings() == ["otel_sessions: flushing raised KeyError"]


def test_without_an_sdk_there_is_nothing_to_flush(batching):
    batching(InMemorySpanExporter(), LONG)
    PROVIDERS.use(NoOpTracerProvider(), NoOpLoggerProvider())
    with turn("reply"):
        pass


class Asking(SpanExporter):
    """Looks where it is asked to export."""

    def __init__(self) -> None:
        self.seen = []

    def export(self, spans):  # noqa: ARG002  # the SDK gives them
        self.seen.append((get_session(), [key for key in baggage.get_all() if key.startswith("session.")]))
        return SpanExportResult.SUCCESS


def test_an_exporter_does_not_find_the_session_of_who_was_the_first_to_ask(batching):
    """What it sends is everybody's, also where threads take a session along."""
    exporter, instrumentor = Asking(), ThreadingInstrumentor()
    batching(exporter, LONG)
    instrumentor.instrument()
    try:
        with set_session("ours"), turn("reply"):
            pass
    finally:
        instrumentor.uninstrument()
    assert exporter.seen == [(None, [])]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_flushes_by_itself(batching, held):
    batching(held, 20)
    with turn("in the parent, and hangs"):
        pass
    pid = os.fork()
    if pid == 0:
        exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=AN_HOUR))
        instrument(provider, flush=LONG)
        with turn("in the child"):
            pass
        os._exit(0 if names(exporter) == ["in the child"] else 1)
    assert os.waitpid(pid, 0)[1] == 0
