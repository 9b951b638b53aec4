"""Every backend finds a session under the names that it reads, and nobody else's attributes change.

The expectations are those of the servers' and SDKs' sources and documents, in the order in which each looks.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from otel_sessions import set_session
from otel_sessions._pipeline.dialect_exporter import DialectSpanExporter
from otel_sessions._session.dialects import DIALECTS, NAMES, Vocabulary, is_field, is_genai
from otel_sessions.sdk import SessionSpanProcessor

SESSION = {
    "session.id": "conv-42",
    "user.id": "ada",
    "session.name": "Trip planning",
    "session.path": "/outline/lesson-1",
    "session.previous_id": "conv-41",
    "session.metadata.plan": "pro",
    "session.metadata.región": "eu",
    "session.tags": ("beta", "chat"),
}
PROPERTY = "traceloop.association.properties."
LAMINAR = "lmnr.association.properties."


# What each backend reads


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("genai", {"gen_ai.conversation.id": "conv-42"}),
        ("openinference", {"metadata": '{"plan": "pro", "región": "eu"}', "tag.tags": ("beta", "chat")}),
        (
            "langfuse",
            {
                "langfuse.session.id": "conv-42",
                "langfuse.user.id": "ada",
                "langfuse.trace.metadata.plan": "pro",
                "langfuse.trace.metadata.región": "eu",
                "langfuse.trace.tags": ("beta", "chat"),
            },
        ),
        (
            "laminar",
            {
                LAMINAR + "session_id": "conv-42",
                LAMINAR + "user_id": "ada",
                LAMINAR + "metadata.plan": "pro",
                LAMINAR + "metadata.región": "eu",
                LAMINAR + "tags": ("beta", "chat"),
            },
        ),
        (
            "langsmith",
            {
                "langsmith.metadata.session_id": "conv-42",
                "langsmith.metadata.user_id": "ada",
                "langsmith.metadata.plan": "pro",
                "langsmith.metadata.región": "eu",
                "langsmith.span.tags": "beta,chat",
            },
        ),
        (
            "braintrust",
            {
                "braintrust.metadata.session_id": "conv-42",
                "braintrust.metadata.user_id": "ada",
                "braintrust.metadata.plan": "pro",
                "braintrust.metadata.región": "eu",
                "braintrust.tags": ("beta", "chat"),
            },
        ),
        (
            "traceloop",
            {
                PROPERTY + "session_id": "conv-42",
                PROPERTY + "user_id": "ada",
                PROPERTY + "plan": "pro",
                PROPERTY + "región": "eu",
            },
        ),
        ("weave", {"weave.conversation.id": "conv-42", "wandb.thread_id": "conv-42"}),
        (
            "helicone",
            {
                PROPERTY + "Helicone-Session-Id": "conv-42",
                PROPERTY + "Helicone-Session-Path": "/outline/lesson-1",
                PROPERTY + "Helicone-Session-Name": "Trip planning",
                PROPERTY + "Helicone-User-Id": "ada",
                PROPERTY + "Helicone-Property-plan": "pro",
                PROPERTY + "Helicone-Property-región": "eu",
            },
        ),
        ("posthog", {"$ai_session_id": "conv-42", "posthog.distinct_id": "ada"}),
        ("azure", {"enduser.id": "ada", "enduser.pseudo.id": "ada"}),
        ("honeyhive", {"honeyhive.session_id": "conv-42", PROPERTY + "session_id": "conv-42"}),
    ],
)
def test_a_backend_is_told_all_that_it_can_hold_of_a_session(dialect, expected):
    assert Vocabulary.of([dialect]).names_for(SESSION, is_genai=True) == expected


@pytest.mark.parametrize(
    ("dialect", "looks_for"),
    [
        ("langfuse", ["langfuse.session.id", "session.id", "gen_ai.conversation.id"]),
        ("laminar", [LAMINAR + "session_id"]),
        ("langsmith", ["langsmith.metadata.session_id"]),
        ("braintrust", ["braintrust.metadata.session_id"]),
        ("weave", ["weave.conversation.id", "gen_ai.conversation.id"]),
        ("helicone", [PROPERTY + "Helicone-Session-Id"]),
        ("posthog", ["$ai_session_id", "gen_ai.conversation.id"]),
        ("azure", ["session.id"]),
        ("honeyhive", ["honeyhive.session_id", PROPERTY + "session_id"]),
    ],
)
@pytest.mark.parametrize("own", [{}, {"gen_ai.conversation.id": "of the framework"}], ids=["plain", "framework"])
def test_the_first_that_a_backend_looks_for_is_the_session(dialect, looks_for, own):
    """Also where an instrumentation has put a conversation of its own on the span."""
    attributes = {**Vocabulary.of([dialect]).names_for(SESSION, is_genai=False), **SESSION, **own}
    assert next(attributes[key] for key in looks_for if key in attributes) == "conv-42"


@pytest.mark.parametrize(
    ("dialect", "looks_for"),
    [
        ("langfuse", ["langfuse.user.id", "user.id"]),
        ("laminar", [LAMINAR + "user_id"]),
        ("langsmith", ["langsmith.metadata.user_id"]),
        ("braintrust", ["braintrust.metadata.user_id"]),
        ("traceloop", [PROPERTY + "user_id"]),
        ("helicone", [PROPERTY + "Helicone-User-Id"]),
        ("posthog", ["posthog.distinct_id", "user.id"]),
        ("azure", ["enduser.id"]),
        ("azure", ["enduser.pseudo.id"]),
    ],
)
def test_the_first_that_a_backend_looks_for_is_the_user(dialect, looks_for):
    attributes = {**Vocabulary.of([dialect]).names_for(SESSION, is_genai=False), **SESSION}
    assert next(attributes[key] for key in looks_for if key in attributes) == "ada"


def test_every_backend_that_reads_other_names_has_a_row_with_its_source():
    """Phoenix, Arize AX, MLflow, Opik and AWS read ours; Logfire, Sentry and the like read those of ``genai``."""
    assert set(NAMES) == {
        *("genai", "openinference", "langfuse", "laminar", "langsmith", "braintrust", "traceloop"),
        *("weave", "helicone", "posthog", "azure", "honeyhive"),
    }
    assert list(NAMES) == sorted(NAMES)
    assert {row.source for row in DIALECTS.values()} <= {"run", "code", "doc"}
    assert all(row.address.startswith("https://") for row in DIALECTS.values())


# What is generative AI


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        pytest.param({"gen_ai.request.model": "m"}, True, id="semantic conventions"),
        pytest.param({"openinference.span.kind": "LLM"}, True, id="OpenInference LLM"),
        pytest.param({"openinference.span.kind": "CHAIN"}, True, id="OpenInference CHAIN"),
        pytest.param({"openinference.span.kind": "agent"}, True, id="OpenInference, small letters"),
        pytest.param({"openinference.span.kind": "DECISION"}, True, id="OpenInference, a newer kind"),
        pytest.param({"openinference.span.kind": "UNKNOWN"}, False, id="OpenInference UNKNOWN"),
        pytest.param({"openinference.span.kind": ""}, False, id="OpenInference, empty"),
        pytest.param({"openinference.span.kind": 7}, False, id="OpenInference, no text"),
        pytest.param({"gen_ai.conversation.id": "conv-42"}, False, id="a conversation alone"),
        pytest.param({"http.route": "/chat", "session.id": "conv-42"}, False, id="HTTP"),
        pytest.param({PROPERTY + "session_id": "conv-42"}, False, id="the traceloop dialect"),
        pytest.param({"gen_aix": 1, "llm.request.type": "chat"}, False, id="other names"),
        pytest.param({}, False, id="nothing"),
    ],
)
def test_a_span_is_about_ai_if_an_instrumentation_says_so(attributes, expected):
    assert is_genai(attributes) is expected


@pytest.mark.parametrize("dialect", NAMES)
def test_no_dialect_makes_a_span_one_about_ai(dialect):
    """PostHog and Langfuse take any span with a ``gen_ai.*`` attribute for an AI span."""
    names = Vocabulary.of([dialect]).names_for(SESSION, is_genai=False)
    assert [name for name in names if name.startswith("gen_ai.")] == []
    assert not is_genai(names)


@pytest.mark.parametrize(
    ("dialects", "aliases", "expected"),
    [
        (["genai", "langfuse"], [], True),
        (["langfuse"], [], False),
        ([], [("gen_ai.conversation.id", "session.id")], True),
    ],
)
def test_a_vocabulary_tells_whether_it_matters_what_a_span_is_about(dialects, aliases, expected):
    assert Vocabulary.of(dialects, aliases).has_genai_only is expected


# Several at once, and names of one's own


def test_dialects_that_share_a_name_stamp_it_once():
    names = Vocabulary.of(["traceloop", "honeyhive", "traceloop"]).names_for({"session.id": "s"}, is_genai=False)
    assert names == {PROPERTY + "session_id": "s", "honeyhive.session_id": "s"}


def test_only_what_the_session_has_is_stamped():
    assert Vocabulary.of(NAMES).names_for({"user.id": "ada"}, is_genai=True) == {
        "langfuse.user.id": "ada",
        LAMINAR + "user_id": "ada",
        "langsmith.metadata.user_id": "ada",
        "braintrust.metadata.user_id": "ada",
        PROPERTY + "user_id": "ada",
        PROPERTY + "Helicone-User-Id": "ada",
        "posthog.distinct_id": "ada",
        "enduser.id": "ada",
        "enduser.pseudo.id": "ada",
    }


def test_metadata_never_stands_where_an_id_belongs():
    names = Vocabulary.of(["langsmith"]).names_for(
        {"session.metadata.session_id": "other", "session.id": "conv-42"}, is_genai=False
    )
    assert names == {"langsmith.metadata.session_id": "conv-42"}


def test_what_is_no_text_is_not_passed_on():
    attributes = {"session.id": 42, "user.id": "", "session.tags": "beta", "session.name": ("a",), "http.route": "/"}
    assert Vocabulary.of(NAMES).names_for(attributes, is_genai=True) == {}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("session.id", "conv-42"),
        ("user.id", "ada"),
        ("session.name", "Trip planning"),
        ("session.path", "/outline/lesson-1"),
        ("session.previous_id", "conv-41"),
        ("session.tags", ("beta", "chat")),
        ("session.metadata.plan", "pro"),
    ],
)
def test_a_name_of_ones_own_stands_for_any_field(key, expected):
    assert is_field(key)
    assert Vocabulary.of([], [("my.key", key)]).names_for(SESSION, is_genai=False) == {"my.key": expected}


def test_a_name_of_ones_own_beats_that_of_a_dialect():
    names = Vocabulary.of(["langfuse"], [("langfuse.user.id", "session.name")]).names_for(SESSION, is_genai=False)
    assert names["langfuse.user.id"] == "Trip planning"


@pytest.mark.parametrize(
    "pair",
    [
        ("", "session.id"),
        ("my.key", "session.other"),
        ("my.key", "session.metadata."),
        ("session.id", "user.id"),
        ("session.metadata.plan", "user.id"),
        ("session.displaced_id", "user.id"),
        ("session.displaced_conversation_id", "user.id"),
    ],
)
def test_a_name_of_ones_own_that_would_lie_is_passed_over(pair):
    assert not Vocabulary.of([], [pair])


def test_unknown_dialects_are_passed_over():
    assert not Vocabulary.of(["", "nobody", "phoenix"])


@pytest.mark.parametrize("dialect", NAMES)
def test_any_dialect_makes_a_vocabulary_true(dialect):
    assert Vocabulary.of([dialect])


def test_a_vocabulary_without_names_is_false():
    assert not Vocabulary()
    assert Vocabulary().names_for(SESSION, is_genai=True) == {}


# One dialect for each exporter


class Recorder(SpanExporter):
    """An exporter that keeps what it was called with."""

    def __init__(self) -> None:
        self.batches = []
        self.calls = []

    def export(self, spans):
        self.batches.append(spans)
        return SpanExportResult.FAILURE

    def shutdown(self):
        self.calls.append("shutdown")

    def force_flush(self, timeout_millis=30000):
        self.calls.append(timeout_millis)
        return False


class Broken(ReadableSpan):
    """A span that can't be read."""

    @property
    def attributes(self):
        message = "conv-42"
        raise RuntimeError(message)


