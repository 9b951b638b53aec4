"""`bind_session`: a trace gets its session late, its open spans and those to come, here and nowhere else."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import gc
import os
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import MagicMock

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context, use_span

from otel_sessions import (
    Session,
    bind_session,
    clear_session,
    get_session,
    set_session,
    step,
    to_carrier,
    update_session,
)
from otel_sessions._context import lives, local_trace
from otel_sessions.sdk import SessionSpanProcessor

REMOTE = baggage.set_baggage("user.id", "mallory", baggage.set_baggage("session.id", "remote", context.Context()))


def ids(pipeline):
    return {
        name: (span.attributes.get("session.id"), span.attributes.get("user.id"))
        for name, span in pipeline.spans().items()
    }


def remote_parent(trace_id=1):
    return set_span_in_context(
        NonRecordingSpan(SpanContext(trace_id, 2, is_remote=True, trace_flags=TraceFlags(1))), context.Context()
    )


def test_the_current_span_its_ancestors_its_siblings_and_what_comes_later_get_it(pipeline):
    start = pipeline.tracer.start_as_current_span
    with start("root"):
        with start("ended before"):
            pass
        sibling = pipeline.tracer.start_span("sibling")
        with start("parent"), start("current"):
            assert bind_session("a", user_id="ada") == get_session() == Session("a", "ada")
            pipeline.tracer.start_span("child").end()
        sibling.end()
        pipeline.tracer.start_span("later").end()
    pipeline.tracer.start_span("next trace").end()
    bound = dict.fromkeys(["root", "sibling", "parent", "current", "child", "later"], ("a", "ada"))
    assert ids(pipeline) == {**bound, "ended before": (None, None), "next trace": (None, None)}
    assert get_session() is None


def test_a_root_that_is_alone_gets_it(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        bind_session("a", user_id="ada")
    assert ids(pipeline) == {"root": ("a", "ada")}


def test_everything_that_a_session_holds_is_put_on_the_spans(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        bind_session("a", name="n", path="p", previous_id="before", metadata={"plan": "pro"}, tags=["beta"])
    assert pipeline.attributes("root") == {
        "session.id": "a",
        "session.name": "n",
        "session.path": "/p",
        "session.previous_id": "before",
        "session.metadata.plan": "pro",
        "session.tags": ("beta",),
    }


def test_it_reaches_every_task_and_thread_of_the_trace(pipeline):
    async def elsewhere(started, bound):
        with pipeline.tracer.start_as_current_span("task"):
            started.set()
            await bound.wait()
            pipeline.tracer.start_span("in the task").end()
            return get_session()

    async def main():
        started, bound = asyncio.Event(), asyncio.Event()
        with pipeline.tracer.start_as_current_span("root"):
            task = asyncio.create_task(elsewhere(started, bound))
            await started.wait()
            with ThreadPoolExecutor(1) as worker:
                worker.submit(contextvars.copy_context().run, bind_session, "a").result()
            bound.set()
            return await task

    assert asyncio.run(main()) == Session("a")
    assert set(ids(pipeline).values()) == {("a", None)}


def test_without_an_id_it_is_the_current_session(pipeline):
    with pipeline.tracer.start_as_current_span("root"), set_session("a", user_id="ada"):
        assert bind_session(name="n") == Session("a", "ada", "n")
    assert ids(pipeline) == {"root": ("a", "ada")}


def test_without_an_id_and_a_session_it_is_a_new_one(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        session = bind_session(user_id="ada")
    assert session.id
    assert ids(pipeline) == {"root": (session.id, "ada")}


def test_the_last_bind_wins_and_takes_off_what_the_one_before_has_put_there(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        bind_session("a", name="n", metadata={"plan": "pro"})
        bind_session("b", tags=["beta"])
        assert get_session() == Session("b", tags=("beta",))
    assert pipeline.attributes("root") == {"session.id": "b", "session.tags": ("beta",)}


def test_a_scope_that_is_entered_later_wins_and_one_that_was_open_gives_way(pipeline):
    start = pipeline.tracer.start_span
    with pipeline.tracer.start_as_current_span("root"), set_session("before"):
        open_span = start("open")
        bind_session("a")
        assert get_session() == Session("a")
        start("after the bind").end()
        with set_session("later"):
            assert get_session() == Session("later")
            start("in the scope").end()
        start("after the scope").end()
        open_span.end()
    found = {name: session_id for name, (session_id, _) in ids(pipeline).items()}
    assert found == {
        "root": "a",
        "open": "a",
        "after the bind": "a",
        "in the scope": "later",
        "after the scope": "a",
    }


def test_inside_clear_session_nothing_is_bound(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        with clear_session():
            kept_out = pipeline.tracer.start_span("open")
            bind_session("a")
            assert get_session() is None
            pipeline.tracer.start_span("started later").end()
        kept_out.end()
    assert ids(pipeline) == {"root": ("a", None), "open": (None, None), "started later": (None, None)}


def test_steps_and_updates_count_whether_they_were_entered_before_or_after(pipeline):
    with pipeline.tracer.start_as_current_span("root"), update_session(user_id="ada"), step("outer"):
        bind_session("a")
        assert get_session() == Session("a", "ada", path="/outer")
        with step("inner"), update_session(name="n"):
            assert get_session() == Session("a", "ada", "n", "/outer/inner")


def test_a_remote_session_gives_way_and_its_user_does_not_come_along(pipeline):
    with pipeline.tracer.start_as_current_span("root", context=REMOTE):
        bind_session("a")
        assert get_session() == Session("a")
    assert pipeline.attributes("root") == {"session.id": "a"}


def test_a_user_that_is_given_goes_over_a_remote_one(pipeline):
    token = context.attach(REMOTE)
    try:
        with pipeline.tracer.start_as_current_span("root"):
            assert bind_session("a", user_id="ada") == get_session() == Session("a", "ada")
    finally:
        context.detach(token)
    assert ids(pipeline) == {"root": ("a", "ada")}


def test_an_id_that_an_instrumentation_has_set_is_displaced_and_kept(pipeline):
    attributes = {"session.id": "invented", "user.id": "bob"}
    with pipeline.tracer.start_as_current_span("root", attributes=attributes):
        bind_session("a", user_id="ada")
    assert pipeline.attributes("root") == {"session.id": "a", "session.displaced_id": "invented", "user.id": "bob"}


def test_the_span_wins_where_it_is_set_to(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(conflict="span"))
    with pipeline.tracer.start_as_current_span("root", attributes={"session.id": "its own"}):
        bind_session("a")
    assert pipeline.attributes("root") == {"session.id": "its own", "session.displaced_id": "a"}


@pytest.mark.warned_of("digest")
def test_an_id_longer_than_the_value_limit_becomes_a_digest_that_fits(make_pipeline):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attribute_length=30))
    with pipeline.tracer.start_as_current_span("root"):
        bind_session("x" * 40)
    assert pipeline.attributes("root")["session.id"].startswith("sha256-")


@pytest.mark.warned_of("placeholder")
def test_two_requests_of_a_worker_that_interleave_stay_apart(pipeline):
    async def request(number, arrived, all_bound):
        with pipeline.tracer.start_as_current_span(f"server-{number}"):
            await asyncio.sleep(0)
            bind_session(f"session-{number}")
            arrived.append(number)
            if len(arrived) == 20:
                all_bound.set()
            await all_bound.wait()
            pipeline.tracer.start_span(f"client-{number}").end()

    async def main():
        arrived, all_bound = [], asyncio.Event()
        await asyncio.gather(*(request(number, arrived, all_bound) for number in range(20)))

    asyncio.run(main())
    assert ids(pipeline) == {
        f"{kind}-{number}": (f"session-{number}", None) for number in range(20) for kind in ("server", "client")
    }


def test_two_calls_of_a_worker_in_one_distributed_trace_stay_apart(pipeline):
    calls = {}
    for name in ("first", "second"):
        calls[name] = pipeline.tracer.start_span(name, context=remote_parent())
    for name, span in calls.items():
        with trace.use_span(span):
            bind_session(name)
            pipeline.tracer.start_span(f"below {name}").end()
    for span in calls.values():
        span.end()
    assert ids(pipeline) == {f"{where}{name}": (name, None) for name in calls for where in ("", "below ")}


def test_spans_below_one_remote_parent_are_local_roots_of_their_own(pipeline):
    parent = remote_parent()
    with pipeline.tracer.start_as_current_span("first", context=parent):
        bind_session("a")
    pipeline.tracer.start_span("second", context=parent).end()
    assert ids(pipeline) == {"first": ("a", None), "second": (None, None)}


def test_below_a_remote_parent_without_a_server_span_it_holds_for_what_is_started_there(pipeline):
    token = context.attach(remote_parent())
    try:
        bind_session("a")
        assert get_session() == Session("a")
        pipeline.tracer.start_span("below").end()
    finally:
        context.detach(token)
    assert ids(pipeline) == {"below": ("a", None)}


def test_it_outlives_the_last_open_span_in_what_was_started_there(pipeline):
    async def background(ended):
        await ended.wait()
        pipeline.tracer.start_span("background").end()
        return get_session()

    async def main():
        ended = asyncio.Event()
        with pipeline.tracer.start_as_current_span("root", context=REMOTE):
            bind_session("a", user_id="ada")
            task = asyncio.create_task(background(ended))
        ended.set()
        return await task

    assert asyncio.run(main()) == Session("a", "ada")
    assert ids(pipeline)["background"] == ("a", "ada")


def test_nothing_of_it_is_left_for_the_next_request_of_the_worker(pipeline):
    for number in range(3):
        with pipeline.tracer.start_as_current_span(f"server-{number}"):
            assert get_session() is None
            if number == 0:
                bind_session("a", user_id="ada")
    assert ids(pipeline) == {"server-0": ("a", "ada"), "server-1": (None, None), "server-2": (None, None)}


def test_what_is_sent_from_the_trace_carries_it(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        bind_session("a", user_id="ada")
        assert to_carrier()["baggage"] == "session.id=a,user.id=ada"


def test_without_a_span_there_is_nothing_to_bind_and_it_says_so_once(warnings):
    for _ in range(2):
        assert bind_session("a", user_id="ada") == Session("a", "ada")
    assert get_session() is None
    assert len(warnings()) == 1
    assert "there is no current span" in warnings()[0]
    assert "set_session()" in warnings()[0]


@pytest.mark.parametrize("provider", [None, trace.NoOpTracerProvider()], ids=["proxy", "no-op"])
def test_without_a_provider_of_the_sdk_it_says_that_one_is_missing(provider, monkeypatch, warnings):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    with trace.get_tracer("app").start_as_current_span("POST /chat"):
        assert bind_session("a", user_id="ada") == Session("a", "ada")
    (said,) = warnings()
    assert "no TracerProvider of the SDK is set" in said
    assert "opentelemetry.trace.set_tracer_provider() first" in said


def test_without_a_provider_and_outside_of_any_span_it_is_the_span_that_is_missing(monkeypatch, warnings):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    bind_session("a")
    assert "there is no current span" in warnings()[0]


@pytest.mark.parametrize("provider", [None, trace.NoOpTracerProvider()], ids=["proxy", "no-op"])
def test_below_a_caller_it_is_bound_without_a_provider_too(provider, monkeypatch, warnings):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    with trace.get_tracer("app").start_as_current_span("POST /chat", remote_parent()):
        bind_session("a")
        assert get_session() == Session("a")
    assert warnings() == []


def test_a_tracer_that_is_switched_off_is_no_missing_provider(pipeline, monkeypatch, warnings):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", pipeline.provider)
    with trace.NoOpTracer().start_as_current_span("POST /chat"):
        bind_session("a")
    (said,) = warnings()
    assert "the current span belongs to no trace" in said


def test_an_sdk_that_is_switched_off_on_purpose_is_no_mistake(monkeypatch, warnings):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(shutdown_on_exit=False))
    with trace.get_tracer("app").start_as_current_span("POST /chat"):
        assert bind_session("a") == Session("a")
    assert warnings() == []


def test_where_nothing_is_recorded_it_still_goes_on_to_other_services(make_pipeline):
    pipeline = make_pipeline(sampler=ALWAYS_OFF)
    with pipeline.tracer.start_as_current_span("root"):
        bind_session("a", user_id="ada")
        assert get_session() == Session("a", "ada")
        with pipeline.tracer.start_as_current_span("child"):
            assert get_session() == Session("a", "ada")
            assert to_carrier()["baggage"] == "session.id=a,user.id=ada"
    assert get_session() is None
    gc.collect()
    assert len(lives._unrecorded) == 0


def test_where_nothing_is_recorded_two_calls_in_one_trace_stay_apart(make_pipeline):
    tracer = make_pipeline(sampler=ALWAYS_OFF).tracer
    calls = {name: tracer.start_span(name, context=remote_parent(7)) for name in ("first", "second")}
    for name, span in calls.items():
        with trace.use_span(span):
            bind_session(name)
    for name, span in calls.items():
        with trace.use_span(span):
            assert get_session() == Session(name)
            with tracer.start_as_current_span("child"):
                assert get_session() is None


def test_without_an_sdk_it_holds_below_what_came_in():
    token = context.attach(remote_parent())
    try:
        bind_session("a")
        with trace.NoOpTracer().start_as_current_span("no-op"):
            assert get_session() == Session("a")
    finally:
        context.detach(token)


def test_a_bad_id_is_absent_and_says_so(pipeline, warnings):
    with pipeline.tracer.start_as_current_span("root"):
        assert bind_session("", user_id="ada") == Session(None, "ada")
    assert pipeline.attributes("root") == {"user.id": "ada"}
    assert "session_id: an empty string" in warnings()[0]


def test_a_failure_never_reaches_the_application(pipeline, monkeypatch, warnings):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("otel_sessions._context.lives.bind", broken)
    with pipeline.tracer.start_as_current_span("root"):
        assert bind_session("a") == Session()
    assert "bind_session: binding raised ZeroDivisionError" in warnings()[0]


def test_a_mock_for_a_span_does_no_harm(pipeline):
    token = context.attach(set_span_in_context(MagicMock()))
    try:
        assert get_session() is None
        bind_session("a")
        with set_session("b"):
            pipeline.tracer.start_span("child").end()
    finally:
        context.detach(token)
    assert ids(pipeline) == {"child": ("b", None)}


def test_a_disabled_processor_stays_out_of_it(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(disabled=True))
    with pipeline.tracer.start_as_current_span("root"), pipeline.tracer.start_as_current_span("child"):
        assert bind_session("a") == get_session()
    assert ids(pipeline) == {"root": (None, None), "child": (None, None)}


def test_a_processor_that_is_switched_off_in_between_stamps_no_more(make_pipeline):
    processor = SessionSpanProcessor()
    pipeline = make_pipeline(processor)
    with pipeline.tracer.start_as_current_span("root"):
        processor.apply(SessionSpanProcessor(disabled=True).settings)
        bind_session("a")
    assert ids(pipeline) == {"root": (None, None)}


def test_an_open_span_is_kept_by_nothing_once_the_application_drops_it(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        bind_session("a")
        never_ended = pipeline.tracer.start_span("never ended")
    dropped = weakref.ref(never_ended)
    pipeline.exporter.clear()
    del never_ended
    gc.collect()
    assert dropped() is None


def test_spans_that_are_never_ended_do_not_pile_up_below_a_root_that_stays_open(pipeline, monkeypatch):
    monkeypatch.setattr(lives, "MAX_OPEN", 10)
    with pipeline.tracer.start_as_current_span("root") as root:
        spans = [weakref.ref(pipeline.tracer.start_span("never ended")) for _ in range(100)]
        gc.collect()
        assert len([span for span in spans if span() is not None]) <= 10
        assert len(local_trace.note_of(root).trace.open) <= 10


def test_children_that_start_at_once_share_one_record(pipeline):
    start = threading.Barrier(8)

    def child(parent):
        start.wait()
        return pipeline.tracer.start_span("child", context=parent)

    for _ in range(20):
        with pipeline.tracer.start_as_current_span("root"), ThreadPoolExecutor(8) as workers:
            here = context.get_current()
            children = list(workers.map(child, [here] * 8))
            bind_session("a")
            assert {span.attributes["session.id"] for span in children} == {"a"}


def test_a_bind_while_spans_start_misses_none(pipeline):
    def start_some(parent, go):
        go.wait()
        return [pipeline.tracer.start_span("child", context=parent) for _ in range(100)]

    for _ in range(10):
        with set_session("before", user_id="bob"), pipeline.tracer.start_as_current_span("root"):
            here, go = context.get_current(), threading.Barrier(5)
            with ThreadPoolExecutor(4) as workers:
                started = [workers.submit(start_some, here, go) for _ in range(4)]
                go.wait()
                bind_session("a", user_id="ada")
            spans = [span for future in started for span in future.result()]
        assert {(span.attributes["session.id"], span.attributes["user.id"]) for span in spans} == {("a", "ada")}


def test_of_many_binds_at_once_no_span_gets_the_session_of_one_and_the_user_of_another(pipeline):
    def bind_some(parent, name):
        token = context.attach(parent)
        for number in range(100):
            bind_session(f"{name}-{number}", user_id=f"{name}-{number}", name="n" if number % 2 else None)
            started.append(pipeline.tracer.start_span("child"))
        context.detach(token)

    interval, started = sys.getswitchinterval(), []
    sys.setswitchinterval(1e-6)
    try:
        with pipeline.tracer.start_as_current_span("root") as root, ThreadPoolExecutor(4) as workers:
            here = context.get_current()
            done = [workers.submit(bind_some, here, name) for name in "abcd"]
            for future in done:
                future.result()
            last = get_session().id
    finally:
        sys.setswitchinterval(interval)
    found = {(span.attributes["session.id"], span.attributes["user.id"]) for span in [*started, root]}
    assert found == {(last, last)}
    assert {key for span in started for key in span.attributes} <= {"session.id", "user.id", "session.name"}


def test_a_garbage_collection_in_the_middle_of_it_may_start_spans_and_bind(pipeline):
    """It may end a generator at any moment, whose clean-up does whatever it does, on the same thread."""
    with pipeline.tracer.start_as_current_span("root"), local_trace.BEGINNING:
        pipeline.tracer.start_span("child").end()
        bind_session("a")
    assert ids(pipeline)["root"] == ("a", None)


def test_of_another_session_nothing_stays_and_of_none_what_is_no_id_does(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        with step("one"), update_session(name="n"):
            in_a_step = pipeline.tracer.start_span("in a step")
        with set_session("before", user_id="bob", name="n", path="p"):
            in_another = pipeline.tracer.start_span("in another")
        bind_session("a")
        in_a_step.end()
        in_another.end()
    assert pipeline.attributes("in a step") == {"session.id": "a", "session.path": "/one", "session.name": "n"}
    assert pipeline.attributes("in another") == {"session.id": "a"}


def test_a_step_around_a_span_gives_way_to_a_path_of_the_session_and_comes_back_after_it(pipeline):
    with pipeline.tracer.start_as_current_span("root"), step("one"):
        span = pipeline.tracer.start_span("in a step")
        seen = []
        for session_id, path in (("a", None), ("b", "of-the-session"), ("c", None)):
            bind_session(session_id, path=path)
            seen.append(span.attributes["session.path"])
        span.end()
    assert seen == ["/one", "/of-the-session", "/one"]


def test_a_bind_in_the_middle_of_a_start_is_made_good(pipeline, monkeypatch):
    """What was looked up is put on the span after the bind has been there: it must not stay."""
    processor_module = "otel_sessions._pipeline.span_processor.of_parent"
    with set_session("before", name="n"):
        root = pipeline.tracer.start_span("root")
        here = set_span_in_context(root)

    def overtaken(span, attributes):
        state = of_parent(span, attributes)
        monkeypatch.setattr(processor_module, of_parent)
        token = context.attach(here)
        bind_session("a")
        context.detach(token)
        return state

    from otel_sessions._context.resolution import of_parent

    monkeypatch.setattr(processor_module, overtaken)
    pipeline.tracer.start_span("overtaken", context=set_span_in_context(root)).end()
    root.end()
    assert pipeline.attributes("overtaken") == {"session.id": "a"}


def test_a_bind_in_the_middle_of_a_start_inside_clear_session_leaves_the_span_alone(pipeline, monkeypatch):
    withdraw = SessionSpanProcessor._withdraw

    def overtaken(processor, note):
        token = context.attach(here)
        bind_session("a")
        context.detach(token)
        withdraw(processor, note)

    with pipeline.tracer.start_as_current_span("root"):
        here = context.get_current()
        monkeypatch.setattr(SessionSpanProcessor, "_withdraw", overtaken)
        with clear_session():
            pipeline.tracer.start_span("overtaken").end()
    assert ids(pipeline) == {"root": ("a", None), "overtaken": (None, None)}


def test_the_counts_tell_what_was_bound_late(make_pipeline):
    processor = SessionSpanProcessor()
    pipeline = make_pipeline(processor)
    with pipeline.tracer.start_as_current_span("root"), pipeline.tracer.start_as_current_span("child"):
        assert (processor.stats().without_session, processor.stats().stamped) == (2, 0)
        bind_session("a")
    stats = processor.stats()
    assert (stats.bound_late, stats.stamped, stats.without_session) == (2, 2, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_after_a_fork_parent_and_child_go_on_on_their_own(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        pipeline.tracer.start_span("child").end()
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:  # pragma: no cover  # the child ends without a word to the coverage
            with pipeline.tracer.start_as_current_span("in the child") as span:
                bind_session("in the child")
            os.write(writer, span.attributes["session.id"].encode())
            os._exit(0)
        os.waitpid(pid, 0)
        os.close(writer)
        assert os.read(reader, 100) == b"in the child"
        os.close(reader)
        assert get_session() is None
        bind_session("in the parent")
    assert ids(pipeline)["root"] == ("in the parent", None)


def test_a_bind_in_a_fork_leaves_the_open_spans_of_the_parent_alone(pipeline):
    """Another thread of the parent may hold the lock of one: it would be held for ever."""
    with pipeline.tracer.start_as_current_span("of the parent"):
        local_trace.CLOCK._fork()  # as it is called in a fork
        with pipeline.tracer.start_as_current_span("current"):
            bind_session("a")
            pipeline.tracer.start_span("later").end()
    assert ids(pipeline)["of the parent"] == (None, None)
    assert ids(pipeline)["current"] == ids(pipeline)["later"] == ("a", None)


def test_a_span_is_exported_and_copied_as_before(pipeline):
    with pipeline.tracer.start_as_current_span("root"):
        bind_session("a")
    exported = pipeline.spans()["root"]
    assert copy.copy(exported).to_json() == exported.to_json()
    assert "otel_sessions" not in exported.to_json()


def test_after_a_fork_the_open_spans_of_the_child_are_bound(pipeline):
    with pipeline.tracer.start_as_current_span("of the parent"):
        local_trace.CLOCK._fork()  # as it is called in a fork
        with pipeline.tracer.start_as_current_span("first"), pipeline.tracer.start_as_current_span("second"):
            bind_session("a")
    found = ids(pipeline)
    assert found["first"] == found["second"] == ("a", None)


def test_the_current_span_is_bound_where_too_many_are_open(pipeline, monkeypatch):
    monkeypatch.setattr(lives, "MAX_OPEN", 1)
    with pipeline.tracer.start_as_current_span("root"), pipeline.tracer.start_as_current_span("child"):
        bind_session("a")
    assert ids(pipeline) == {"root": ("a", None), "child": ("a", None)}


def test_what_code_has_set_since_the_start_stays_though_the_session_before_had_put_another_there(pipeline):
    with set_session("before", user_id="bob", name="n"), pipeline.tracer.start_as_current_span("root") as span:
        span.set_attribute("session.name", "set by hand")
        bind_session("a")
    assert pipeline.attributes("root") == {"session.id": "a", "user.id": "bob", "session.name": "set by hand"}


def test_a_span_that_ends_while_others_are_bound_is_passed_over(pipeline):
    with pipeline.tracer.start_as_current_span("root") as root:
        pipeline.tracer.start_span("child")
        trace_record = local_trace.note_of(root).trace
        trace_record.open = {"first": lambda _: trace_record.open.clear(), "gone": pytest.fail}
        bind_session("a")
    assert trace_record.open == {}


def test_what_a_span_was_displaced_from_is_kept_by_a_later_bind(pipeline):
    with set_session("before"), pipeline.tracer.start_as_current_span("root", attributes={"session.id": "invented"}):
        bind_session("a")
    assert pipeline.attributes("root") == {"session.id": "a", "session.displaced_id": "invented"}


def test_a_span_that_another_thread_ends_in_the_meantime_is_left_to_its_exporter(pipeline, monkeypatch):
    with set_session("before", name="n"), pipeline.tracer.start_as_current_span("root"):
        span = pipeline.tracer.start_span("span")
        exchange = SessionSpanProcessor._exchange

        def overtaken(processor, found, note, state):
            if found is span:
                span.end()
            exchange(processor, found, note, state)

        monkeypatch.setattr(SessionSpanProcessor, "_exchange", overtaken)
        bind_session("a")
    assert pipeline.attributes("span") == {"session.id": "before", "session.name": "n"}


def test_two_requests_of_one_remote_trace_stay_apart_though_only_one_binds(pipeline):
    """Each has a span of its own caller above it; what came in is not what was bound here."""
    parents = [remote_parent(), remote_parent()]
    token = context.attach(parents[0])
    bind_session("a", user_id="ada")
    context.detach(token)
    token = context.attach(parents[1])
    assert get_session() is None
    pipeline.tracer.start_span("server").end()
    context.detach(token)
    assert ids(pipeline) == {"server": (None, None)}


def test_two_processors_of_one_provider_are_as_one(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(), SessionSpanProcessor())
    with set_session("before", user_id="bob", name="n"), pipeline.tracer.start_as_current_span("root"):
        bind_session("a", user_id="ada")
        pipeline.tracer.start_span("later").end()
    both = {"session.id": "a", "user.id": "ada"}
    assert (pipeline.attributes("root"), pipeline.attributes("later")) == (both, both)


def test_an_instrumentation_that_agreed_with_the_session_before_is_not_displaced(pipeline):
    attributes = {"session.id": "before", "user.id": "bob"}
    with set_session("before", user_id="bob"), pipeline.tracer.start_as_current_span("root", attributes=attributes):
        bind_session("a", user_id="ada")
    assert pipeline.attributes("root") == {"session.id": "a", "user.id": "ada"}


def test_a_provider_of_its_own_for_each_span_of_a_trace_makes_no_difference(pipeline, make_pipeline):
    other = make_pipeline()
    with pipeline.tracer.start_as_current_span("root"), other.tracer.start_as_current_span("child"):
        bind_session("a")
    assert {**ids(pipeline), **ids(other)} == {"root": ("a", None), "child": ("a", None)}


@pytest.mark.warned_of("propagators")
def test_without_the_processor_the_trace_is_bound_all_the_same():
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    with tracer.start_as_current_span("root"), tracer.start_as_current_span("child"):
        bind_session("a")
        assert get_session() == Session("a")


class BindsAtTheStart(SpanProcessor):
    """What an application may have before ours: the session of a job is known to it when the span of the job starts."""

    def on_start(self, span, parent_context=None):  # noqa: ARG002  # the SDK's signature
        if span.name == "job":
            with use_span(span):
                bind_session("conv-42", user_id="ada")


def test_what_is_bound_while_a_span_starts_is_for_what_is_below_it(make_pipeline):
    pipeline = make_pipeline(BindsAtTheStart(), SessionSpanProcessor())
    with pipeline.tracer.start_as_current_span("job"):
        assert get_session() == Session(id="conv-42", user_id="ada")
        pipeline.tracer.start_span("below").end()
    assert pipeline.attributes("below") == {"session.id": "conv-42", "user.id": "ada"}


@pytest.mark.parametrize(
    "limits", [SpanLimits(max_span_attributes=2), SpanLimits(max_span_attribute_length=100)], ids=["few", "short"]
)
def test_what_is_bound_while_a_span_starts_takes_no_scope_off_it(make_pipeline, limits):
    pipeline = make_pipeline(BindsAtTheStart(), SessionSpanProcessor(), span_limits=limits)
    with set_session("conv-41", user_id="bob"):
        pipeline.tracer.start_span("job", attributes={"a": 1}).end()
    assert ids(pipeline) == {"job": ("conv-41", "bob")}
