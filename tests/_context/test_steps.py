"""Steps: the workflow that was declared can be rebuilt from what a backend is sent, wherever its steps ran."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_sessions import bind_session, clear_session, from_carrier, get_session, set_session, step, to_carrier
from otel_sessions.demo import StandIn
from otel_sessions.sdk import SessionSpanProcessor, instrument, uninstrument
from wire import spans_of

SECONDS = 240

pytestmark = pytest.mark.usefixtures("no_error_of_anybody", "no_session_is_left_behind")


@pytest.fixture
def provider(receiver):
    """A pipeline that sends each span over a real socket as it ends."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=receiver.endpoint)))
    instrument(provider)
    yield provider
    uninstrument(provider)
    provider.shutdown()


@pytest.fixture
def tracer(provider):
    return provider.get_tracer("workflow")


def tree_of(receiver, session_id, name="llm"):
    """Return the tree of the calls ``name`` in one session: of each step how many, and the steps below it.

    By nothing but the attributes that were received. A call without a path is at the root, "/".
    """
    tree = {}
    for span in spans_of(receiver):
        if span.name == name and span.attributes["session.id"] == session_id:
            node = tree
            for part in filter(None, span.attributes.get("session.path", "/").split("/")):
                node = node.setdefault(part, {})
            node[""] = node.get("", 0) + 1
    return tree


def paths_of(receiver):
    return [span.attributes.get("session.path") for span in spans_of(receiver)]


def test_a_workflow_is_rebuilt_from_its_spans_with_repeats_and_calls_at_the_root(receiver, tracer):
    def call():
        tracer.start_span("llm").end()

    with set_session("course-7", name="Course Creation"), tracer.start_as_current_span("turn"):
        call()
        with step("abstract"):
            call()
        with step("outline"):
            call()
            for lesson in (1, 2, 3):
                with step(f"lesson-{lesson}"):
                    call()
                    with step("quiz"):
                        call()
        with step("outline"), step("lesson-2"):  # a repeat: another try of the same step
            call()
    assert tree_of(receiver, "course-7") == {
        "": 1,
        "abstract": {"": 1},
        "outline": {
            "": 1,
            "lesson-1": {"": 1, "quiz": {"": 1}},
            "lesson-2": {"": 2, "quiz": {"": 1}},
            "lesson-3": {"": 1, "quiz": {"": 1}},
        },
    }
    assert {span.attributes["session.name"] for span in spans_of(receiver)} == {"Course Creation"}


def test_calls_of_a_model_are_in_the_tree_as_they_are_in_the_code(receiver, provider):
    instrumentor = OpenAIInstrumentor()
    messages = [{"role": "user", "content": "What is a span?"}]
    instrumentor.instrument(tracer_provider=provider)
    with StandIn(seconds_per_word=0) as api, OpenAI(base_url=api.base_url, api_key="none") as client:
        with set_session("course-7"), step("outline"):
            client.chat.completions.create(model="m", messages=messages)
            with step("lesson-1"):
                stream = client.chat.completions.create(model="m", messages=messages, stream=True)
        assert list(stream)  # read outside of both steps
    instrumentor.uninstrument()
    assert tree_of(receiver, "course-7", "ChatCompletion") == {"outline": {"": 1, "lesson-1": {"": 1}}}


def test_steps_in_threads_that_take_their_context_along_are_below_the_step_that_started_them(receiver, tracer):
    def lesson(number):
        with step(f"lesson-{number}"):
            tracer.start_span("llm").end()

    with set_session("course-7"), step("outline"), ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(copy_context().run, lesson, number % 3) for number in range(9)]:
            future.result(SECONDS)
    assert tree_of(receiver, "course-7") == {"outline": {f"lesson-{number}": {"": 3} for number in range(3)}}


def test_steps_of_tasks_at_the_same_time_stay_apart(receiver, tracer):
    async def lesson(number):
        async with step(f"lesson-{number}"):
            await asyncio.sleep(0)
            tracer.start_span("llm").end()
            await asyncio.sleep(0)
            with step("quiz"):
                await asyncio.sleep(0)
                tracer.start_span("llm").end()

    async def main():
        with set_session("course-7"), step("outline"):
            await asyncio.gather(*map(lesson, range(3)), *map(lesson, range(2)))
            tracer.start_span("llm").end()

    asyncio.run(main())
    assert tree_of(receiver, "course-7") == {
        "outline": {
            "": 1,
            "lesson-0": {"": 2, "quiz": {"": 2}},
            "lesson-1": {"": 2, "quiz": {"": 2}},
            "lesson-2": {"": 1, "quiz": {"": 1}},
        }
    }


def test_decorated_functions_coroutines_and_generators_are_steps(receiver, tracer):
    @step("abstract")
    def abstract():
        tracer.start_span("llm").end()

    @step("outline")
    async def outline():
        tracer.start_span("llm").end()
        return list(lessons())

    @step("lessons")
    def lessons():
        for number in range(2):
            tracer.start_span("llm").end()
            yield number

    @step("reviews")
    async def reviews():
        for number in range(2):
            tracer.start_span("llm").end()
            yield number
            await asyncio.sleep(0)

    async def main():
        with set_session("course-7"):
            abstract()
            await outline()
            for _ in lessons():
                tracer.start_span("llm").end()  # of the consumer: at the root
            async for _ in reviews():
                with step("consumer"):
                    tracer.start_span("llm").end()

    asyncio.run(main())
    assert tree_of(receiver, "course-7") == {
        "": 2,
        "abstract": {"": 1},
        "outline": {"": 1, "lessons": {"": 2}},
        "lessons": {"": 2},
        "reviews": {"": 2},
        "consumer": {"": 2},
    }