def extra(span: ReadableSpan) -> dict[str, object]:
    return {key: value for key, value in span.attributes.items() if not key.startswith(("session.", "user."))}


def test_each_exporter_gets_its_own_dialect_and_no_other(make_pipeline):
    to_langfuse, to_langsmith = InMemorySpanExporter(), InMemorySpanExporter()
    pipeline = make_pipeline(
        SimpleSpanProcessor(DialectSpanExporter(to_langfuse, "langfuse")),
        SimpleSpanProcessor(DialectSpanExporter(to_langsmith, ["langsmith"])),
        SessionSpanProcessor(),
    )
    with set_session("conv-42", user_id="ada", tags=["beta"]), pipeline.tracer.start_as_current_span("turn"):
        pass
    assert extra(to_langfuse.get_finished_spans()[0]) == {
        "langfuse.session.id": "conv-42",
        "langfuse.user.id": "ada",
        "langfuse.trace.tags": ("beta",),
    }
    assert extra(to_langsmith.get_finished_spans()[0]) == {
        "langsmith.metadata.session_id": "conv-42",
        "langsmith.metadata.user_id": "ada",
        "langsmith.span.tags": "beta",
    }
    assert extra(pipeline.spans()["turn"]) == {}


def test_it_works_behind_a_batch_processor(make_pipeline):
    memory = InMemorySpanExporter()
    pipeline = make_pipeline(
        SessionSpanProcessor(), BatchSpanProcessor(DialectSpanExporter(memory, " Langfuse , genai,"))
    )
    with set_session("conv-42"):
        for number in range(100):
            with pipeline.tracer.start_as_current_span(f"chat {number}") as span:
                span.set_attribute("gen_ai.request.model", "m")
    assert pipeline.provider.force_flush()
    pipeline.provider.shutdown()
    exported = memory.get_finished_spans()
    assert len(exported) == 100
    assert {span.attributes["langfuse.session.id"] for span in exported} == {"conv-42"}
    assert {span.attributes["gen_ai.conversation.id"] for span in exported} == {"conv-42"}


