"""The span of one exchange: what was said, on which span, in which trace; `with`, decorated, and as a stream."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import enum
import gc
import inspect
import json
import logging
import math
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError
from types import MappingProxyType, ModuleType

import httpx
import pydantic
import pytest
from django.conf import settings
from django.http import StreamingHttpResponse
from flask import Response
from openai import AsyncOpenAI, OpenAI
from openinference.instrumentation import using_user
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import baggage, context, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext, StatusCode, TraceFlags, set_span_in_context
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from local_receiver import OTLPReceiver
from otel_sessions import Turn, bind_session, clear_session, from_carrier, get_session, set_session, step, turn
from otel_sessions._context.providers import PROVIDERS, scope_version
from otel_sessions._conversation import turn_order
from otel_sessions.sdk import instrument
from wire import spans_of

pytestmark = pytest.mark.usefixtures("no_session_is_left_behind")

MESSAGES = [{"role": "user", "content": "What is a span?"}]


@pytest.fixture(autouse=True)
def _turns_go_to_the_pipeline(pipeline):
    PROVIDERS.use(pipeline.provider, None)


def said(pipeline, name):
    attributes = pipeline.attributes(name)
    return attributes.get("input.value"), attributes.get("output.value")


def parent_of(pipeline, name):
    parent = pipeline.spans()[name].parent
    by_id = {span.context.span_id: span.name for span in pipeline.exporter.get_finished_spans()}
    return None if parent is None else by_id[parent.span_id]


def links_of(pipeline, name):
    by_id = {span.context.span_id: span.name for span in pipeline.exporter.get_finished_spans()}
    return [by_id[link.context.span_id] for link in pipeline.spans()[name].links]


# --- what is on the span


@pytest.mark.parametrize(("is_there", "operation"), [(False, None), (True, "invoke_workflow")])
def test_where_an_sdk_exports_spans_of_generative_ai_alone_a_turn_is_one(pipeline, monkeypatch, is_there, operation):
    """Langfuse's SDK looks for an attribute ``gen_ai.*``, when the span starts and when it ends."""
    if is_there:
        monkeypatch.setitem(sys.modules, "langfuse", ModuleType("langfuse"))
    with turn("reply"):
        pass
    assert pipeline.attributes("reply").get("gen_ai.operation.name") == operation


def test_a_turn_is_a_span_with_input_output_kind_and_the_ids(pipeline):
    with set_session(session_id="conv-42", user_id="ada"), turn("reply", input="What is a span?") as t:
        assert trace.get_current_span() is t.span
        t.output = "A unit of work."
    assert pipeline.attributes("reply") == {
        "openinference.span.kind": "CHAIN",
        "session.id": "conv-42",
        "user.id": "ada",
        "input.value": "What is a span?",
        "input.mime_type": "text/plain",
        "output.value": "A unit of work.",
        "output.mime_type": "text/plain",
    }
    span = pipeline.spans()["reply"]
    assert (span.kind, span.status.status_code, span.parent) == (trace.SpanKind.INTERNAL, StatusCode.UNSET, None)
    assert (span.instrumentation_scope.name, t.input, t.output) == (
        "otel_sessions",
        "What is a span?",
        "A unit of work.",
    )


def test_inside_a_turn_another_user_that_is_set_without_a_session_is_found(pipeline):
    with turn("chat"), using_user("ada"):
        pipeline.tracer.start_span("inside").end()
    assert pipeline.attributes("inside") == {"user.id": "ada"}


def test_a_turn_that_is_not_recorded_leaves_the_session_of_a_caller():
    tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("tests")
    token = context.attach(baggage.set_baggage("session.id", "callers"))
    with tracer.start_as_current_span("server"), turn("chat", tracer=tracer):
        assert get_session().id == "callers"
        bind_session("conv-42")
        assert get_session().id == "conv-42"
    context.detach(token)


def test_a_turn_without_a_session_has_none(pipeline):
    with turn() as t:
        assert get_session() is None
        t.output = "hi"
    assert pipeline.attributes("turn").keys() == {"openinference.span.kind", "output.value", "output.mime_type"}


@dataclasses.dataclass
class Question:
    text: str
    key: str = dataclasses.field(default="secret", repr=False)


class Model:
    """As of pydantic."""

    def model_dump(self, mode):
        return {"mode": mode}


class Colour(str, enum.Enum):
    RED = "red"


class Settings(pydantic.BaseModel):
    key: str = pydantic.Field(repr=False)
    size: int


class Opaque:
    def __repr__(self):
        return "secret"


class Broken:
    def model_dump(self, mode):
        raise KeyError(mode)


def cycle():
    found = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    ("value", "text", "mime_type"),
    [
        pytest.param("text", "text", "text/plain", id="str"),
        pytest.param("", "", "text/plain", id="empty"),
        pytest.param(b"caf\xc3\xa9\xff", "café\ufffd", "text/plain", id="bytes"),
        pytest.param({"a": ["é", 1, None, True]}, '{"a": ["é", 1, null, true]}', "application/json", id="dict"),
        pytest.param(Question("q"), '{"text": "q"}', "application/json", id="dataclass"),
        pytest.param(Model(), '{"mode": "json"}', "application/json", id="pydantic"),
        pytest.param(StatusCode.ERROR, "2", "application/json", id="enum"),
        pytest.param({1}, "[1]", "application/json", id="set"),
        pytest.param(
            MappingProxyType({}), '"<mappingproxy>"', "application/json", id="mapping, as a request may be one"
        ),
        pytest.param(Colour.RED, "red", "text/plain", id="enum of texts"),
        pytest.param(math.nan, "<float>", "text/plain", id="no number"),
        pytest.param("half \ud83d", "half ?", "text/plain", id="lone surrogate"),
        pytest.param(
            Settings(key="secret", size=1), '{"size": 1}', "application/json", id="pydantic, with what its repr hides"
        ),
        pytest.param(
            [b"x", Opaque()], '["x", "<Opaque>"]', "application/json", id="object of which only the type is shown"
        ),
        pytest.param({(1, 2): 3, "a": 4}, '{"a": 4}', "application/json", id="a key that is no text"),
        pytest.param(cycle(), "<list>", "text/plain", id="cycle"),
        pytest.param(Broken(), "<Broken>", "text/plain", id="raises"),
        pytest.param("x" * 262_145, "x" * 262_143 + "…", "text/plain", id="too long"),
    ],
)
def test_a_value_is_a_text_or_json_and_never_a_repr(pipeline, value, text, mime_type):
    with turn(input=value) as t:
        t.output = value
    attributes = pipeline.attributes("turn")
    for which in ("input", "output"):
        assert (attributes[f"{which}.value"], attributes[f"{which}.mime_type"]) == (text, mime_type)


