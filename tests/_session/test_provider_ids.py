"""The user, and the session, that a call of a model names: on the span of that call, and on nothing else."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from hashlib import sha256

import openai
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openai import AsyncOpenAI
from opentelemetry import context
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import set_span_in_context

from otel_sessions import bind_session, clear_session, set_session, update_session
from otel_sessions._pipeline.taking import _MAX_TRACERS
from otel_sessions._session.ids import is_plain_id
from otel_sessions._session.provider_ids import ids_in
from otel_sessions._session.user_ids import hashed
from otel_sessions._settings.settings import Settings, use_in_process
from otel_sessions.sdk import SessionSpanProcessor, instrument, uninstrument

MESSAGES = [{"role": "user", "content": "What is a span?"}]
QUESTION = "What is a span?"
SCOPE = "openinference.instrumentation.openai"  # the name of its tracer
TRACELOOP = "opentelemetry.instrumentation.openai.v1"
KEYS = ("session.id", "user.id")
BOTH = ("user.id", "session.id")

pytestmark = pytest.mark.usefixtures("no_error_of_anybody", "no_session_is_left_behind")


@pytest.fixture
def chat_of_both(make_pipeline, instrumented):
    return instrumented(make_pipeline(SessionSpanProcessor(provider_ids="user,session")))


def seen(pipeline):
    """Return the ids of each exported span, in the order in which they ended."""
    spans = pipeline.exporter.get_finished_spans()
    return [tuple(span.attributes[key] for key in KEYS if key in span.attributes) for span in spans]


def ask(client, **arguments):
    client.chat.completions.create(model="m", messages=MESSAGES, **arguments)


def ask_streaming(client, **arguments):
    for _ in client.chat.completions.create(model="m", messages=MESSAGES, stream=True, **arguments):
        pass


def ask_responses(client, **arguments):
    client.responses.create(model="m", input=QUESTION, **arguments)


def ask_responses_streaming(client, **arguments):
    for _ in client.responses.create(model="m", input=QUESTION, stream=True, **arguments):
        pass


def embed(client, **arguments):
    with pytest.raises(openai.NotFoundError):  # the stand-in has no embeddings; the span is there
        client.embeddings.create(model="m", input=QUESTION, **arguments)


ASKING = [ask, ask_streaming, ask_responses, ask_responses_streaming]


# What the instrumentation of OpenInference records


@pytest.mark.parametrize("call", [*ASKING, embed])
def test_the_user_of_a_call_is_on_its_span_where_there_is_no_other(chat, client, call):
    call(client, user="ada")
    assert seen(chat) == [("ada",)]


@pytest.mark.parametrize("streaming", [False, True])
def test_the_user_of_an_async_call_is_on_its_span_too(chat, api, streaming):
    async def main():
        async with AsyncOpenAI(base_url=api.base_url, api_key="none", max_retries=0) as client:
            answer = await client.chat.completions.create(model="m", messages=MESSAGES, user="ada", stream=streaming)
            if streaming:
                assert [chunk async for chunk in answer]

    asyncio.run(main())
    assert seen(chat) == [("ada",)]


@pytest.mark.parametrize("call", ASKING)
def test_the_safety_identifier_goes_before_the_user_that_it_replaces(chat, client, call):
    call(client, user="cache-key", safety_identifier="ada")
    assert seen(chat) == [("ada",)]


def test_the_user_joins_the_session_around_the_call_on_that_span_alone(chat, client):
    with set_session("ours"), chat.tracer.start_as_current_span("turn"):
        ask(client, user="ada")
        chat.tracer.start_span("afterwards").end()
    assert seen(chat) == [("ours", "ada"), ("ours",), ("ours",)]


@pytest.mark.parametrize(
    "scope",
    [lambda: set_session("ours", user_id="bob"), lambda: update_session(user_id="bob")],
    ids=["session", "user"],
)
def test_the_user_of_a_scope_goes_before_that_of_a_call(chat, client, scope):
    with scope():
        ask(client, user="ada")
    assert seen(chat)[0][-1] == "bob"


def test_the_user_of_a_bound_trace_goes_before_that_of_a_call(chat, client):
    with chat.tracer.start_as_current_span("turn"):
        bind_session("ours", user_id="bob")
        ask(client, user="ada")
    assert seen(chat) == [("ours", "bob")] * 2


def test_a_call_takes_no_user_inside_a_cleared_session(chat, client):
    with set_session("ours"), clear_session():
        ask(client, user="ada")
    assert seen(chat) == [()]


@pytest.mark.parametrize("user", ["", openai.omit, openai.NOT_GIVEN], ids=["empty", "omit", "not given"])
def test_a_user_that_is_none_is_not_there(chat, client, user):
    ask(client, user=user)
    assert seen(chat) == [()]


def test_a_user_that_does_not_fit_is_its_digest(chat, client):
    ask(client, user="Zoë")
    assert seen(chat) == [("sha256-" + sha256("Zoë".encode()).hexdigest(),)]


@pytest.mark.warned_of("digest")
def test_the_user_keeps_to_the_value_limit_of_the_span(make_pipeline, instrumented, client):
    pipeline = instrumented(make_pipeline(span_limits=SpanLimits(max_attribute_length=40)))
    ask(client, user="u" * 41)  # the parameters are cut as well, and are no JSON any more
    assert seen(pipeline) == [()]
    with pipeline.provider.get_tracer(TRACELOOP).start_as_current_span("chat") as span:
        span.set_attribute("gen_ai.user", "ü")
    with update_session(user_id="ü"):
        pipeline.tracer.start_span("in a scope").end()
    _, of_call, of_scope = seen(pipeline)
    assert of_call == of_scope
    assert len(of_call[0]) == 40


def test_the_session_of_a_call_is_not_taken_unless_it_is_asked_for(chat, client):
    ask_responses(client, user="ada", conversation="conv_1", metadata={"session_id": "s"})
    assert seen(chat) == [("ada",)]


@pytest.mark.parametrize(
    ("call", "arguments", "expected"),
    [
        (ask_responses, {"conversation": "conv_1"}, ("conv_1",)),
        (ask_responses, {"conversation": {"id": "conv_1"}}, ("conv_1",)),
        (ask_responses_streaming, {"conversation": "conv_1", "user": "ada"}, ("conv_1", "ada")),
        (ask_responses, {"conversation": "conv_1", "metadata": {"session_id": "s"}}, ("conv_1",)),
        (ask, {"metadata": {"session_id": "s", "other": "o"}, "user": "ada"}, ("s", "ada")),
        (ask_responses, {"conversation": None, "metadata": {}}, ()),
        (ask_responses, {"conversation": openai.omit, "metadata": openai.omit}, ()),
    ],
)
def test_the_session_of_a_call_is_on_its_span_where_that_is_asked_for(chat_of_both, client, call, arguments, expected):
    with chat_of_both.tracer.start_as_current_span("turn"):
        call(client, **arguments)
    assert seen(chat_of_both) == [expected, ()]


def test_the_session_of_a_scope_goes_before_that_of_a_call(chat_of_both, client):
    with set_session("ours"):
        ask_responses(client, conversation="conv_1", user="ada")
    with clear_session():
        ask_responses(client, conversation="conv_1", user="ada")
    assert seen(chat_of_both) == [("ours", "ada"), ()]


def test_nothing_is_taken_where_it_is_switched_off(make_pipeline, instrumented, client):
    pipeline = instrumented(make_pipeline(SessionSpanProcessor(provider_ids="none")))
    ask(client, user="ada")
    with set_session("ours"):
        ask(client, user="ada")
    assert seen(pipeline) == [(), ("ours",)]


def test_instrument_says_what_is_taken(pipeline, instrumented, client):
    instrument(pipeline.provider, provider_ids="user,session")
    instrumented(pipeline)
    ask(client, user="ada", metadata={"session_id": "s"})
    uninstrument(pipeline.provider)
    assert seen(pipeline) == [("s", "ada")]


def test_nothing_is_taken_after_uninstrument(make_pipeline, instrumented, client):
    pipeline = instrumented(make_pipeline(SimpleSpanProcessor(InMemorySpanExporter())))
    instrument(pipeline.provider)
    uninstrument(pipeline.provider)
    ask(client, user="ada")
    assert seen(pipeline) == [()]


# What is hidden


def test_parameters_that_are_hidden_are_not_looked_for_elsewhere(pipeline, instrumented, client):
    instrumented(pipeline, hide_llm_invocation_parameters=True)
    ask(client, user="ada")
    (span,) = pipeline.exporter.get_finished_spans()
    assert '"user": "ada"' in span.attributes["input.value"]
    assert seen(pipeline) == [()]


def test_hidden_inputs_hide_no_parameters(pipeline, instrumented, client):
    """It is OpenInference's choice: the user stands on the span in its parameters."""
    instrumented(pipeline, hide_inputs=True)
    ask(client, user="ada")
    (span,) = pipeline.exporter.get_finished_spans()
    assert json.loads(span.attributes["llm.invocation_parameters"])["user"] == "ada"
    assert seen(pipeline) == [("ada",)]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"user_privacy": "drop"}, ()),
        ({"user_privacy": "hash", "user_hash_key": "0123456789abcdef"}, (hashed("ada", "0123456789abcdef"),)),
    ],
)
def test_the_user_of_a_call_is_shown_as_any_other(chat, client, settings, expected):
    use_in_process(Settings.resolved(**settings))
    ask(client, user="ada")
    assert seen(chat) == [expected]