def test_a_span_that_becomes_one_about_ai_after_its_start_has_the_conversation(make_pipeline):
    memory = InMemorySpanExporter()
    pipeline = make_pipeline(SessionSpanProcessor(), SimpleSpanProcessor(DialectSpanExporter(memory, "genai")))
    start = pipeline.tracer.start_as_current_span
    with set_session("conv-42"), start("POST /chat"), start("chat") as span:
        span.set_attribute("gen_ai.request.model", "m")
    chat, request = memory.get_finished_spans()
    assert chat.attributes["gen_ai.conversation.id"] == "conv-42"
    assert "gen_ai.conversation.id" not in request.attributes


def full_span(make_pipeline) -> ReadableSpan:
    """Return a span that has something in every field, and has lost some of each."""
    pipeline = make_pipeline(
        resource=Resource({"service.name": "shop"}, "https://opentelemetry.io/schemas/1.30.0"),
        span_limits=SpanLimits(
            max_span_attributes=12, max_events=2, max_links=1, max_event_attributes=1, max_link_attributes=1
        ),
    )
    remote = SpanContext(
        0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("ot", "rv:1")])
    )
    tracer = pipeline.provider.get_tracer("shop", "1.2", "https://opentelemetry.io/schemas/1.29.0", {"of": "scope"})
    with set_session("conv-42", user_id="ada", metadata={"plan": "pro"}, tags=["beta", "chat"]):
        span = tracer.start_span(
            "POST /chat",
            set_span_in_context(NonRecordingSpan(remote)),
            SpanKind.SERVER,
            {"http.route": "/chat", "numbers": [1, 2], "share": 0.5, "is_new": True},
            links=[Link(remote, {"a": 1, "b": 2}), Link(SpanContext(0xC3, 0xD4, is_remote=False))],
        )
    span.set_attributes({f"key {number}": number for number in range(5)})
    for number in range(4):
        span.add_event("step", {"number": number, "lost": "x"})
    span.record_exception(ValueError("no"))
    span.set_status(Status(StatusCode.ERROR, "no"))
    span.end()
    return pipeline.spans()["POST /chat"]