@pytest.mark.parametrize("spelling", ["1", "yes", " TRUE "])
def test_a_spelling_that_openinference_does_not_know_hides_all_the_same(pipeline, monkeypatch, warnings, spelling):
    monkeypatch.setenv("OPENINFERENCE_HIDE_INPUTS", spelling)
    with turn(input="secret"):
        pass
    assert said(pipeline, "turn") == ("__REDACTED__", None)
    assert len(warnings()) == (0 if spelling.strip() == "TRUE" else 1)


def test_a_model_that_holds_something_else_than_it_says_is_no_warning(pipeline):
    with turn() as t:
        t.output = Settings.model_construct(key="k", size="not a number")
    assert said(pipeline, "turn") == (None, '{"size": "not a number"}')


def test_uuids_dates_and_paths_are_texts(pipeline):
    import uuid
    from datetime import date
    from pathlib import PurePosixPath

    with turn(input=[uuid.UUID(int=1), date(2026, 1, 2), PurePosixPath("/a")]):
        pass
    assert json.loads(said(pipeline, "turn")[0]) == [str(uuid.UUID(int=1)), "2026-01-02", "/a"]


@pytest.mark.parametrize("variable", ["OPENINFERENCE_HIDE_INPUTS", "OPENINFERENCE_HIDE_OUTPUTS"])
def test_what_is_said_can_be_hidden_as_of_openinference(pipeline, monkeypatch, variable):
    monkeypatch.setenv(variable, "True")
    with pipeline.tracer.start_as_current_span("POST /chat"), turn(input="secret 1") as t:
        t.output = "secret 2"
    hidden = ("__REDACTED__", "secret 2") if variable.endswith("INPUTS") else ("secret 1", "__REDACTED__")
    assert said(pipeline, "turn") == said(pipeline, "POST /chat") == hidden


def test_a_hidden_stream_is_not_collected(pipeline, monkeypatch):
    monkeypatch.setenv("OPENINFERENCE_HIDE_OUTPUTS", "true")

    @turn()
    def answer():
        yield "secret"

    assert list(answer()) == ["secret"]
    assert said(pipeline, "turn") == (None, None)


def test_an_exception_is_recorded_and_goes_on(pipeline):
    with pytest.raises(ValueError, match="no model"), turn(input="q"):
        raise ValueError("no model")  # noqa: EM101, TRY003  # as of an application
    span = pipeline.spans()["turn"]
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError: no model")
    assert [event.attributes["exception.type"] for event in span.events] == ["ValueError"]


class UnspeakableError(Exception):
    def __str__(self):
        raise RuntimeError


def test_an_exception_that_can_not_be_written_ends_its_turn(pipeline, warnings):
    with pytest.raises(UnspeakableError), turn():
        raise UnspeakableError
    assert pipeline.spans()["turn"].status.status_code is StatusCode.ERROR
    assert [text for text in warnings() if "recording an exception raised" not in text] == []


def test_half_a_character_costs_no_batch():
    """One text that is no UTF-8 would lose all spans of the batch, in the real exporter."""
    with OTLPReceiver() as receiver:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=receiver.endpoint)))
        PROVIDERS.use(provider, None)
        with contextlib.suppress(ValueError), turn("fails", input="q \ud83d") as t:
            t.output = {"a": "\ud83d"}
            raise ValueError("\ud83d")  # noqa: EM101  # as of an application
        list(turn("stream")(lambda: iter(["a", "\ud83d"]))())
        provider.force_flush()
        provider.shutdown()
        found = {span.name: span.attributes for span in spans_of(receiver)}
    assert (found["fails"]["input.value"], found["fails"]["output.value"]) == ("q ?", '{"a": "?"}')
    assert found["stream"]["output.value"] == "a?"


def test_a_message_without_end_is_cut(pipeline):
    with pytest.raises(ValueError, match="x"), turn():
        raise ValueError("x" * 1_000_000)
    span = pipeline.spans()["turn"]
    assert len(span.status.description) == 4096
    assert max(map(len, span.events[0].attributes.values())) == 65_536


def test_what_interrupts_the_beginning_leaves_nothing_behind(pipeline):
    class Interrupting:
        def model_dump(self, **_options):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), turn(input=Interrupting()):
        raise AssertionError
    assert (list(pipeline.spans()), trace.get_current_span()) == (["turn"], trace.INVALID_SPAN)


def test_what_ends_a_task_is_no_failure_of_the_turn(pipeline):
    async def main():
        task = asyncio.ensure_future(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    @turn("cancelled")
    async def waits():
        await asyncio.Event().wait()

    asyncio.run(main())
    assert pipeline.spans()["cancelled"].status.status_code is StatusCode.UNSET


# --- where it is in the trace


def test_a_turn_is_a_child_of_the_active_span_and_its_root_has_what_was_said_too(pipeline):
    with (
        set_session(session_id="conv-42"),
        pipeline.tracer.start_as_current_span("POST /chat"),
        pipeline.tracer.start_as_current_span("middleware"),
        turn("reply", input={"q": 1}) as t,
    ):
        t.output = "a"
    assert parent_of(pipeline, "reply") == "middleware"
    assert said(pipeline, "middleware") == (None, None)
    assert pipeline.attributes("POST /chat") == {
        "session.id": "conv-42",
        "input.value": '{"q": 1}',
        "input.mime_type": "application/json",
        "output.value": "a",
        "output.mime_type": "text/plain",
    }


def test_a_turn_inside_a_turn_leaves_the_outer_ones_own_words(pipeline):
    with turn("outer", input="q") as outer:
        with turn("inner", input="part of q") as inner:
            inner.output = "part of a"
        assert outer.output is None
        outer.output = "a"
    assert parent_of(pipeline, "inner") == "outer"
    assert (said(pipeline, "outer"), said(pipeline, "inner")) == (("q", "a"), ("part of q", "part of a"))


def test_a_root_that_has_ended_is_left_alone(pipeline):
    root = pipeline.tracer.start_span("root")
    with trace.use_span(root), pipeline.tracer.start_as_current_span("background"), turn(input="q") as t:
        root.end()
        t.output = "a"
    assert said(pipeline, "root") == ("q", None)


def test_a_turn_below_a_remote_parent_is_the_local_root(pipeline):
    remote = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))
    with from_carrier({"traceparent": f"00-{1:032x}-{2:016x}-01", "baggage": "session.id=conv-42"}), turn(input="q"):
        pass
    span = pipeline.spans()["turn"]
    assert (span.parent.span_id, span.context.trace_id) == (remote.span_id, remote.trace_id)
    assert (span.attributes["session.id"], span.links) == ("conv-42", ())