def test_a_stream_that_is_wrapped_in_a_step_takes_its_steps_there(receiver, tracer):
    def words():
        for _ in range(2):
            tracer.start_span("llm").end()
            yield

    with set_session("course-7"):
        stream = step("outline").wrap(words())
    for _ in stream:
        assert get_session() is None
    assert tree_of(receiver, "course-7") == {"outline": {"": 2}}


PROGRAM = """
import os, sys
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from otel_sessions import from_carrier, step
from otel_sessions.sdk import instrument
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=sys.argv[1])))
instrument(provider)
tracer = provider.get_tracer("worker")
with from_carrier(os.environ):
    tracer.start_span("llm").end()
    with step("lesson-1"):
        tracer.start_span("llm").end()
"""


def test_steps_in_another_process_are_below_the_one_that_started_it(receiver, tracer, tmp_path):
    program = tmp_path / "worker.py"
    program.write_text(PROGRAM)
    with set_session("course-7", name="Course Creation"), step("outline"), tracer.start_as_current_span("llm"):
        environment = {**os.environ, **to_carrier(environ=True)}
        command = [sys.executable, str(program), receiver.endpoint]
        subprocess.run(command, env=environment, check=True, timeout=SECONDS)
    assert tree_of(receiver, "course-7") == {"outline": {"": 2, "lesson-1": {"": 1}}}
    assert len({span.trace_id for span in spans_of(receiver)}) == 1


def test_a_message_of_a_queue_is_handled_at_its_step(receiver, tracer):
    with set_session("course-7"), step("outline"), step("Lektion „eins“"):
        carrier = to_carrier()

    def worker():
        with from_carrier(carrier), step("quiz"):
            tracer.start_span("llm").end()

    thread = threading.Thread(target=worker)
    thread.start()
    thread.join()
    assert tree_of(receiver, "course-7") == {"outline": {"Lektion „eins“": {"quiz": {"": 1}}}}


def test_two_workflows_at_the_same_time_are_two_trees(receiver, tracer):
    with set_session("course-7"), step("outline"):
        with set_session("course-8"):
            tracer.start_span("llm").end()  # another session begins at its own root
            with step("abstract"):
                tracer.start_span("llm").end()
        with clear_session():
            tracer.start_span("other").end()
        tracer.start_span("llm").end()
    assert tree_of(receiver, "course-7") == {"outline": {"": 1}}
    assert tree_of(receiver, "course-8") == {"": 1, "abstract": {"": 1}}


def test_a_trace_that_is_bound_late_keeps_the_steps_that_were_taken(receiver, tracer):
    with tracer.start_as_current_span("llm"), step("outline"), tracer.start_as_current_span("llm"):
        bind_session("course-7")
        with step("lesson-1"):
            tracer.start_span("llm").end()
    assert tree_of(receiver, "course-7") == {"": 1, "outline": {"": 1, "lesson-1": {"": 1}}}


# Names


@pytest.mark.parametrize(
    ("names", "path"),
    [
        (["outline/lesson-1"], "/outline/lesson-1"),
        (["/outline/", "//lesson-1"], "/outline/lesson-1"),
        (["Über uns", "第一课"], "/Über uns/第一课"),
        (["outline", ".."], "/outline/.."),  # declared, and not a directory to go up from
        (["."], "/."),
        ([" outline ", "a / b"], "/outline/a/b"),
        (["a%2Fb"], "/a%2Fb"),
        (["/"], "/"),
        (["outline", "/"], "/outline"),
    ],
)
def test_a_path_is_what_was_declared(receiver, tracer, names, path):
    with ExitStack() as stack:
        stack.enter_context(set_session("course-7"))
        for name in names:
            stack.enter_context(step(name))
        tracer.start_span("llm").end()
    assert paths_of(receiver) == [path]


@pytest.mark.parametrize("name", ["", "  ", None, 1.5])
def test_a_step_without_a_name_is_a_warning_and_no_step(receiver, tracer, warnings, name):
    with set_session("course-7"), step("outline"), step(name):
        tracer.start_span("llm").end()
    assert paths_of(receiver) == ["/outline"]
    assert "name: " in warnings()[0]


def test_steps_that_get_too_long_still_group(receiver, tracer):
    with set_session("course-7"):
        for _ in range(2):
            with step("a" * 150), step("b" * 150):
                tracer.start_span("llm").end()
    first, second = paths_of(receiver)
    assert first == second
    assert first.startswith("/sha256-")


PRINTABLE = st.characters(categories=("L", "N", "P", "S"), exclude_characters="/")
NAMES = st.lists(st.text(PRINTABLE, min_size=1, max_size=12), max_size=4)


@given(st.lists(NAMES, max_size=6))
def test_whatever_steps_are_called_the_counts_of_each_path_are_those_declared(workflow):
    """Here by the session itself: that paths come over a socket as they are, the tests above show."""
    found = Counter()
    for names in workflow:
        with set_session("course-7"), ExitStack() as stack:
            for name in names:
                stack.enter_context(step(name))
            found[get_session().path or "/"] += 1
    assert found == Counter("/" + "/".join(names) for names in workflow)


def test_a_processor_alone_stamps_the_path_too(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor())
    with step("outline"), step("lesson-1"):
        pipeline.tracer.start_span("span").end()
    assert dict(pipeline.attributes("span")) == {"session.path": "/outline/lesson-1"}