def without(request, names):
    """Return the bytes of an OTLP request with the attributes of those names taken out."""
    for span in request.resource_spans[0].scope_spans[0].spans:
        kept = [attribute for attribute in span.attributes if attribute.key not in names]
        del span.attributes[:]
        span.attributes.extend(kept)
    return request.SerializeToString(deterministic=True)


def test_on_the_wire_a_span_differs_by_the_added_attributes_alone(make_pipeline):
    original = full_span(make_pipeline)
    recorder = Recorder()
    DialectSpanExporter(recorder, NAMES).export([original])
    (copy,) = recorder.batches[0]
    added = set(copy.attributes) - set(original.attributes)
    assert {"langfuse.session.id", "braintrust.metadata.user_id", "$ai_session_id"} <= added
    assert (original.dropped_attributes, original.dropped_events, original.dropped_links) == (1, 3, 1)
    assert without(encode_spans([copy, copy]), added) == encode_spans([original, original]).SerializeToString(
        deterministic=True
    )


def test_as_text_a_span_differs_by_the_added_attributes_alone(make_pipeline):
    """The console exporter writes this."""
    original = full_span(make_pipeline)
    recorder = Recorder()
    DialectSpanExporter(recorder, "weave").export([original])
    (copy,) = recorder.batches[0]
    expected = json.loads(original.to_json())
    session_id = expected["attributes"]["session.id"]
    expected["attributes"] |= {"weave.conversation.id": session_id, "wandb.thread_id": session_id}
    assert json.loads(copy.to_json()) == expected


