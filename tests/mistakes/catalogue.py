"""The mistakes of a new user, a small program each, and what is to be said of it; and what looks alike and is right.

Each runs in a process of its own (see `said`) and imports the package itself, whose settings are read then.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, NamedTuple

import httpx
from opentelemetry import baggage, trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import Tracer


class Program(NamedTuple):
    """A program, its environment, and what is said of it: a level and words, or nothing."""

    run: Callable[[], object]
    environment: Mapping[str, str]
    level: str = ""
    words: tuple[str, ...] = ()


ALL: dict[str, Program] = {}


def warning(*words: str, level: str = "WARNING", **environment: str) -> Callable[[Callable[[], object]], None]:
    """Have a program said once to be wrong, at WARNING, by a message with these words: what is wrong, and the remedy."""

    def add(run: Callable[[], object]) -> None:
        ALL[run.__name__] = Program(run, environment, level, words)

    return add


def information(*words: str, **environment: str) -> Callable[[Callable[[], object]], None]:
    """Have a program said once to be odd, at INFO."""
    return warning(*words, level="INFO", **environment)


def import_error(*words: str) -> Callable[[Callable[[], object]], None]:
    """Have an import raise with these words."""
    return warning(*words, level="ImportError")


def nothing(**environment: str) -> Callable[[Callable[[], object]], None]:
    """Have nothing said of a program, at any level: it is right."""
    return warning(level="", **environment)


def exporting(*processors: SpanProcessor) -> TracerProvider:
    """Return a provider that exports."""
    provider = TracerProvider()
    for each in (*processors, SimpleSpanProcessor(InMemorySpanExporter())):
        provider.add_span_processor(each)
    return provider


def pipeline(*processors: SpanProcessor) -> Tracer:
    """Set a provider up, as the application has one, and return a tracer of it."""
    provider = exporting(*processors)
    trace.set_tracer_provider(provider)
    return provider.get_tracer("app")


def plugged(**settings: object) -> Tracer:
    """Set a provider up with the plug-in on it."""
    from otel_sessions.sdk import instrument

    tracer = pipeline()
    instrument(**settings)
    return tracer


def answered(url: str) -> None:
    """Call ``url`` with an instrumented client; it is answered in memory."""
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    HTTPXClientInstrumentor.instrument_client(client)
    client.get(url)


# Forgotten


@warning("instrument()", "SessionSpanProcessor")
def nothing_stamps_the_spans():
    from otel_sessions import set_session

    tracer = pipeline()
    for number in range(3):
        with set_session(f"conv-{number}", user_id="ada"):
            tracer.start_span("answer").end()


@warning("instrument()", "SessionSpanProcessor")
def nothing_stamps_the_span_of_a_turn():
    from otel_sessions import set_session, turn

    pipeline()
    with set_session("conv-42"), turn("reply", input="Hi") as t:
        t.output = "Hello"


@warning("instrument()", "SessionSpanProcessor")
def nothing_stamps_what_is_bound():
    from otel_sessions import bind_session

    tracer = pipeline()
    with tracer.start_as_current_span("POST /chat"):
        bind_session("conv-42")


@warning("TracerProvider", "tracer_provider")
def a_second_provider_has_no_plug_in():
    from otel_sessions import set_session

    plugged()
    tracer = exporting().get_tracer("library")
    with set_session("conv-42"), tracer.start_as_current_span("answer"), set_session("conv-42"):
        tracer.start_span("call of a model").end()


@warning("bind_session", "set_tracer_provider")
def a_bind_where_no_provider_is_set():
    from otel_sessions import bind_session

    with trace.get_tracer("app").start_as_current_span("POST /chat"):
        bind_session("conv-42")


@warning("bind_session", "inside a span")
def a_bind_outside_of_any_span():
    from otel_sessions import bind_session

    plugged()
    bind_session("conv-42")


@warning("set_session", "`with ")
def a_session_without_with():
    from otel_sessions import set_session

    tracer = plugged()
    set_session(session_id="conv-42", user_id="ada")
    tracer.start_span("answer").end()


@warning("update_session", "`with ")
def an_update_without_with():
    from otel_sessions import set_session, update_session

    tracer = plugged()
    with set_session("conv-42"):
        update_session(user_id="ada")
        tracer.start_span("answer").end()


@warning("step", "`with ")
def a_step_without_with():
    from otel_sessions import set_session, step

    tracer = plugged()
    with set_session("conv-42"):
        step("outline")
        tracer.start_span("answer").end()


@warning("turn", "`with ")
def a_turn_without_with():
    from otel_sessions import set_session, turn

    plugged()
    with set_session("conv-42"):
        turn("reply", input="Hi")


@warning("turn", "output", "`with ")
def a_turn_that_is_kept_and_never_entered():
    from otel_sessions import set_session, turn

    plugged()
    with set_session("conv-42"):
        t = turn("reply", input="Hi")
        t.output = "Hello"


@warning("clear_session", "`with ")
def a_session_is_cleared_without_with():
    from otel_sessions import clear_session, set_session

    tracer = plugged()
    with set_session("conv-42"):
        clear_session()
        tracer.start_span("answer").end()


@warning("from_carrier", "`with ")
def a_carrier_is_read_without_with():
    from otel_sessions import from_carrier

    tracer = plugged()
    from_carrier({"baggage": "session.id=conv-42"})
    tracer.start_span("job").end()


@information("bind_session")
def a_session_in_a_handler_whose_span_is_open():
    from otel_sessions import set_session, turn

    tracer = plugged()
    with (
        tracer.start_as_current_span("POST /chat", kind=trace.SpanKind.SERVER),
        set_session("conv-42", user_id="ada"),
        turn("reply", input="Hi") as t,
    ):
        t.output = "Hello"


@information("set_session")
def a_turn_outside_of_any_session():
    from otel_sessions import turn

    plugged()
    with turn("reply", input="Hi") as t:
        t.output = "Hello"


@information("session_id", "None")
def a_key_that_the_body_does_not_have():
    from otel_sessions import set_session

    tracer = plugged()
    body: dict[str, str] = {}
    with set_session(session_id=body.get("conversation")):
        tracer.start_span("answer").end()


@information("None")
def a_key_that_the_body_does_not_have_in_first_place():
    from otel_sessions import set_session

    tracer = plugged()
    body: dict[str, str] = {}
    with set_session(body.get("conversation")):
        tracer.start_span("answer").end()


@warning("session", "handle")
def feedback_for_nothing():
    from otel_sessions import feedback

    plugged()
    message: dict[str, str] = {}
    feedback("helpful", passed=True, session=message.get("handle"))


@warning("session", "handle")
def feedback_for_a_message():
    from otel_sessions import feedback

    plugged()
    feedback("helpful", passed=True, session={"text": "Hello"})


@warning("instrument()", "propagators")
def the_propagators_are_forgotten():
    from otel_sessions import set_session
    from otel_sessions.sdk import SessionSpanProcessor

    pipeline(SessionSpanProcessor())
    with set_session("conv-42", user_id="ada"):
        answered("https://api.third-party.example/v1")


@warning("generator", "decorate")
def a_decorated_function_returns_a_generator():
    from otel_sessions import set_session

    tracer = plugged()

    def words():
        tracer.start_span("answer").end()
        yield "a"

    @set_session("conv-42")
    def answer():
        return words()

    list(answer())


@warning("wrap", "await")
def a_stream_that_is_not_awaited():
    from otel_sessions import set_session

    plugged()

    async def stream():
        return iter("ab")

    async def main():
        scope = set_session("conv-42")
        with scope:
            words = scope.wrap(stream())
        await words

    asyncio.run(main())


# Swapped


@warning("ctx", "Context")
def a_request_in_place_of_the_context():
    from otel_sessions import set_session

    tracer = plugged()
    with set_session(httpx.Request("GET", "http://localhost"), "conv-42"):
        tracer.start_span("answer").end()


@warning("TracerProvider")
def a_logger_provider_in_place_of_a_tracer_provider():
    from opentelemetry.sdk._logs import LoggerProvider

    from otel_sessions.sdk import instrument

    instrument(LoggerProvider())


@warning("metadata")
def metadata_that_is_no_mapping():
    from otel_sessions import set_session

    tracer = plugged()
    with set_session("conv-42", metadata=["beta"]):
        tracer.start_span("answer").end()


@warning("tags")
def one_tag_in_place_of_a_list():
    from otel_sessions import set_session

    tracer = plugged()
    with set_session("conv-42", tags="beta"):
        tracer.start_span("answer").end()


@warning("from_carrier")
def a_body_in_place_of_a_carrier():
    from otel_sessions import from_carrier

    tracer = plugged()
    with from_carrier("session.id=conv-42"):
        tracer.start_span("job").end()


# Mistyped


@warning("OTEL_SESSION_DIALECT", "OTEL_SESSION_DIALECTS", OTEL_SESSION_DIALECT="langfuse")
def a_variable_that_there_is_not():
    plugged()


@warning("OTEL_SESSION_DIALECTS", "langfuse", OTEL_SESSION_DIALECTS="langfues")
def a_dialect_that_there_is_not():
    plugged()


@warning("OTEL_SESSION_USER_PRIVACY", "hash", "drop", OTEL_SESSION_USER_PRIVACY="hashed")
def a_mode_that_there_is_not():
    plugged()


@warning("OTEL_SESSION_USER_HASH_KEY", OTEL_SESSION_USER_PRIVACY="hash")
def a_hash_without_a_key():
    plugged()


@warning("OTEL_SESSION_TRUST_INCOMING", "true", "false", OTEL_SESSION_TRUST_INCOMING="nope")
def a_flag_that_is_none():
    plugged()


@warning("OTEL_SESSION_CONFLICT", "scope", "span", OTEL_SESSION_CONFLICT="spans")
def a_winner_that_there_is_not():
    plugged()


@warning("OTEL_SESSION_INCOMING_HEADERS", "session.id=", OTEL_SESSION_INCOMING_HEADERS="x-session-id")
def a_header_without_its_field():
    plugged()


@warning("OTEL_SESSION_FLUSH", "milliseconds", OTEL_SESSION_FLUSH="5s")
def a_time_with_its_unit():
    plugged()


@warning("OTEL_SESSION_PROVIDER_IDS", OTEL_SESSION_PROVIDER_IDS="users")
def an_origin_that_there_is_not():
    plugged()


@warning("OTEL_SESSION_PROPAGATE_TO", OTEL_SESSION_PROPAGATE_TO="https://api.example.com/v1")
def a_url_in_place_of_a_host():
    plugged()


@warning("ratio", "0", "1")
def a_ratio_in_percent():
    from otel_sessions.sdk import SessionRatioSampler

    SessionRatioSampler(10)


@warning("conflict", "scope", "span")
def an_argument_of_another_value():
    plugged(conflict="spans")


@warning("session_id", "str")
def an_id_of_another_type():
    from otel_sessions import set_session

    tracer = plugged()
    with set_session(session_id={"id": "conv-42"}):
        tracer.start_span("answer").end()


@warning("session_id", "empty")
def an_empty_id():
    from otel_sessions import set_session

    tracer = plugged()
    with set_session(session_id=""):
        tracer.start_span("answer").end()


@warning("session_id", "placeholder")
def the_text_of_a_missing_id():
    from otel_sessions import set_session

    tracer = plugged()
    with set_session(session_id=str(None)):
        tracer.start_span("answer").end()


@warning("session_id", "digest")
def a_whole_message_in_place_of_an_id():
    from otel_sessions import set_session

    tracer = plugged()
    with set_session(session_id="What is a span? " * 20):
        tracer.start_span("answer").end()


# In the wrong order


@warning("bind_session", "ended")
def a_bind_below_a_span_that_has_ended():
    from otel_sessions import bind_session

    tracer = plugged()
    span = tracer.start_span("POST /chat")
    with trace.use_span(span, end_on_exit=True):
        span.end()
        bind_session("conv-42")


@warning("session_id", "outside")
def a_new_session_in_the_middle_of_a_trace():
    from otel_sessions import set_session

    tracer = plugged()
    with set_session("conv-42"), tracer.start_as_current_span("answer"), set_session():
        tracer.start_span("call of a model").end()


@warning("propagators", "instrument()")
def propagators_that_are_set_later():
    from opentelemetry.baggage.propagation import W3CBaggagePropagator
    from opentelemetry.propagate import set_global_textmap

    from otel_sessions import set_session

    plugged()
    set_global_textmap(W3CBaggagePropagator())
    with set_session("conv-42", user_id="ada"):
        answered("https://api.third-party.example/v1")


# In the wrong environment


@import_error("otel_sessions.sdk")
def instrument_from_the_package_that_needs_the_api_alone():
    from otel_sessions import instrument

    instrument()


@warning("OTEL_SESSION_PROPAGATE_TO", "rag.prod")
def a_host_that_is_private_by_the_words_of_an_organisation():
    from otel_sessions import set_session

    plugged()
    with set_session("conv-42"):
        for _ in range(3):
            answered("http://rag.prod/v1")


@warning("TracerProvider", "set_tracer_provider")
def a_provider_that_is_never_set():
    from otel_sessions import set_session
    from otel_sessions.sdk import instrument

    instrument()
    for number in range(3):
        with set_session(f"conv-{number}"):
            trace.get_tracer("app").start_span("answer").end()


# Alike, and right


@nothing()
def the_first_program_of_the_readme():
    from otel_sessions import bind_session, set_session, turn

    tracer = plugged()
    for number in range(3):
        with set_session(session_id=f"conv-{number}", user_id="ada"), turn("reply", input="Hi") as t:
            t.output = "Hello"
    with tracer.start_as_current_span("POST /chat", kind=trace.SpanKind.SERVER):
        bind_session("conv-42")


@nothing()
def a_baggage_processor_that_is_there_on_purpose():
    from otel_sessions import set_session

    class Stamps(SpanProcessor):
        def on_start(self, span, parent_context=None):
            span.set_attributes({key: str(value) for key, value in baggage.get_all(parent_context).items()})

    tracer = pipeline(Stamps())
    with set_session("conv-42"):
        tracer.start_span("answer").end()


@nothing()
def a_library_in_a_program_without_an_sdk():
    from otel_sessions import set_session, turn

    with set_session("conv-42"), turn("reply", input="Hi"), trace.get_tracer("app").start_as_current_span("answer"):
        pass


@nothing()
def many_sessions_on_one_web_socket():
    from otel_sessions import set_session, turn

    tracer = plugged()
    attributes = {"http.scheme": "ws", "http.url": "ws://localhost/chat"}
    with tracer.start_as_current_span("/chat", kind=trace.SpanKind.SERVER, attributes=attributes):
        for number in range(3):
            with set_session(f"conv-{number}"), turn("reply", input="Hi") as t:
                t.output = "Hello"


@nothing()
def a_consumer_of_many_messages():
    from otel_sessions import set_session, turn

    tracer = plugged()
    with tracer.start_as_current_span("poll", kind=trace.SpanKind.CONSUMER):
        for number in range(3):
            with set_session(f"conv-{number}"), turn("reply", input="Hi") as t:
                t.output = "Hello"


@nothing()
def a_first_turn_without_an_id():
    from otel_sessions import set_session, turn

    plugged()
    with set_session(user_id="ada") as session, turn("reply", input="Hi") as t:
        t.output = "Hello"
    with set_session(session.id):
        pass


@nothing()
def scopes_that_are_kept():
    from otel_sessions import set_session, step, turn

    tracer = plugged()
    scope = set_session("conv-42")
    with ExitStack() as stack:
        stack.enter_context(set_session("conv-42"))
        stack.enter_context(step("outline"))
        stack.enter_context(turn("reply"))
        tracer.start_span("answer").end()

    async def main():
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(set_session("conv-43"))
            tracer.start_span("answer").end()

    asyncio.run(main())
    tracer.start_span("answer", context=set_session("conv-44").context).end()
    with scope:
        tracer.start_span("answer").end()


@nothing()
def what_is_made_where_an_exception_comes_is_not_thrown_away():
    from otel_sessions import set_session

    plugged()
    try:
        both = [set_session("conv-42"), int("x")]
        del both
    except ValueError:
        pass


@nothing()
def feedback_for_a_turn():
    from otel_sessions import feedback, set_session, turn

    plugged()
    with set_session("conv-42"), turn("reply", input="Hi") as t:
        t.output = "Hello"
    feedback("helpful", passed=True, session=t)
    feedback("helpful", passed=True, session=t.handle)
    feedback("helpful", passed=True, session="conv-42")


@nothing()
def threads_that_bring_their_own():
    from otel_sessions import set_session

    tracer = plugged()

    @set_session(session_id=lambda number: f"conv-{number}")
    def work(number):
        tracer.start_span(f"answer {number}").end()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@information("api.openai.com", "OTEL_SESSION_PROPAGATE_TO")
def a_third_party_gets_nothing():
    from otel_sessions import set_session

    plugged()
    with set_session("conv-42", user_id="ada"):
        for _ in range(3):
            answered("https://api.openai.com/v1")


@nothing()
def own_hosts_are_called():
    from otel_sessions import set_session

    plugged()
    with set_session("conv-42", user_id="ada"):
        for url in ("http://localhost/v1", "http://retrieval.svc/v1", "http://10.0.0.7/v1"):
            answered(url)


@nothing(OTEL_SESSION_DISABLED="true")
def all_is_switched_off():
    from otel_sessions import set_session, turn

    plugged()
    with set_session("conv-42"), turn("reply", input="Hi"):
        answered("https://api.third-party.example/v1")


@nothing(OTEL_SDK_DISABLED="true")
def the_sdk_is_switched_off():
    from otel_sessions import set_session, turn

    plugged()
    with set_session("conv-42"), turn("reply", input="Hi"):
        answered("http://localhost/v1")


@nothing()
def the_plug_in_comes_before_the_provider():
    from otel_sessions import set_session
    from otel_sessions.sdk import instrument

    instrument()
    tracer = pipeline()
    with set_session("conv-42"):
        tracer.start_span("answer").end()