def test_without_our_processor_the_root_is_known_where_it_is_the_parent():
    provider = TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("tests")
    with (
        tracer.start_as_current_span("root") as root,
        turn(input="q1", tracer=tracer),
        turn(input="q2", tracer=tracer) as t,
    ):
        assert t.span.attributes["input.value"] == "q2"
    assert root.attributes["input.value"] == "q1"


def test_a_span_of_another_make_is_no_local_root(pipeline):
    class Recording(NonRecordingSpan):
        def is_recording(self):
            return True

    other = Recording(SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1)))
    with trace.use_span(other), turn(input="q"):
        pass
    assert said(pipeline, "turn") == ("q", None)


def test_new_trace_begins_a_trace_of_the_same_session_inside_a_span(pipeline):
    with set_session(session_id="conv-42", user_id="ada"), pipeline.tracer.start_as_current_span("websocket"):
        for number in (1, 2):
            with (
                turn(f"turn {number}", input="q", new_trace=True),
                pipeline.tracer.start_as_current_span(f"llm {number}"),
            ):
                pass
    spans = pipeline.spans()
    assert len({spans[name].context.trace_id for name in ("websocket", "turn 1", "turn 2")}) == 3
    assert (parent_of(pipeline, "turn 1"), parent_of(pipeline, "llm 1")) == (None, "turn 1")
    assert {span.attributes["session.id"] for span in spans.values()} == {"conv-42"}
    assert {span.attributes["user.id"] for span in spans.values()} == {"ada"}
    assert said(pipeline, "websocket") == (None, None)


def test_new_trace_has_the_session_that_the_trace_around_it_is_bound_to(pipeline):
    with pipeline.tracer.start_as_current_span("POST /chat"):
        bind_session("conv-42")
        with turn("below"), turn("apart", new_trace=True):
            assert get_session().id == "conv-42"
    assert pipeline.attributes("apart")["session.id"] == pipeline.attributes("below")["session.id"] == "conv-42"


def test_a_bind_inside_a_turn_reaches_the_turn(pipeline):
    with turn("reply") as t:
        bind_session("conv-42", user_id="ada")
        assert get_session().id == "conv-42"
        assert '"baggage": "session.id=conv-42,user.id=ada"' in t.handle
        with pipeline.tracer.start_as_current_span("llm"):
            pass
    assert pipeline.attributes("reply")["session.id"] == pipeline.attributes("llm")["session.id"] == "conv-42"


def test_a_turn_in_a_cleared_scope_has_no_session(pipeline):
    with set_session(session_id="conv-42"), clear_session(), turn("apart", new_trace=True), turn("below"):
        bind_session("other")
    assert "session.id" not in {**pipeline.attributes("below"), **pipeline.attributes("apart")}


def test_turns_of_a_session_that_begin_traces_are_linked_to_the_one_before(pipeline):
    for number, session_id in enumerate(("a", "b", "a", "a")):
        with set_session(session_id=session_id), turn(f"turn {number}"), turn(f"part of {number}"):
            pass
    with turn("without"):
        pass
    assert [links_of(pipeline, f"turn {number}") for number in range(4)] == [[], [], ["turn 0"], ["turn 2"]]
    assert links_of(pipeline, "part of 2") == links_of(pipeline, "without") == []


def test_a_turn_that_is_not_recorded_is_linked_to_by_none(pipeline):
    dropped = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("tests")
    with set_session(session_id="a"):
        with turn("dropped", input=Opaque(), tracer=dropped) as t:
            t.output = "nothing"
        with turn("kept"):
            pass
    assert pipeline.spans()["kept"].links == ()


def test_the_sessions_whose_last_turn_is_remembered_are_bounded(monkeypatch, pipeline):
    monkeypatch.setattr(turn_order, "MAX_SESSIONS", 2)
    for number, session_id in enumerate(("a", "b", "a", "c", "b", "a")):
        with set_session(session_id=session_id), turn(f"turn {number}"):
            pass
    assert [len(pipeline.spans()[f"turn {number}"].links) for number in range(6)] == [0, 0, 1, 0, 0, 0]


def test_steps_inside_a_turn_are_paths_below_it(pipeline):
    with set_session(session_id="a"), turn("reply"), step("outline"), pipeline.tracer.start_as_current_span("llm"):
        pass
    assert pipeline.attributes("llm")["session.path"] == "/outline"
    assert "session.path" not in pipeline.attributes("reply")


# --- as a decorator


def test_a_decorated_function_has_its_argument_as_input_and_its_result_as_output(pipeline):
    @turn("reply")
    def reply(question: str) -> str:
        """Answer."""
        return question.upper()

    assert (reply("why?"), reply.__name__, reply.__doc__) == ("WHY?", "reply", "Answer.")
    assert said(pipeline, "reply") == ("why?", "WHY?")