def test_copies_share_a_resource_that_is_the_same_as_that_of_the_spans(make_pipeline):
    """So that one request holds it once, whether a span was copied or not, and its hash is found once."""
    resource = Resource({"service.name": "shop", "ports": [80, 443]}, "https://opentelemetry.io/schemas/1.30.0")
    pipeline = make_pipeline(SessionSpanProcessor(), resource=resource)
    with set_session("conv-42"):
        pipeline.tracer.start_span("first").end()
        pipeline.tracer.start_span("second").end()
    pipeline.tracer.start_span("third").end()
    recorder = Recorder()
    DialectSpanExporter(recorder, "weave").export(list(pipeline.spans().values()))
    first, second, third = recorder.batches[0]
    assert first.resource is second.resource is not third.resource
    assert first.resource == third.resource == resource
    assert hash(first.resource) == hash(third.resource)
    assert json.loads(first.resource.to_json()) == json.loads(resource.to_json())
    for batch in ([first, second, third], [third, second, first]):
        assert len(encode_spans(batch).resource_spans) == 1


def test_spans_of_several_resources_stay_apart(make_pipeline):
    pipelines = [make_pipeline(SessionSpanProcessor(), resource=Resource({"service.name": each})) for each in "abab"]
    with set_session("conv-42"):
        for pipeline in pipelines:
            pipeline.tracer.start_span("chat").end()
    recorder = Recorder()
    DialectSpanExporter(recorder, "weave").export([pipeline.spans()["chat"] for pipeline in pipelines])
    assert [span.resource.attributes["service.name"] for span in recorder.batches[0]] == list("abab")
    assert len(encode_spans(recorder.batches[0]).resource_spans) == 2


def test_a_resource_of_ones_own_kind_is_passed_on_as_it_is():
    class Own(Resource):
        """As somebody has made it."""

    resource = Own({"service.name": "shop"})
    span = ReadableSpan("chat", resource=resource, attributes={"session.id": "s"})
    recorder = Recorder()
    DialectSpanExporter(recorder, "weave").export([span, span])
    assert [copy.resource is resource for copy in recorder.batches[0]] == [True, True]


def test_the_span_itself_stays_as_it_is(make_pipeline):
    original = full_span(make_pipeline)
    before = dict(original.attributes)
    DialectSpanExporter(Recorder(), NAMES).export([original])
    assert dict(original.attributes) == before


def test_a_span_without_a_session_is_passed_on_as_it_is():
    plain, empty = ReadableSpan("plain", attributes={"gen_ai.request.model": "m"}), ReadableSpan("empty")
    recorder = Recorder()
    DialectSpanExporter(recorder, NAMES).export([plain, empty])
    assert [id(span) for span in recorder.batches[0]] == [id(plain), id(empty)]