def test_a_user_that_is_not_shown_keeps_no_session_back(chat_of_both, client):
    use_in_process(Settings.resolved(user_privacy="drop"))
    ask(client, user="ada", metadata={"session_id": "s"})
    assert seen(chat_of_both) == [("s",)]


# Names of other backends, exporters before and after, limits, counts


def test_the_ids_of_a_call_have_the_names_of_dialects_and_aliases_too(make_pipeline, instrumented, client):
    processor = SessionSpanProcessor(
        dialects="langfuse,genai", aliases="my.user=user.id,their.user=user.id", provider_ids="user,session"
    )
    pipeline = instrumented(make_pipeline(processor))
    ask(client, user="ada", metadata={"session_id": "s"})
    (span,) = pipeline.exporter.get_finished_spans()
    names = ("user.id", "langfuse.user.id", "my.user", "their.user")
    assert {span.attributes[name] for name in names} == {"ada"}
    assert {span.attributes[name] for name in ("langfuse.session.id", "gen_ai.conversation.id")} == {"s"}


def test_a_name_that_is_there_already_stays(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(aliases="my.user=user.id"))
    with pipeline.provider.get_tracer(TRACELOOP).start_as_current_span("chat") as span:
        span.set_attributes({"gen_ai.user": "ada", "my.user": "its own"})
    attributes = pipeline.attributes("chat")
    assert (attributes["user.id"], attributes["my.user"]) == ("ada", "its own")