# As it is written for Python 3.14 and newer, where nothing evaluates an annotation unless it is asked for.
FOR_TYPE_CHECKERS = """
from typing import TYPE_CHECKING
from otel_sessions import turn

if TYPE_CHECKING:
    from elsewhere import Question, Answer

@turn("reply")
def reply(question: Question, words: Question.words = 1) -> Answer[str]:
    return "42"
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated where they stand")
def test_annotations_that_are_there_for_type_checkers_alone_cost_no_input(pipeline, warnings):
    names = {}
    exec(compile(FOR_TYPE_CHECKERS, "application.py", "exec", dont_inherit=True), names)  # noqa: S102  # see above
    assert names["reply"]("why?", words=2) == "42"
    assert said(pipeline, "reply") == ('{"question": "why?", "words": 2}', "42")
    assert warnings() == []


def test_several_arguments_are_the_input_by_their_names_without_self(pipeline):
    class Bot:
        @turn("both")
        def reply(self, question, *, tone="kind"):
            return [question, tone]

        @turn("one")
        def echo(self, question):
            return question

        @turn("of the class")
        @classmethod
        def make(cls, kind):
            return kind

    assert (Bot().reply("why?", tone="dry"), Bot().echo("x"), Bot.make("k")) == (["why?", "dry"], "x", "k")
    assert [json.loads(text) for text in said(pipeline, "both")] == [
        {"question": "why?", "tone": "dry"},
        ["why?", "dry"],
    ]
    assert (said(pipeline, "one"), said(pipeline, "of the class")) == (("x", "x"), ("k", "k"))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        pytest.param(lambda question, **_: question[:3], "why", id="computed"),
        pytest.param("fixed", "fixed", id="fixed"),
    ],
)
def test_the_input_of_a_decorated_function_can_be_given(pipeline, given, text):
    @turn("reply", input=given)
    def reply(question, key):
        return f"{question}{key}"

    assert reply("why?", key="k") == "why?k"
    assert said(pipeline, "reply") == (text, "why?k")


def test_an_input_that_can_not_be_computed_is_a_warning(pipeline, warnings):
    @turn("reply", input=lambda: "too few arguments")
    def reply(question):
        return question

    assert reply("q") == "q"
    assert said(pipeline, "reply") == (None, "q")
    assert "turn: beginning one raised TypeError" in warnings()[0]


def test_of_requests_and_headers_among_the_arguments_only_the_type_is_shown(pipeline):
    scope = {"type": "http", "headers": [(b"authorization", b"Bearer secret")], "app": pytest}

    @turn("reply")
    def reply(request, headers, question):  # noqa: ARG001  # it is about them
        return question

    reply(Request(scope), Headers({"cookie": "secret"}), "why?")
    assert json.loads(said(pipeline, "reply")[0]) == {
        "request": "<Request>",
        "headers": "<Headers>",
        "question": "why?",
    }


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        pytest.param(
            ({"headers": {"Authorization": "Bearer s3cret"}, "body": [{"api-key": "s3cret", "q": 1}]}, None),
            {
                "event": {"headers": {"Authorization": "__REDACTED__"}, "body": [{"api-key": "__REDACTED__", "q": 1}]},
                "api_key": "__REDACTED__",
            },
            id="by their names",
        ),
        pytest.param(("q", "s3cret"), {"event": "q", "api_key": "__REDACTED__"}, id="an argument"),
        pytest.param(
            ({"password": "s3cret", "text": "x" * 300_000}, 1),
            {"event": "__REDACTED__", "api_key": "__REDACTED__"},
            id="where it was cut",
        ),
        pytest.param(("max_tokens", 1), {"event": "max_tokens", "api_key": "__REDACTED__"}, id="a text is a text"),
    ],
)
def test_secrets_among_the_arguments_are_not_shown(pipeline, arguments, shown):
    turn("reply")(lambda event, api_key: None)(*arguments)  # noqa: ARG005  # it is about them
    assert json.loads(said(pipeline, "reply")[0]) == shown


def test_a_secret_that_is_the_only_argument_is_not_shown_and_one_that_is_given_is(pipeline):
    turn("argument")(lambda password: None)("s3cret")  # noqa: ARG005
    turn("big")(lambda event: None)({"token": "s3cret", "text": "x" * 300_000})  # noqa: ARG005
    turn("given", input=lambda event: event)(lambda event: None)({"token": "s3cret"})  # noqa: ARG005
    assert said(pipeline, "argument")[0] == '{"password": "__REDACTED__"}'
    assert said(pipeline, "big")[0] == "__REDACTED__"
    assert said(pipeline, "given")[0] == '{"token": "s3cret"}'


def test_a_call_that_does_not_fit_fails_as_it_would_and_is_recorded(pipeline):
    @turn("reply")
    def reply(question):
        return question

    with pytest.raises(TypeError, match="reply"):
        reply("a", "b", c="d")
    assert json.loads(said(pipeline, "reply")[0]) == {"0": "a", "1": "b", "c": "d"}
    assert pipeline.spans()["reply"].status.status_code is StatusCode.ERROR


def test_a_function_without_arguments_has_no_input(pipeline):
    assert turn("reply")(lambda: "a")() == "a"
    assert said(pipeline, "reply") == (None, "a")


def test_a_decorated_coroutine_function_has_its_result_as_output(pipeline):
    @turn("reply")
    async def reply(question):
        await asyncio.sleep(0)
        return question * 2

    async def main():
        return await asyncio.gather(*(reply(text) for text in "ab"))

    assert inspect.iscoroutinefunction(reply)
    assert asyncio.run(main()) == ["aa", "bb"]
    spans = pipeline.exporter.get_finished_spans()
    assert sorted((s.attributes["input.value"], s.attributes["output.value"]) for s in spans) == [
        ("a", "aa"),
        ("b", "bb"),
    ]
    assert [span.parent for span in spans] == [None, None]


def test_a_decorated_coroutine_that_fails_is_recorded(pipeline):
    @turn("reply")
    async def reply():
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  # it is the one
        asyncio.run(reply())
    assert pipeline.spans()["reply"].status.status_code is StatusCode.ERROR


def test_a_function_that_returns_a_coroutine_goes_on_until_that_is_awaited(pipeline):
    async def ask(question):
        with pipeline.tracer.start_as_current_span("llm"):
            await asyncio.sleep(0)
        return question * 2

    reply = turn("reply")(lambda question: ask(question))  # noqa: PLW0108  # no coroutine function itself
    assert asyncio.run(reply("a")) == "aa"
    assert (said(pipeline, "reply"), parent_of(pipeline, "llm")) == (("a", "aa"), "reply")


def test_a_returned_coroutine_may_give_a_stream(pipeline):
    async def ask():
        return iter("ab")

    stream = asyncio.run(turn("reply")(lambda: ask())())  # noqa: PLW0108  # as above
    assert pipeline.spans() == {}
    assert list(stream) == ["a", "b"]
    assert said(pipeline, "reply") == (None, "ab")


def test_a_returned_coroutine_that_fails_is_recorded(pipeline):
    async def ask():
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  # it is the one
        asyncio.run(turn("reply")(lambda: ask())())  # noqa: PLW0108  # as above
    assert pipeline.spans()["reply"].status.status_code is StatusCode.ERROR


def test_a_decorated_generator_has_what_it_yields_as_output_and_its_span_in_the_body_only(pipeline):
    @turn("reply")
    def reply(question):
        for word in question.split():
            with pipeline.tracer.start_as_current_span(word):
                yield word

    for _ in reply("so it is"):
        assert trace.get_current_span() is trace.INVALID_SPAN
    assert said(pipeline, "reply") == ("so it is", "soitis")
    assert parent_of(pipeline, "it") == "reply"


def test_a_decorated_async_generator_has_what_it_yields_as_output(pipeline):
    @turn("reply")
    async def reply(question):
        for word in question.split():
            await asyncio.sleep(0)
            yield word

    async def main():
        return [word async for word in reply("so it is")]

    assert asyncio.run(main()) == ["so", "it", "is"]
    assert said(pipeline, "reply") == ("so it is", "soitis")


def test_a_generator_that_is_closed_half_way_has_what_was_consumed(pipeline):
    @turn("reply")
    def reply():
        yield "a"
        yield "b"

    steps = reply()
    next(steps)
    assert pipeline.spans() == {}
    steps.close()
    span = pipeline.spans()["reply"]
    assert (said(pipeline, "reply"), span.status.status_code) == ((None, "a"), StatusCode.UNSET)


def test_an_async_generator_that_is_left_half_way_has_what_was_consumed(pipeline):
    @turn("reply")
    async def reply():
        yield "a"
        yield "b"

    async def main():
        steps = reply()
        assert await steps.__anext__() == "a"
        await steps.aclose()

    asyncio.run(main())
    assert said(pipeline, "reply") == (None, "a")


def test_a_generator_that_fails_is_recorded_with_what_it_gave(pipeline):
    @turn("reply")
    def reply():
        yield "a"
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  # it is the one
        list(reply())
    assert said(pipeline, "reply") == (None, "a")
    assert pipeline.spans()["reply"].status.status_code is StatusCode.ERROR


def test_a_generator_that_is_called_wrongly_fails_as_it_would_and_is_recorded(pipeline):
    @turn("sync")
    def reply(question):
        yield question

    @turn("async")
    async def async_reply(question):
        yield question

    async def main():
        await async_reply(1, 2).__anext__()

    for steps in (reply(1, 2), set_session("a")(reply.__wrapped__)(1, 2)):
        with pytest.raises(TypeError):
            next(steps)
    with pytest.raises(TypeError):
        asyncio.run(main())
    assert [span.status.status_code for span in pipeline.spans().values()] == [StatusCode.ERROR] * 2


def test_a_generator_that_is_never_started_is_no_turn(pipeline):
    turn("reply")(lambda: (yield))().close()
    assert pipeline.spans() == {}


def test_items_that_are_no_text_are_a_list_as_json(pipeline):
    @turn("reply")
    def reply():
        yield {"a": 1}
        yield Opaque()

    list(reply())
    assert pipeline.attributes("reply")["output.value"] == '[{"a": 1}, "<Opaque>"]'
    assert pipeline.attributes("reply")["output.mime_type"] == "application/json"


def test_what_is_collected_of_a_stream_is_bounded(pipeline):
    @turn("texts")
    def texts():
        for _ in range(5):
            yield "x" * 100_000

    @turn("items")
    def items():
        for _ in range(5):
            yield ["x" * 100_000]

    assert (len(list(texts())), len(list(items()))) == (5, 5)
    assert len(pipeline.attributes("texts")["output.value"]) == 262_145
    assert [len(item[0]) for item in json.loads(pipeline.attributes("items")["output.value"])] == [100_000] * 2


@pytest.mark.parametrize(
    ("items", "text"),
    [
        pytest.param([b"a", bytearray(b"b"), b"caf\xc3", b"\xa9"], "abcaf\u00e9", id="bytes"),
        pytest.param(
            [
                {"choices": [{"delta": {"role": "assistant"}}]},
                {"choices": [{"delta": {"content": "a"}}]},
                {"choices": []},
            ],
            "a",
            id="chat completions",
        ),
        pytest.param(
            [{"type": "chunk"}, {"type": "content.delta", "delta": "a"}, {"type": "content.done", "content": "a"}],
            "a",
            id="the helper of chat completions",
        ),
        pytest.param(
            [
                {"type": "response.created"},
                {"type": "response.output_text.delta", "delta": "a"},
                {"type": "response.completed"},
            ],
            "a",
            id="responses",
        ),
        pytest.param(
            [
                {"type": "message_start"},
                {"type": "content_block_start"},
                {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}},
                {"type": "ping"},
            ],
            "a",
            id="anthropic",
        ),
    ],
)
def test_of_the_streams_of_client_libraries_the_text_is_the_output(pipeline, items, text):
    list(turn("reply")(lambda: iter(items))())
    assert pipeline.attributes("reply")["output.value"] == text


def test_a_stream_that_gives_nothing_has_no_output(pipeline):
    assert list(turn("reply")(lambda: iter([]))()) == []
    assert said(pipeline, "reply") == (None, None)


def test_a_decorator_without_parentheses_decorates_and_says_so(pipeline, warnings):
    @turn
    def reply(question):
        return question

    assert reply("q") == "q"
    assert said(pipeline, "reply") == ("q", "q")
    assert "to decorate a function, write @turn(name)" in warnings()[0]


@pytest.mark.parametrize("name", [None, 7, "", "  "])
def test_a_turn_without_a_name_is_called_turn(pipeline, warnings, name):
    with turn(name):
        pass
    assert (list(pipeline.spans()), len(warnings())) == (["turn"], 1)


def test_the_body_of_a_response_that_streams_is_the_output(pipeline):
    async def words():
        for word in ("a ", "stream"):
            with pipeline.tracer.start_as_current_span(word):
                yield word

    @turn("endpoint")
    async def endpoint(question):  # noqa: ARG001  # the input
        return StreamingResponse(words())

    async def get(request):
        return await endpoint(request.query_params["q"])

    async def main():
        transport = httpx.ASGITransport(Starlette(routes=[Route("/", get)]))
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return (await client.get("/", params={"q": "why"})).text

    assert asyncio.run(main()) == "a stream"
    assert said(pipeline, "endpoint") == ("why", "a stream")
    assert parent_of(pipeline, "stream") == "endpoint"


def django_response(body):
    if not settings.configured:
        settings.configure()
    return StreamingHttpResponse(body)


def of_django(response):
    if not response.is_async:
        return b"".join(response.streaming_content).decode()

    async def read():
        return b"".join([part async for part in response.streaming_content]).decode()

    return asyncio.run(read())


def of_flask(response):
    return b"".join(response.iter_encoded()).decode()


def words_in(pipeline):
    for word in ("a ", "stream"):
        with pipeline.tracer.start_as_current_span(word):
            yield word


async def later_words_in(pipeline):
    for word in words_in(pipeline):
        yield word


@pytest.mark.parametrize(
    ("response", "words", "text_of", "kind"),
    [
        pytest.param(django_response, words_in, of_django, StreamingHttpResponse, id="Django"),
        pytest.param(django_response, later_words_in, of_django, StreamingHttpResponse, id="Django, async"),
        pytest.param(Response, words_in, of_flask, Response, id="Flask"),
    ],
)
def test_the_body_of_a_response_of_django_and_flask_that_streams_is_the_output(
    pipeline, response, words, text_of, kind
):
    with set_session("conv-42"):
        answer = turn("view")(lambda: response(words(pipeline)))()
    assert (type(answer), text_of(answer)) == (kind, "a stream")
    assert said(pipeline, "view") == (None, "a stream")
    assert parent_of(pipeline, "stream") == "view"
    assert pipeline.attributes("stream")["session.id"] == "conv-42"


def test_a_response_of_flask_that_is_closed_early_ends_its_turn_and_its_body_in_the_session(pipeline):
    ended_in = []

    def words():
        try:
            yield "a "
            yield "stream"
        finally:
            ended_in.append(get_session().id)

    with set_session("conv-42"):
        answer = turn("view")(lambda: Response(words()))()
    next(answer.iter_encoded())
    answer.close()
    assert said(pipeline, "view") == (None, "a ")
    assert ended_in == ["conv-42"]


def test_a_response_of_flask_that_is_a_text_is_returned_as_it_is(pipeline):
    answer = turn("view")(lambda: Response("a text"))()
    assert answer.get_data(as_text=True) == "a text"
    assert said(pipeline, "view") == (None, '"<Response>"')


def test_an_output_that_is_set_before_the_turn_is_entered_is_told_of(pipeline, warnings):
    made = turn("chat", tracer=pipeline.tracer)
    made.output = "An answer."
    [warning] = warnings()
    assert "its output was set before it was entered" in warning
    with set_session("conv-42"), made:
        pass
    assert said(pipeline, "chat")[1] is None


class Sealed:
    """A response that lets nobody change its body, and one that does not even show it."""

    def __init__(self, body):
        object.__setattr__(self, "body", body)

    @property
    def body_iterator(self):
        return self.body() if callable(self.body) else self.body


def raise_runtime_error():
    raise RuntimeError


@pytest.mark.parametrize("body", [iter("ab"), raise_runtime_error], ids=["sealed", "raises"])
def test_a_response_whose_body_can_not_be_reached_is_returned_as_it_is(pipeline, warnings, body):
    response = Sealed(body)
    assert turn("reply")(lambda: response)() is response
    assert said(pipeline, "reply") == (None, '"<Sealed>"')
    assert "reading a stream of a turn raised" in warnings()[0]


def test_an_input_that_is_set_late_does_not_keep_the_last_stream_from_being_the_output(pipeline):
    with turn("reply") as t:
        list(t.wrap(iter(["a"])))
        t.input = "q"
        list(t.wrap(iter(["b"])))
    assert said(pipeline, "reply") == ("q", "b")


def test_what_can_be_awaited_or_iterated_anew_is_returned_as_it_is(pipeline, api):
    """Only a stream, which is consumed once, is another object than the function has returned."""

    class Rows:
        def __aiter__(self):
            raise AssertionError

    async def main():
        async with AsyncOpenAI(base_url=api.base_url, api_key="none", max_retries=0) as client:
            return await turn("models")(lambda: client.models.list())()  # noqa: PLW0108  # a plain function

    rows = Rows()
    assert turn("rows")(lambda: rows)() is rows
    assert [model.object for model in asyncio.run(main()).data] == ["model"]
    assert set(pipeline.spans()) == {"rows", "models"}


# --- streams that outlive the block, of the real client


@pytest.mark.parametrize("way", ["block", "decorated"])
def test_the_stream_of_a_client_without_instrumentation_may_be_consumed_where_it_is_wrapped(pipeline, api, way):
    """Its `__iter__` makes other steps, which are all that anybody holds."""
    words = []
    with OpenAI(base_url=api.base_url, api_key="none", max_retries=0) as client:

        def ask():
            return client.chat.completions.create(model="m", messages=MESSAGES, stream=True)

        if way == "block":
            with turn("reply") as t:
                for chunk in t.wrap(ask()):
                    words += [choice.delta.content or "" for choice in chunk.choices]
        else:
            for chunk in turn("reply")(ask)():
                words += [choice.delta.content or "" for choice in chunk.choices]
    gc.collect()
    assert "".join(words)
    assert said(pipeline, "reply") == (None, "".join(words))


def test_the_async_stream_of_a_client_without_instrumentation_as_well(pipeline, api):
    async def main():
        words = []
        async with AsyncOpenAI(base_url=api.base_url, api_key="none", max_retries=0) as client, turn("reply") as t:
            async for chunk in t.wrap(await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)):
                words += [choice.delta.content or "" for choice in chunk.choices]
        return "".join(words)

    answer = asyncio.run(main())
    assert answer
    assert said(pipeline, "reply") == (None, answer)


class Endless:
    """As the streams of client libraries: its steps are another object each time."""

    def __init__(self):
        self.items = iter("abcdef")

    def __iter__(self):
        yield from self.items

    def __next__(self):
        return next(self.items)


def test_a_stream_may_be_left_and_gone_on_with(pipeline):
    with turn("reply") as t:
        stream = t.wrap(Endless())
    for item in stream:
        if item == "c":
            break
    assert pipeline.spans() == {}
    assert list(stream) == ["d", "e", "f"]
    assert said(pipeline, "reply") == (None, "abcdef")


def test_an_async_generator_that_nobody_starts_ends_its_turn(pipeline):
    async def words():
        yield "a"

    with turn("reply") as t:
        stream = t.wrap(words())
    assert pipeline.spans() == {}
    del stream, t
    gc.collect()
    assert said(pipeline, "reply") == (None, None)


def test_a_stream_that_failed_and_was_asked_for_again_is_no_failure_and_the_second_answer_counts(pipeline):
    def fails():
        yield "half an ans"
        raise ConnectionError

    with turn("reply") as t:
        with contextlib.suppress(ConnectionError):
            list(t.wrap(fails()))
        list(t.wrap(iter(["an answer"])))
    assert said(pipeline, "reply") == (None, "an answer")
    assert pipeline.spans()["reply"].status.status_code is StatusCode.UNSET


@pytest.fixture
def _instrumented(pipeline):
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=pipeline.provider)
    yield
    instrumentor.uninstrument()


@pytest.mark.usefixtures("_instrumented")
def test_the_stream_of_the_client_is_the_output_of_a_turn_that_was_left(pipeline, api):
    def reply(client):
        with set_session(session_id="conv-42"), turn("reply", input=MESSAGES[0]["content"]) as t:
            return t.wrap(client.chat.completions.create(model="m", messages=MESSAGES, stream=True))

    with OpenAI(base_url=api.base_url, api_key="none", max_retries=0) as client, reply(client) as stream:
        assert stream.response.status_code == 200
        assert "reply" not in pipeline.spans()
        answer = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert answer
    assert said(pipeline, "reply") == ("What is a span?", answer)
    assert parent_of(pipeline, "ChatCompletion") == "reply"
    assert pipeline.attributes("ChatCompletion")["session.id"] == "conv-42"


@pytest.mark.usefixtures("_instrumented")
def test_the_async_stream_of_the_client_that_a_decorated_function_returns_is_its_output(pipeline, api):
    @turn("reply")
    async def reply(question, client):
        return await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": question}], stream=True
        )

    async def main():
        async with AsyncOpenAI(base_url=api.base_url, api_key="none", max_retries=0) as client:
            return [chunk async for chunk in await reply("What is a span?", client)]

    chunks = asyncio.run(main())
    answer = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said(pipeline, "reply") == ('{"question": "What is a span?", "client": "<AsyncOpenAI>"}', answer)


@pytest.mark.usefixtures("_instrumented")
def test_the_answer_of_the_client_is_the_text_in_it(pipeline, api):
    with OpenAI(base_url=api.base_url, api_key="none", max_retries=0) as client, turn("reply") as t:
        t.output = completion = client.chat.completions.create(model="m", messages=MESSAGES)
    assert said(pipeline, "reply") == (None, completion.choices[0].message.content)


def test_a_wrapped_stream_that_nobody_consumes_ends_with_itself(pipeline):
    class Stream:
        def __iter__(self):
            return self

        def __next__(self):
            return "a"

    with turn("reply") as t:
        stream = t.wrap(Stream())
    assert next(stream) == "a"
    assert pipeline.spans() == {}
    del stream, t
    gc.collect()
    assert said(pipeline, "reply") == (None, "a")


def test_a_wrapped_stream_that_is_closed_ends_its_turn(pipeline):
    class Stream:
        def __iter__(self):
            return self

        def __next__(self):
            return "a"

        def close(self):
            return "closed"

    class AsyncStream:
        def __aiter__(self):
            return self

        async def __anext__(self):
            return "b"

        async def aclose(self):
            return "closed"

    async def main():
        async with turn("async") as t:
            stream = t.wrap(AsyncStream())
        assert await stream.__anext__() == "b"
        return await stream.aclose()

    with turn("sync") as t:
        stream = t.wrap(Stream())
    assert (next(stream), stream.close(), asyncio.run(main())) == ("a", "closed", "closed")
    assert (said(pipeline, "sync"), said(pipeline, "async")) == ((None, "a"), (None, "b"))


def test_an_output_that_was_set_is_not_replaced_by_the_stream(pipeline):
    with turn("reply") as t:
        stream = t.wrap(iter("abc"))
        t.output = "set"
    assert "".join(stream) == "abc"
    assert said(pipeline, "reply") == (None, "set")


def test_the_span_goes_on_until_the_last_of_several_streams_is_over(pipeline):
    with turn("reply") as t:
        streams = [t.wrap(iter("ab")), t.wrap(iter("cd"))]
    list(streams[0])
    assert pipeline.spans() == {}
    list(streams[1])
    assert said(pipeline, "reply") == (None, "cd")  # as of an agent, whose last answer is the answer


def test_a_stream_that_is_over_before_the_block_does_not_end_it(pipeline):
    with turn("reply") as t:
        list(t.wrap(iter("ab")))
        assert pipeline.spans() == {}
    assert said(pipeline, "reply") == (None, "ab")


def test_a_block_that_fails_ends_its_turn_whatever_its_streams_do(pipeline):
    with pytest.raises(ValueError), turn("reply") as t:  # noqa: PT011, PT012  # it is the one
        stream = t.wrap(iter("ab"))
        raise ValueError
    assert pipeline.spans()["reply"].status.status_code is StatusCode.ERROR
    assert list(stream) == ["a", "b"]


def test_what_is_no_stream_is_left_as_it_is_with_a_warning(pipeline, warnings):
    with turn("reply") as t:
        found = t.wrap(["a", "b"])
    assert (found, list(pipeline.spans())) == (["a", "b"], ["reply"])
    assert "wrap: expected an iterator and got list" in warnings()[0]


# --- entered again, shared, left elsewhere


def test_a_turn_that_is_entered_again_is_another_turn(pipeline):
    again = turn("reply", input="q")
    with again as first:
        first.output = "1"
        with again as inside:
            inside.output = "2"
    with again as third:
        third.output = "3"
    spans = pipeline.exporter.get_finished_spans()
    assert [(span.attributes["input.value"], span.attributes["output.value"]) for span in spans] == [
        ("q", "2"),
        ("q", "1"),
        ("q", "3"),
    ]
    assert first is again is not inside


def test_a_turn_may_be_shared_by_tasks_and_threads(pipeline):
    shared = turn("reply")

    def in_thread(number):
        with shared as t:
            t.input = number
            barrier.wait(60)
            t.output = number
            assert trace.get_current_span() is t.span
        return trace.get_current_span() is trace.INVALID_SPAN

    async def in_task(number):
        async with shared as t:
            t.input = number
            await asyncio.sleep(0.001 * (number % 3))
            t.output = number
            return trace.get_current_span() is t.span

    async def main():
        return await asyncio.gather(*map(in_task, range(20)))

    barrier = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(in_thread, range(4))) == [True] * 4
    assert asyncio.run(main()) == [True] * 20
    spans = pipeline.exporter.get_finished_spans()
    assert len(spans) == 24
    assert [span for span in spans if span.attributes["input.value"] != span.attributes["output.value"]] == []


def test_a_turn_that_is_shared_by_generators_is_left_by_whom_it_was_entered(pipeline):
    """As of a framework that takes each step in a copy of a context: nothing but the frame tells them apart."""
    shared = turn("reply")

    def words(name):
        with shared as t:
            t.input = name
            yield 1
            t.output = name

    steps = {name: words(name) for name in "ab"}
    for name in "abab":
        contextvars.copy_context().run(next, steps[name], None)
    spans = pipeline.exporter.get_finished_spans()
    assert [(span.attributes["input.value"], span.attributes["output.value"]) for span in spans] == [
        ("a", "a"),
        ("b", "b"),
    ]


def test_a_span_that_the_application_has_ended_is_not_ended_again(pipeline, caplog):
    with turn("reply") as t:
        t.span.end()
    assert (list(pipeline.spans()), caplog.messages) == (["reply"], [])


def test_what_was_set_in_baggage_inside_a_turn_counts_as_it_does_outside(pipeline):
    outer = baggage.set_baggage("session.id", "outer")
    token = context.attach(outer)
    with turn("reply"):
        inner = context.attach(baggage.set_baggage("session.id", "inner"))
        pipeline.tracer.start_span("llm").end()
        context.detach(inner)
    context.detach(token)
    assert (pipeline.attributes("reply")["session.id"], pipeline.attributes("llm")["session.id"]) == ("outer", "inner")


def test_a_turn_may_be_left_in_another_thread_than_it_was_entered_in(pipeline):
    with set_session(session_id="conv-42"):
        t = turn("reply")
        t.__enter__()
        left = threading.Thread(target=t.__exit__, args=(None, None, None))
        left.start()
        left.join()
        assert get_session().id == "conv-42"
    assert list(pipeline.spans()) == ["reply"]


def test_turns_and_scopes_may_be_left_out_of_order(pipeline):
    t, scope = turn("reply"), set_session(session_id="a")
    t.__enter__()
    scope.__enter__()
    t.__exit__(None, None, None)
    assert get_session().id == "a"
    scope.__exit__(None, None, None)
    assert (get_session(), list(pipeline.spans())) == (None, ["reply"])


def test_a_turn_that_is_left_twice_or_never_entered_does_nothing_more(pipeline, caplog):
    caplog.set_level(logging.WARNING)
    t = turn("reply")
    assert (t.handle, t.span.is_recording()) == ("", False)
    t.__exit__(None, None, None)
    with t:
        pass
    t.__exit__(None, None, None)
    assert (len(pipeline.exporter.get_finished_spans()), caplog.messages) == (1, [])


def test_an_input_that_was_set_before_the_turn_is_entered_counts(pipeline):
    t = turn("reply")
    t.input = "early"
    with t:
        pass
    assert said(pipeline, "reply") == ("early", None)


def test_an_output_that_comes_too_late_is_a_warning(pipeline, warnings):
    with turn("reply") as t:
        pass
    t.output = "late"
    assert said(pipeline, "reply") == (None, None)
    assert "turn: its output was set when it was over" in warnings()[0]


def test_the_name_is_in_the_repr_and_what_was_said_is_not():
    assert repr(turn("reply", input="secret")) == "<Turn 'reply'>"


# --- telemetry never breaks the application


def test_disabled_there_is_no_span(pipeline):
    instrument(pipeline.provider, disabled=True)
    with turn("reply", input="q") as t:
        t.output = "a"
    assert (pipeline.spans(), t.handle, turn("x")(lambda: 1)()) == ({}, "", 1)


def test_without_an_sdk_a_turn_is_nothing_but_a_block():
    PROVIDERS.use(None, None)
    with set_session(session_id="a"), turn("reply", input="q") as t:
        t.output = "a"
        assert get_session().id == "a"


class Refusing:
    def start_span(self, *_args, **_kwargs):
        raise RuntimeError


def test_a_tracer_that_raises_is_a_warning(warnings):
    with turn("reply", input="q", tracer=Refusing()) as t:
        t.output = "a"
    assert "turn: beginning one raised RuntimeError" in warnings()[0]


class BrokenSpan(NonRecordingSpan):
    def __init__(self):
        super().__init__(SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1)))

    def is_recording(self):
        return True

    def set_attributes(self, _attributes):
        raise RuntimeError

    def end(self, _end_time=None):
        raise RuntimeError


class Breaking:
    def start_span(self, *_args, **_kwargs):
        return BrokenSpan()


def test_a_span_that_raises_is_a_warning(warnings):
    with turn("reply", input=["q"], tracer=Breaking()):
        pass
    assert list(turn("stream", tracer=Breaking())(lambda: iter("ab"))()) == ["a", "b"]
    said = "\n".join(warnings())
    for each in ("setting its input raised", "leaving a turn raised", "reading a stream of a turn raised"):
        assert each in said


class BrokenItem:
    @property
    def choices(self):
        raise RuntimeError


def test_an_item_that_raises_is_a_warning_and_goes_on(pipeline, warnings):
    assert len(list(turn("reply")(lambda: iter([BrokenItem(), "b"]))())) == 2
    assert said(pipeline, "reply") == (None, "b")
    assert "reading a stream of a turn raised RuntimeError" in warnings()[0]


def test_an_explicit_context_beside_a_turn_is_not_changed(pipeline):
    with turn("reply") as t:
        other = set_span_in_context(t.span, Context())
        pipeline.tracer.start_span("child", other).end()
    assert parent_of(pipeline, "child") == "reply"


def test_a_turn_is_a_turn():
    assert isinstance(turn(), Turn)


def test_where_nothing_tells_the_version_of_this_package_there_is_a_turn_all_the_same(pipeline, monkeypatch):
    """As where it was copied into one file with a program."""

    def unknown(_name):
        raise PackageNotFoundError

    monkeypatch.setattr("importlib.metadata.version", unknown)
    scope_version.cache_clear()
    try:
        with turn("reply", input="q") as this:
            this.output = "a"
    finally:
        scope_version.cache_clear()
    assert pipeline.spans()["reply"].attributes["output.value"] == "a"


class NobodyThere:
    """A proxy with nothing behind it."""

    def __getattr__(self, name):
        raise RuntimeError(name)


@pytest.mark.parametrize(
    "tracer", [TracerProvider(shutdown_on_exit=False), 5, NobodyThere()], ids=["provider", "int", "proxy"]
)
def test_what_is_no_tracer_is_told_and_the_turn_is_recorded_all_the_same(pipeline, warnings, tracer):
    with turn("reply", input="q", tracer=tracer) as t:
        t.output = "a"
    assert said(pipeline, "reply") == ("q", "a")
    (text,) = warnings()
    assert f"tracer: expected a Tracer and got {type(tracer).__name__}, so one of this package is taken" in text


def test_of_a_turn_that_could_not_begin_nothing_more_is_said(warnings):
    class Tracer:
        def start_span(self, *_args, **_kwargs):
            raise RuntimeError

    with turn("reply", input="q", tracer=Tracer()) as t:
        t.output = "a"
    (text,) = warnings()
    assert "turn: beginning one raised RuntimeError" in text