def test_a_span_that_has_the_names_already_is_passed_on_as_it_is():
    """So that a dialect of the processor beside the same one of the exporter costs no copies."""
    span = ReadableSpan(
        "chat",
        attributes={"session.id": "s", "weave.conversation.id": "s", "wandb.thread_id": "[Scrubbed due to 'thread']"},
    )
    recorder = Recorder()
    DialectSpanExporter(recorder, "weave").export([span])
    assert recorder.batches[0][0] is span


OF_FRAMEWORK = {
    "session.id": "s",
    "user.id": "ada",
    "gen_ai.conversation.id": "own",
    "langfuse.session.id": "of langfuse",
    "langfuse.user.id": "bob",
}


def test_another_session_under_a_name_of_the_dialect_gives_way_and_is_kept():
    """So that what a framework names on some of its spans is no second conversation."""
    recorder = Recorder()
    DialectSpanExporter(recorder, "genai,langfuse").export([ReadableSpan("chat", attributes=OF_FRAMEWORK)])
    assert dict(recorder.batches[0][0].attributes) == {
        **OF_FRAMEWORK,
        "gen_ai.conversation.id": "s",
        "session.displaced_conversation_id": "own",
        "langfuse.session.id": "s",
        "session.displaced_id": "of langfuse",
    }


def test_what_was_kept_before_stays():
    span = ReadableSpan(
        "chat", attributes={"session.id": "s", "$ai_session_id": "own", "session.displaced_id": "first"}
    )
    recorder = Recorder()
    DialectSpanExporter(recorder, "posthog").export([span])
    assert dict(recorder.batches[0][0].attributes) == {**span.attributes, "$ai_session_id": "s"}


@pytest.mark.parametrize("text", ["[Scrubbed due to 'session']", "********"])
def test_a_session_that_is_masked_takes_no_other_ones_place(text):
    """All conversations would be one."""
    recorder = Recorder()
    attributes = {"session.id": text, "gen_ai.conversation.id": "own", "gen_ai.request.model": "m"}
    DialectSpanExporter(recorder, "genai").export([ReadableSpan("chat", attributes=attributes)])
    assert dict(recorder.batches[0][0].attributes) == attributes


@pytest.mark.parametrize("session", [{}, {"session.id": 7}])
def test_without_a_session_on_the_span_the_one_of_a_framework_stays(session):
    span, recorder = ReadableSpan("chat", attributes={"gen_ai.conversation.id": "own", **session}), Recorder()
    DialectSpanExporter(recorder, "genai").export([span])
    assert recorder.batches[0][0] is span


@pytest.mark.parametrize("is_variable", [True, False])
def test_where_spans_win_another_session_stays_there(monkeypatch, is_variable):
    if is_variable:
        monkeypatch.setenv("OTEL_SESSION_CONFLICT", "span")
    span, recorder = ReadableSpan("chat", attributes=OF_FRAMEWORK), Recorder()
    DialectSpanExporter(recorder, "genai,langfuse", conflict=None if is_variable else "span").export([span])
    assert recorder.batches[0][0] is span


def test_without_a_dialect_a_batch_is_passed_on_as_it_is():
    spans = (ReadableSpan("chat", attributes={"session.id": "s"}),)
    recorder = Recorder()
    DialectSpanExporter(recorder, "").export(spans)
    assert recorder.batches[0] is spans


def test_names_of_ones_own_work_for_one_exporter():
    recorder = Recorder()
    exporter = DialectSpanExporter(recorder, [], aliases=[("my.key", "session.id")])
    exporter.export([ReadableSpan("chat", attributes={"session.id": "s"})])
    assert dict(recorder.batches[0][0].attributes) == {"session.id": "s", "my.key": "s"}


def test_a_span_that_cannot_be_read_goes_out_all_the_same(warnings):
    recorder, broken = Recorder(), Broken("broken")
    exporter = DialectSpanExporter(recorder, "weave")
    for _ in range(2):
        exporter.export([broken, ReadableSpan("chat", attributes={"session.id": "s"})])
    assert recorder.batches[0][0] is broken
    assert recorder.batches[0][1].attributes["weave.conversation.id"] == "s"
    assert warnings() == ["otel_sessions: a span goes out without its dialect: it raised RuntimeError"]


