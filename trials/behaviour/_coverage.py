"""Rows about which spans have the session at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from ._outcome import ADA, Outcome, fails, passes, worst
from ._scenario import scenario

if TYPE_CHECKING:
    from ._stage import Stage

_MOST_MESSAGES = 500


def _instrumented_client(base_url: str) -> Any:
    """Return the real client, with spans by OpenInference's instrumentor, for the stand-in server."""
    from openai import OpenAI
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=trace.get_tracer_provider())
    return OpenAI(base_url=base_url, api_key="none", max_retries=0)


@scenario(
    "The span of the model call has both ids",
    "Two calls of the real `openai` client, one of them streamed, with spans by OpenInference's instrumentor, inside a "
    "span of the application.",
)
def model_call(stage: Stage) -> Outcome:
    from otel_sessions.demo import StandIn

    messages = [{"role": "user", "content": "Where is Lisbon?"}]
    with StandIn(seconds_per_word=0) as api:
        create = _instrumented_client(api.base_url).chat.completions.create
        with stage.tool.scope(ADA), stage.tool.tracer().start_as_current_span("turn"):
            create(model="gpt-4o-mini", messages=messages)
            list(create(model="gpt-4o-mini", messages=messages, stream=True))
    return stage.have(ADA, "ChatCompletion")


@scenario(
    "So has a span of any other library",
    "A span by a tracer of the tool's pipeline that is got with `opentelemetry.trace.get_tracer`, as database and HTTP "
    "instrumentations get it.",
)
def other_library(stage: Stage) -> Outcome:
    with stage.tool.scope(ADA), stage.tool.tracer().start_as_current_span("turn"):
        trace.get_tracer("some.database").start_span("query").end()
    return worst(stage.have(ADA, "query"), stage.have(ADA, "turn"))


@scenario(
    f"A chat of {_MOST_MESSAGES} messages keeps both",
    f"A model call as above with {_MOST_MESSAGES} messages, the SDK's limit of 128 attributes left as it is; where the "
    "exported span lacks an id, the number of messages from which on is searched.",
)
def long_chat(stage: Stage) -> Outcome:
    from otel_sessions.demo import StandIn

    with StandIn(seconds_per_word=0) as api:
        client = _instrumented_client(api.base_url)
        if _keeps(stage, client, _MOST_MESSAGES):
            attributes = stage.recorder.attributes("ChatCompletion")[-1]
            return passes(f"both ids, {len(attributes)} attributes")
        low, high = 0, _MOST_MESSAGES  # it keeps them with `low` and loses one with `high`
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _keeps(stage, client, middle) else (low, middle)
    return fails(f"lost from message {high}")


def _keeps(stage: Stage, client: Any, count: int) -> bool:
    roles = ("user", "assistant")
    messages = [{"role": roles[number % 2], "content": "Hello."} for number in range(count)]
    with stage.tool.scope(ADA):
        client.chat.completions.create(model="gpt-4o-mini", messages=messages)
    return stage.ids("ChatCompletion")[-1] == ADA


@scenario(
    "So has a child that is made from its parent span alone",
    "In the block a span is started; outside of it another one, with "
    "`context=trace.set_span_in_context(parent, Context())`, as callbacks of frameworks do.",
)
def lost_context(stage: Stage) -> Outcome:
    from opentelemetry.context import Context

    with stage.tool.leavable_scope(ADA):
        parent = stage.tool.tracer().start_span("parent")
    context = trace.set_span_in_context(parent, Context())
    stage.tool.tracer().start_span("child", context=context).end()
    parent.end()
    return stage.have(ADA, "child")


ROWS = (model_call, other_library, lost_context, long_chat)