def test_an_exporter_gets_it_wherever_its_processor_stands(instrumented, client, make_pipeline):
    first = InMemorySpanExporter()
    pipeline = instrumented(make_pipeline(SimpleSpanProcessor(first), SessionSpanProcessor()))
    ask(client, user="ada")
    assert [span.attributes["user.id"] for span in first.get_finished_spans()] == ["ada"]
    assert seen(pipeline) == [("ada",)]


def test_a_full_span_gets_it_and_keeps_its_session(make_pipeline):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attributes=4))
    with (
        set_session("ours", metadata={"tier": "gold"}),
        pipeline.provider.get_tracer(TRACELOOP).start_as_current_span("chat") as span,
    ):
        span.set_attributes({"a": 1, "gen_ai.user": "ada"})
    assert pipeline.attributes("chat") == {"session.id": "ours", "user.id": "ada", "a": 1, "gen_ai.user": "ada"}


def test_a_span_that_has_lost_its_parameters_gets_none(chat, client):
    """Of a long chat the parameters are among the oldest attributes, and the SDK evicts those."""
    client.chat.completions.create(model="m", messages=MESSAGES * 80, user="ada")
    (span,) = chat.exporter.get_finished_spans()
    assert span.dropped_attributes
    assert "llm.invocation_parameters" not in span.attributes
    assert seen(chat) == [()]


def test_a_user_that_a_full_span_has_lost_comes_back_and_not_that_of_the_call(make_pipeline, instrumented, client):
    pipeline = instrumented(make_pipeline(span_limits=SpanLimits(max_span_attributes=16)))
    with set_session("ours", user_id="bob"):
        ask(client, user="ada")
    assert seen(pipeline) == [("ours", "bob")]


def test_it_is_counted(make_pipeline, instrumented, client):
    processor = SessionSpanProcessor()
    instrumented(make_pipeline(processor))
    ask(client, user="ada")
    with set_session("ours"):
        ask(client, user="ada")
    ask(client)
    stats = processor.stats()
    assert (stats.from_call, stats.stamped, stats.without_session) == (2, 2, 1)


# Of whom


@pytest.mark.parametrize("key", ["gen_ai.user", "llm.user"])
def test_the_user_that_traceloop_records_is_taken(pipeline, key):
    with pipeline.provider.get_tracer(TRACELOOP).start_as_current_span("chat") as span:
        span.set_attribute(key, "ada")
    assert seen(pipeline) == [("ada",)]


def test_of_other_tracers_nothing_is_taken(pipeline):
    parameters = {"llm.invocation_parameters": '{"user": "ada"}', "gen_ai.user": "ada"}
    pipeline.tracer.start_span("mine", attributes=parameters).end()
    assert seen(pipeline) == [()]