def test_the_exporter_that_is_wrapped_has_the_last_word():
    recorder = Recorder()
    exporter = DialectSpanExporter(recorder, "weave")
    assert exporter.export([]) is SpanExportResult.FAILURE
    assert exporter.force_flush(7) is False
    exporter.shutdown()
    assert recorder.calls == [7, "shutdown"]


def test_an_exporter_shows_what_it_does():
    exporter = DialectSpanExporter(InMemorySpanExporter(), "weave,langfuse", [("my.key", "session.id")])
    assert repr(exporter).endswith(", ('weave', 'langfuse'), (('my.key', 'session.id'),))")


@pytest.mark.parametrize("dialects", ["langfuse,lang smith", ["langfuse", "langfues"], ["langfuse", None]])
def test_an_unknown_dialect_is_said_once_at_the_line_of_the_caller(dialects, warnings):
    for _ in range(2):
        exporter = DialectSpanExporter(Recorder(), dialects)
    assert "('langfuse',)" in repr(exporter)
    (message,) = warnings()
    assert "azure, braintrust, genai" in message
    assert "test_dialects.py" in message


@pytest.mark.parametrize("aliases", [[("my.key", "session.other")], [("my.key",)], "my.key=session", [None]])
def test_an_alias_that_means_nothing_is_said_at_the_line_of_the_caller(aliases, warnings):
    DialectSpanExporter(Recorder(), "", aliases)
    (message,) = warnings()
    assert "session.id, user.id, session.name, session.path, session.previous_id, session.tags" in message
    assert "test_dialects.py" in message


def test_what_is_right_is_not_warned_of(warnings):
    DialectSpanExporter(Recorder(), NAMES, [("my.key", "session.metadata.plan"), ["my.tags", "session.tags"]])
    assert warnings() == []


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from((*NAMES, *SESSION)),
    lambda items: st.lists(items, max_size=4) | st.tuples(items, items) | st.dictionaries(st.text(max_size=9), items),
    max_leaves=8,
)
KEYS = st.sampled_from(
    (*SESSION, "session.metadata.user_id", "langfuse.session.id", "gen_ai.x", "metadata", "enduser.id", "my.key")
)
VALUES = st.text(max_size=9) | st.integers() | st.booleans() | st.lists(st.text(max_size=9), max_size=3).map(tuple)


@pytest.mark.warned_of
@given(dialects=ANY, aliases=ANY)
def test_nothing_that_it_is_given_makes_it_raise(dialects, aliases):
    exporter = DialectSpanExporter(InMemorySpanExporter(), dialects, aliases)
    assert exporter.export([ReadableSpan("chat", attributes=SESSION)]) is SpanExportResult.SUCCESS


@pytest.mark.warned_of
@given(
    attributes=st.dictionaries(KEYS, VALUES),
    dialects=st.lists(st.sampled_from(NAMES)),
    aliases=st.lists(st.tuples(KEYS, KEYS), max_size=3),
)
def test_no_attribute_is_ever_lost_or_overwritten(attributes, dialects, aliases):
    recorder = Recorder()
    exporter = DialectSpanExporter(recorder, dialects, aliases, conflict="span")
    exporter.export([ReadableSpan("chat", attributes=attributes)])
    exported = recorder.batches[0][0].attributes
    assert {key: exported[key] for key in attributes} == attributes
    assert all(isinstance(exported[key], (str, tuple)) and exported[key] for key in set(exported) - set(attributes))
    assert set(SESSION).isdisjoint(set(exported) - set(attributes))


@pytest.mark.warned_of
@given(
    attributes=st.dictionaries(KEYS, VALUES),
    dialects=st.lists(st.sampled_from(NAMES)),
    aliases=st.lists(st.tuples(KEYS, KEYS), max_size=3),
)
def test_what_is_overwritten_has_named_another_session_and_is_kept(attributes, dialects, aliases):
    recorder = Recorder()
    DialectSpanExporter(recorder, dialects, aliases).export([ReadableSpan("chat", attributes=attributes)])
    exported = recorder.batches[0][0].attributes
    displaced = {key: value for key, value in attributes.items() if exported[key] != value}
    assert all(exported[key] == attributes["session.id"] and key != "session.id" for key in displaced)
    assert not displaced or exported["session.displaced_id"] in map(str, displaced.values())