def test_however_many_tracers_there_are_all_are_told_apart(pipeline):
    for number in range(_MAX_TRACERS + 2):
        pipeline.provider.get_tracer(f"tracer-{number}").start_span("mine", attributes={"gen_ai.user": "ada"}).end()
    pipeline.provider.get_tracer(SCOPE).start_span("chat", attributes={"gen_ai.user": "ada"}).end()
    assert seen(pipeline) == [()] * (_MAX_TRACERS + 2) + [("ada",)]
    (processor, _) = pipeline.provider._active_span_processor._span_processors
    assert len(processor._taking.plain_tracers) <= _MAX_TRACERS


@pytest.mark.parametrize("around", [None, "ours"])
def test_what_is_of_a_call_is_not_inherited_by_a_span_with_a_lost_context(make_pipeline, around):
    """Which finds the session on the span that it knows as its parent, also when that has ended."""
    pipeline = make_pipeline(SessionSpanProcessor(provider_ids="user,session"))
    tracer = pipeline.provider.get_tracer(SCOPE)
    parameters = {"llm.invocation_parameters": '{"user": "ada", "conversation": "conv_1"}'}
    with set_session(around) if around else ExitStack():
        call = tracer.start_span("call", attributes=parameters)
    call.end()
    assert seen(pipeline) == [("ours", "ada") if around else ("conv_1", "ada")]
    pipeline.tracer.start_span("late", set_span_in_context(call, context.Context())).end()
    assert seen(pipeline)[1:] == [("ours",) if around else ()]


def test_a_span_of_before_the_processor_is_left_alone():
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    span = provider.get_tracer(TRACELOOP).start_span("chat", attributes={"gen_ai.user": "ada"})
    provider.add_span_processor(SessionSpanProcessor())
    span.end()
    assert "user.id" not in exporter.get_finished_spans()[0].attributes


# What is parsed comes from outside

DEVICE, OF_CLAUDE = "0123456789abcdef" * 4, "0cbbd6a0-7a67-4d2e-9a4b-1d16d3f44752"
ANTHROPIC = "openinference.instrumentation.anthropic"
USERS = [
    pytest.param({"metadata": {"user_id": "ada"}}, ("ada",), id="metadata"),
    pytest.param({"metadata": {"user_id": 7}}, ("7",), id="a-number"),
    pytest.param({"metadata": {"user_id": "eve"}, "user": "ada"}, ("ada",), id="after-the-user"),
    pytest.param({"metadata": {"user_id": "eve"}, "safety_identifier": "ada"}, ("ada",), id="after-the-identifier"),
    pytest.param({"metadata": {"user_id": "ada"}, "user": ""}, ("ada",), id="instead-of-an-empty-user"),
    pytest.param({"metadata": {"user_id": ""}}, (), id="empty"),
    pytest.param({"metadata": {"user_id": None}}, (), id="null"),
    pytest.param({"metadata": {"user_id": {"id": "ada"}}}, (), id="an-object"),
    pytest.param({"metadata": "user_id"}, (), id="no-metadata"),
    pytest.param({"user_id": "ada"}, (), id="not-in-metadata"),
    pytest.param({"metadata": {"user_id": "ada", "session_id": "s"}}, ("s", "ada"), id="session-beside-it"),
]
MADE = [
    pytest.param(f"user_{DEVICE}_account__session_{OF_CLAUDE}", (OF_CLAUDE, DEVICE), id="older"),
    pytest.param(
        f"user_{DEVICE}_account_{OF_CLAUDE}_session_{OF_CLAUDE}", (OF_CLAUDE, DEVICE), id="older-with-account"
    ),
    *(
        pytest.param(json.dumps(parts), expected, id=name)
        for name, parts, expected in [
            ("device", {"device_id": DEVICE, "account_uuid": "", "session_id": OF_CLAUDE}, (OF_CLAUDE, DEVICE)),
            ("both", {"device_id": DEVICE, "account_uuid": "a", "session_id": OF_CLAUDE}, (OF_CLAUDE, DEVICE)),
            ("account", {"device_id": "", "account_uuid": "a", "session_id": OF_CLAUDE}, (OF_CLAUDE, "a")),
            ("account-alone", {"account_uuid": "a", "session_id": OF_CLAUDE}, (OF_CLAUDE, "a")),
            ("nobody", {"device_id": "", "account_uuid": None, "session_id": OF_CLAUDE}, (OF_CLAUDE,)),
            ("no-session", {"device_id": DEVICE, "session_id": ""}, (DEVICE,)),
        ]
    ),
    *(
        pytest.param(text, (text,), id=name)
        for name, text in [
            ("other-json", '{"tenant": 1, "name": "ada"}'),
            ("other-json-with-a-session", '{"session_id": "s", "name": "ada"}'),
            ("no-object", '["device_id", "session_id"]'),
            ("no-json", '{"session_id": "device_id'),
            ("nearly-older", "user_ada_account__session_1"),
        ]
    ),
]


def seen_on_call(pipeline, tracer, arguments):
    attributes = {"llm.invocation_parameters": json.dumps(arguments)}
    pipeline.provider.get_tracer(tracer).start_span("call", attributes=attributes).end()
    return seen(pipeline)[-1]


@pytest.mark.parametrize(("arguments", "expected"), USERS)
@pytest.mark.parametrize("tracer", [ANTHROPIC, SCOPE, "openinference.instrumentation.litellm"])
def test_the_user_of_the_metadata_is_taken_after_the_names_for_users_alone(make_pipeline, tracer, arguments, expected):
    pipeline = make_pipeline(SessionSpanProcessor(provider_ids="user,session"))
    assert seen_on_call(pipeline, tracer, arguments) == expected


@pytest.mark.parametrize(("user", "expected"), MADE)
@pytest.mark.parametrize("argument", [lambda user: {"metadata": {"user_id": user}}, lambda user: {"user": user}])
def test_what_claude_code_puts_together_is_taken_apart(make_pipeline, argument, user, expected):
    pipeline = make_pipeline(SessionSpanProcessor(provider_ids="user,session"))
    assert seen_on_call(pipeline, ANTHROPIC, argument(user)) == expected


@pytest.mark.parametrize(("user", "expected"), MADE[:4])
def test_its_session_is_not_taken_unless_it_is_asked_for(pipeline, user, expected):
    assert seen_on_call(pipeline, ANTHROPIC, {"metadata": {"user_id": user}}) == expected[1:]


def test_it_is_taken_apart_in_what_litellm_records_as_well(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(provider_ids="user,session"))
    pipeline.provider.get_tracer("litellm").start_span(
        "litellm_request", attributes={"llm.user": MADE[2].values[0]}
    ).end()
    assert seen(pipeline) == [(OF_CLAUDE, DEVICE)]


def test_the_metadata_of_a_call_names_a_user_with_the_real_client_too(chat, client):
    ask(client, metadata={"user_id": "ada", "session_id": "s"})
    assert seen(chat) == [("ada",)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["user", "safety_identifier", "conversation", "metadata", "other"]),
    JSON
    | st.fixed_dictionaries({"id": JSON})
    | st.fixed_dictionaries({"session_id": JSON}, optional={"user_id": JSON})
    | st.dictionaries(st.sampled_from(["device_id", "account_uuid", "session_id"]), JSON).map(json.dumps),
)


@given(ARGUMENTS)
def test_whatever_the_arguments_are_what_is_found_is_an_id(arguments):
    found = ids_in({"llm.invocation_parameters": json.dumps(arguments)}, BOTH)
    assert found.keys() <= set(BOTH)
    assert all(is_plain_id(value) for value in found.values())


@given(st.text() | st.binary() | st.none() | st.integers(), st.text() | st.integers() | st.lists(st.text()))
@example('{"user": "a', None)
@example('["user"]', None)
@example('{"user": ' * 5_000, None)
@example('{"user": ' + "9" * 5_000 + "}", None)
@example("[" * 60_000 + '"user"', None)
@example(None, '{"session_id": ' * 3_000)
@example(None, '{"session_id": "device_id", "device_id": [], "account_uuid": {}}')
def test_whatever_the_attributes_are_nothing_raises(parameters, user):
    found = ids_in({"llm.invocation_parameters": parameters, "gen_ai.user": user}, BOTH)
    assert all(is_plain_id(value) for value in found.values())


@given(st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200))
def test_any_id_is_found_as_it_was_given(user):
    text = json.dumps({"model": "m", "user": user})
    assert ids_in({"embedding.invocation_parameters": text}, ["user.id"]) == {"user.id": user}


def test_parameters_that_are_too_long_are_not_read():
    short = {"user": "ada", "rest": ""}
    fitting = {**short, "rest": "x" * (65_536 - len(json.dumps(short)))}
    longer = {**fitting, "rest": fitting["rest"] + "x"}
    found = [ids_in({"llm.invocation_parameters": json.dumps(each)}, ["user.id"]) for each in (fitting, longer)]
    assert found == [{"user.id": "ada"}, {}]
