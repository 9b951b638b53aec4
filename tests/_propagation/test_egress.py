"""What leaves the process: real clients, instrumented, over sockets, and what arrives at which host."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import grpc
import grpc.aio
import openai
import pytest
import requests
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import baggage, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.instrumentation.grpc import (
    GrpcAioInstrumentorClient,
    GrpcInstrumentorClient,
    aio_client_interceptors,
    client_interceptor,
)
from opentelemetry.instrumentation.grpc.grpcext import intercept_channel
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator, default_setter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import clients
from apps import AsgiServer, Service
from clients import (
    ALLOWED,
    ALLOWED_TOO,
    CLIENTS,
    DISGUISED,
    FOREIGN_HEADER,
    GIVEN,
    KEPT,
    REDIRECTS,
    REFUSED,
    REMEMBERED,
    SAMPLERS,
    SENT,
    SESSION,
    STATUSES,
    USER,
    Recorder,
    Seen,
    call,
    in_session,
    instrumented,
    instrumentor_of,
    names_on_loopback,
    of_others,
    propagating,
    secrets_in,
    w3c,
)
from otel_sessions import bind_session, set_session
from otel_sessions._propagation import grpc_target, redirects
from otel_sessions._propagation.propagator import session_baggage
from otel_sessions._propagation.trace_state import randomness_of
from otel_sessions.demo import StandIn
from otel_sessions.sdk import SessionPropagator, SessionRatioSampler, SessionSpanProcessor

SEMCONV = {"old": "", "new": "http", "both": "http/dup"}
PRIVATE = {ALLOWED, ALLOWED_TOO, "localhost"}

HTTP = [
    pytest.param(name, marks=[] if instrumentor_of(name) else pytest.mark.skip("its instrumentation is not installed"))
    for name in CLIENTS
]
of_each_client = pytest.mark.parametrize("client", HTTP)
in_each_mode = pytest.mark.parametrize("mode", SEMCONV)


# The matrix: each mode in a process of its own, as instrumentations read it once.


def _matrix(value) -> dict[str, list[Seen]]:
    env = {key: text for key, text in os.environ.items() if not key.startswith("OTEL_")}
    command = [sys.executable, str(Path(clients.__file__))]
    done = subprocess.run(
        command,
        env={**env, "OTEL_SEMCONV_STABILITY_OPT_IN": value},
        capture_output=True,
        timeout=250,
        check=True,
        text=True,
    )
    return {cell: [Seen(*each) for each in arrived] for cell, arrived in json.loads(done.stdout).items()}


@pytest.fixture(scope="module")
def matrix():
    """Tell what arrived, by mode and cell."""
    with ThreadPoolExecutor(len(SEMCONV)) as pool:
        found = dict(zip(SEMCONV, pool.map(_matrix, SEMCONV.values()), strict=True))
    return lambda mode, *cell: found[mode]["|".join(cell)]


@in_each_mode
@of_each_client
@pytest.mark.parametrize("sampler", [*KEPT, *REMEMBERED])
def test_an_allowed_host_gets_the_session_first_and_the_baggage_of_others(matrix, mode, client, sampler):
    (arrived,) = matrix(mode, client, sampler, "allowed", "session")
    assert arrived.one("baggage") == f"{SENT},{FOREIGN_HEADER}"
    assert arrived.one("traceparent") is not None


@in_each_mode
@of_each_client
@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name not in {*KEPT, *REMEMBERED}])
def test_nothing_is_sent_where_nobody_remembers_where_an_unsampled_call_goes(matrix, mode, client, sampler):
    (arrived,) = matrix(mode, client, sampler, "allowed", "session")
    assert secrets_in(arrived.headers) == []
    assert arrived.one("baggage") == FOREIGN_HEADER


@in_each_mode
@of_each_client
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_host_that_is_not_allowed_gets_no_id(matrix, mode, client, sampler):
    (arrived,) = matrix(mode, client, sampler, "refused", "session")
    assert secrets_in(arrived.headers) == []
    assert arrived.one("baggage") == FOREIGN_HEADER
    assert arrived.one("traceparent") is not None


def _comparable(arrived):
    """Return the headers of a request, without what differs from trace to trace."""
    return [(name, value[-2:] if name.lower() == "traceparent" else value) for name, value in arrived.headers]


@in_each_mode
@of_each_client
@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "sampled-by-session"])  # it samples by the id
@pytest.mark.parametrize("kind", ["allowed", "refused"])
def test_without_a_session_the_headers_are_those_without_us(matrix, mode, client, sampler, kind):
    (ours,) = matrix(mode, client, sampler, kind, "no-session")
    (without,) = matrix(mode, client, sampler, kind, "without")
    assert _comparable(ours) == _comparable(without)


def test_a_randomness_that_derives_from_the_session_goes_to_allowed_hosts_only(matrix):
    for name in CLIENTS:
        if instrumentor_of(name):
            (allowed,) = matrix("old", name, "sampled-by-session", "allowed", "session")
            (refused,) = matrix("old", name, "sampled-by-session", "refused", "session")
            assert allowed.one("tracestate") == f"ot=th:0;rv:{randomness_of(SESSION)}"
            assert refused.one("tracestate") == "ot=th:0"


@in_each_mode
@of_each_client
@pytest.mark.parametrize("sampler", ["sampled", "sampled-by-session", "ours-parentbased-0"])
@pytest.mark.parametrize("kind", REDIRECTS)
def test_each_host_of_a_chain_of_redirects_gets_what_it_may(matrix, mode, client, sampler, kind):
    for status in STATUSES if sampler == "sampled" else (302,):
        arrived = matrix(mode, client, sampler, kind, str(status))
        got = {each.host: (each.one("baggage"), secrets_in(each.headers) != []) for each in arrived}
        assert got == {
            host: (f"{SENT},{FOREIGN_HEADER}", True) if host in PRIVATE else (FOREIGN_HEADER, False)
            for host in (
                REDIRECTS[kind] if (client, status) != ("urllib", 308) or _follows_308() else REDIRECTS[kind][:1]
            )
        }


def _follows_308():
    return sys.version_info >= (3, 11)


@in_each_mode
@of_each_client
@pytest.mark.parametrize("kind", GIVEN)
def test_a_redirect_takes_no_id_along_that_the_application_had_in_a_header(matrix, mode, client, kind):
    arrived = matrix(mode, client, "sampled", "given", kind)
    assert [each.host for each in arrived] == [ALLOWED, REFUSED]
    assert secrets_in(arrived[1].headers) == []


@in_each_mode
@of_each_client
@pytest.mark.parametrize("sampler", ["sampled", "sampled-by-session", "ours-parentbased-0"])
def test_a_host_in_disguise_gets_no_id(matrix, mode, client, sampler):
    arrived = {kind: matrix(mode, client, sampler, "disguised", kind) for kind in DISGUISED}
    hosts = {kind: each.host for kind, all_of_kind in arrived.items() for each in all_of_kind}
    got_ids = {
        kind
        for kind, all_of_kind in arrived.items()
        for each in all_of_kind
        if secrets_in(each.headers) and each.host not in PRIVATE
    }
    assert got_ids == set()
    assert len(hosts) >= 20  # what the client would not have at all says nothing
    assert {"decimal", "hexadecimal", "mapped", "public-user-is-private"} <= hosts.keys()


# In this process.


@pytest.fixture(scope="module")
def recorder():
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture(autouse=True)
def _names():
    with names_on_loopback():
        yield


@pytest.fixture
def guard():
    """Propagate by a `SessionPropagator` with the default policy."""
    guard = SessionPropagator(w3c())
    with propagating(guard):
        yield guard


@of_each_client
@pytest.mark.parametrize("name", ["baggage", "BAGGAGE", "Baggage"])
def test_what_the_application_has_in_a_header_stays_but_for_the_ids(recorder, guard, client, name):  # noqa: ARG001
    header = f" given=1;p=2 , {SENT},more=a%20b"
    with instrumented(client), set_session(SESSION, user_id=USER):
        (arrived,) = call(recorder, client, recorder.url(REFUSED), {name: header.strip()})
    assert arrived.one("baggage") == "given=1;p=2,more=a%20b"


@of_each_client
@pytest.mark.parametrize(
    ("host", "expected"), [(ALLOWED, f"ot=th:0;rv:{randomness_of(SESSION)},a=1,b=x y"), (REFUSED, "ot=th:0,a=1,b=x y")]
)
def test_members_of_others_in_tracestate_stay(recorder, guard, client, host, expected):  # noqa: ARG001
    state = TraceState([("a", "1"), ("b", "x y")])
    remote = NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=state))
    provider = TracerProvider(SessionRatioSampler(1.0), shutdown_on_exit=False)
    with instrumented(client, provider=provider), trace.use_span(remote), in_session():
        (arrived,) = call(recorder, client, recorder.url(host))
    assert arrived.one("tracestate") == expected


@of_each_client
def test_the_propagators_of_the_environment_guard_redirects_too(recorder, client):
    propagators = CompositePropagator([TraceContextTextMapPropagator(), session_baggage()])
    with propagating(propagators), instrumented(client, "sampled-by-session"), in_session():
        first, second = call(recorder, client, recorder.url(ALLOWED, to=(REFUSED,)))
    assert first.one("baggage") == f"{SENT},{FOREIGN_HEADER}"
    assert second.one("baggage") == FOREIGN_HEADER
    assert secrets_in(second.headers) == []


@pytest.mark.warned_of("sent without the session")
@pytest.mark.parametrize(
    ("propagate_to", "allowed", "refused"),
    [
        pytest.param("all", {ALLOWED, REFUSED}, set(), id="all"),
        pytest.param("none", set(), {ALLOWED, REFUSED}, id="none"),
        pytest.param(REFUSED, {REFUSED}, {ALLOWED}, id="a-name"),
        pytest.param("*.third-party.example", {REFUSED}, {ALLOWED}, id="a-glob"),
        pytest.param("private,*.third-party.example", {ALLOWED, REFUSED}, set(), id="beside-private"),
    ],
)
@of_each_client
def test_the_setting_decides(recorder, client, propagate_to, allowed, refused):
    guard = SessionPropagator(w3c(), propagate_to=propagate_to)
    got = {}
    with propagating(guard), instrumented(client), in_session():
        for host in (ALLOWED, REFUSED):
            (arrived,) = call(recorder, client, recorder.url(host))
            got[host] = bool(secrets_in(arrived.headers))
    assert got == {**dict.fromkeys(allowed, True), **dict.fromkeys(refused, False)}
    assert guard.refusals() == dict.fromkeys(refused, 1)


SAID = (
    "otel_sessions: calls to {0} are sent without the session, which OTEL_SESSION_PROPAGATE_TO does not allow; "
    "if it is yours: OTEL_SESSION_PROPAGATE_TO=private,{0}"
)


@of_each_client
def test_refusals_are_counted_by_host_and_said_once_with_the_setting(recorder, guard, client, caplog):
    caplog.set_level(logging.INFO, "otel_sessions")
    with instrumented(client), in_session():
        for _ in range(3):
            call(recorder, client, recorder.url(REFUSED))
        call(recorder, client, recorder.url(ALLOWED, to=("cdn.example",)))
    assert guard.refusals() == {REFUSED: 3, "cdn.example": 1}
    assert [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "otel_sessions"] == [
        ("INFO", SAID.format(REFUSED)),
        ("INFO", SAID.format("cdn.example")),
    ]


def test_a_call_without_a_session_is_no_refusal(recorder, guard):
    with instrumented("httpx"), of_others():
        call(recorder, "httpx", recorder.url(REFUSED))
    assert guard.refusals() == {}


def _injected(context=None):
    carrier = {}
    propagate.inject(carrier, context)
    return carrier


@pytest.mark.parametrize("kind", [None, SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.PRODUCER, SpanKind.CONSUMER])
def test_what_the_application_injects_itself_is_its_own_doing(pipeline, guard, kind):
    with contextlib.ExitStack() as stack:
        if kind is not None:
            stack.enter_context(pipeline.tracer.start_as_current_span("work", kind=kind))
        stack.enter_context(in_session())
        assert _injected()["baggage"] == f"{SENT},{FOREIGN_HEADER}"
    assert guard.refusals() == {}


def test_a_client_span_without_a_host_gets_nothing(pipeline, guard):
    with pipeline.tracer.start_as_current_span("call", kind=SpanKind.CLIENT), in_session():
        assert _injected()["baggage"] == FOREIGN_HEADER
    assert guard.refusals() == {"a destination that can't be told": 1}


def test_a_host_that_two_attributes_tell_differently_gets_nothing(pipeline, guard):  # noqa: ARG001
    attributes = {"url.full": f"http://{ALLOWED}/", "server.address": REFUSED}
    with pipeline.tracer.start_as_current_span("call", kind=SpanKind.CLIENT, attributes=attributes), in_session():
        assert _injected()["baggage"] == FOREIGN_HEADER


def test_a_host_that_two_attributes_tell_alike_gets_what_it_may(pipeline, guard):  # noqa: ARG001
    attributes = {"url.full": f"http://{ALLOWED}/", "server.address": ALLOWED}
    with pipeline.tracer.start_as_current_span("call", kind=SpanKind.CLIENT, attributes=attributes), in_session():
        assert _injected()["baggage"] == f"{SENT},{FOREIGN_HEADER}"


class Decimal(TextMapPropagator):
    """Writes the span as Google Cloud and Datadog have it."""

    fields = frozenset({"x-trace"})

    def inject(self, carrier, context=None, setter=default_setter):
        span = trace.get_current_span(context).get_span_context()
        setter.set(carrier, "x-trace", f"{span.trace_id}/{span.span_id}")

    def extract(self, carrier, context=None, getter=None):  # noqa: ARG002
        return context or Context()


@of_each_client
@pytest.mark.parametrize("form", [(), (Decimal(),)], ids=["none", "decimal"])
def test_a_redirect_is_guarded_whatever_form_the_trace_has(recorder, client, form):
    guard = SessionPropagator(CompositePropagator([*form, W3CBaggagePropagator()]))
    with propagating(guard), instrumented(client), in_session():
        arrived = call(recorder, client, recorder.url(ALLOWED, to=(ALLOWED_TOO, REFUSED)))
    assert [bool(secrets_in(each.headers)) for each in arrived] == [True, True, False]


def test_a_redirect_by_an_adapter_of_somebody_else_is_guarded(recorder, guard):  # noqa: ARG001
    class Adapter(requests.adapters.BaseAdapter):
        def __init__(self):
            super().__init__()
            self.plain = requests.adapters.HTTPAdapter()

        def send(self, request, **options):
            headers = dict(request.headers)
            options.pop("proxies")
            answer = requests.adapters.HTTPAdapter.send.__wrapped__(self.plain, request, **options)
            sent.append(headers)
            return answer

        def close(self):
            self.plain.close()

    sent = []
    with instrumented("requests"), in_session(), requests.Session() as session:
        session.mount("http://", Adapter())
        session.get(recorder.url(ALLOWED, to=(REFUSED,)))
    assert [bool(secrets_in([(name, value) for name, value in each.items()])) for each in sent] == [True, False]


def test_a_redirect_of_what_the_application_injected_itself_is_its_own_doing(recorder, guard, pipeline):  # noqa: ARG001
    """The client is not instrumented, so nobody knows that it is a call."""
    with pipeline.tracer.start_as_current_span("work"), in_session():
        arrived = call(recorder, "requests", recorder.url(ALLOWED, to=(REFUSED,)), _injected())
    assert [each.one("baggage") for each in arrived] == [f"{SENT},{FOREIGN_HEADER}"] * 2


def test_a_client_is_used_all_the_same_where_watching_it_raises(recorder, guard, monkeypatch, warnings):  # noqa: ARG001
    with instrumented("requests"), in_session():
        monkeypatch.setattr("otel_sessions._propagation.egress._is_of", lambda *_: 1 / 0)
        (arrived,) = call(recorder, "requests", recorder.url(ALLOWED))
    assert arrived.one("baggage") == f"{SENT},{FOREIGN_HEADER}"
    assert warnings() == ["otel_sessions: watching the redirects of a client raised ZeroDivisionError"]


def test_a_client_that_can_not_be_watched_is_said(monkeypatch, warnings):
    monkeypatch.setattr(redirects, "_unseen", ("requests.adapters",))
    monkeypatch.delattr(requests.adapters, "HTTPAdapter")
    redirects.watch(lambda _url, _headers: None)
    assert warnings() == ["otel_sessions: watching the redirects of a client raised AttributeError"]


def test_the_next_service_gets_the_session_that_was_bound_in_a_handler(recorder, guard, pipeline):  # noqa: ARG001
    server = AsgiServer()
    service = Service(server, pipeline)

    def chat():
        bind_session(SESSION, user_id=USER)
        for host in (ALLOWED, REFUSED):
            CLIENTS["requests"].get(recorder.url(host))

    service.app.get("/chat")(chat)
    before = len(recorder.seen)
    with contextlib.closing(service), instrumented("requests", provider=pipeline.provider):
        service.get("/chat")
    server.close()
    allowed, refused = recorder.seen[before:]
    assert allowed.one("baggage") == SENT
    assert refused.one("baggage") is None
    assert secrets_in(refused.headers) == []


# The OpenAI client, beside OpenInference's instrumentation of it.


class RecordingStandIn(StandIn):
    """Keeps the headers of the requests."""

    def __init__(self) -> None:
        super().__init__(seconds_per_word=0)
        self.headers: list[list[tuple[str, str]]] = []

    async def _chat(self, request):
        self.headers.append(request.headers.items())
        return await super()._chat(request)


def ask(url, *, stream):
    options = {"model": "m", "messages": [{"role": "user", "content": "What is a span?"}], "stream": stream}
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        answer = client.chat.completions.create(**options)
        assert list(answer) if stream else answer.choices


def ask_async(url, *, stream):
    options = {"model": "m", "messages": [{"role": "user", "content": "What is a span?"}], "stream": stream}

    async def go():
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            answer = await client.chat.completions.create(**options)
            return [each async for each in answer] if stream else answer.choices

    assert asyncio.run(go())


HTTP_OF_OPENAI = "httpx2" if instrumentor_of("httpx2") and int(openai.__version__.split(".")[0]) >= 3 else "httpx"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("asking", [ask, ask_async])
@pytest.mark.parametrize("sampler", ["sampled-by-session", *REMEMBERED, "sdk-always-off"])
def test_the_openai_client_sends_a_session_to_an_allowed_host_alone(guard, asking, stream, sampler):  # noqa: ARG001
    with RecordingStandIn() as api, instrumented(HTTP_OF_OPENAI, sampler) as provider:
        openinference = OpenAIInstrumentor()
        openinference.instrument(tracer_provider=provider)
        with in_session():
            for host in (ALLOWED, REFUSED):
                asking(api.base_url.replace("127.0.0.1", host), stream=stream)
        openinference.uninstrument()
    allowed, refused = api.headers
    assert secrets_in(refused) == []
    assert dict(refused)["baggage"] == FOREIGN_HEADER
    assert "traceparent" in dict(refused)
    expected = FOREIGN_HEADER if sampler.startswith("sdk") else f"{SENT},{FOREIGN_HEADER}"
    assert dict(allowed)["baggage"] == expected


# gRPC: the span names no host; the channel does.


class Echo(grpc.GenericRpcHandler):
    """Answers calls of each kind, and keeps their metadata."""

    def __init__(self) -> None:
        self.seen: list[list[tuple[str, str]]] = []

    def service(self, handler_call_details):
        self.seen.append([(key, value) for key, value in handler_call_details.invocation_metadata])
        return {
            "uu": grpc.unary_unary_rpc_method_handler(lambda request, _: request),
            "us": grpc.unary_stream_rpc_method_handler(lambda request, _: iter([request, request])),
            "su": grpc.stream_unary_rpc_method_handler(lambda requests, _: b"".join(requests)),
            "ss": grpc.stream_stream_rpc_method_handler(lambda requests, _: iter(list(requests))),
        }[handler_call_details.method.rsplit("/", 1)[1]]


@pytest.fixture(scope="module")
def echo():
    echo = Echo()
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([echo])
    echo.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield echo
    server.stop(0).wait()


def by_grpc(target, metadata=None):
    """Make a call of each kind; return how many."""
    with grpc.insecure_channel(target) as channel:
        return _calls_of(channel, metadata)


def _calls_of(channel, metadata=None):
    unary = channel.unary_unary("/s/uu")
    assert unary(b"x", metadata=metadata) == b"x"
    assert unary.with_call(b"x", metadata=metadata)[0] == b"x"
    assert unary.future(b"x", metadata=metadata).result() == b"x"
    assert list(channel.unary_stream("/s/us")(b"x", metadata=metadata)) == [b"x", b"x"]
    assert channel.stream_unary("/s/su")(iter([b"a", b"b"]), metadata=metadata) == b"ab"
    assert list(channel.stream_stream("/s/ss")(iter([b"a", b"b"]), metadata=metadata)) == [b"a", b"b"]
    return 6


def by_grpc_aio(target, metadata=None):
    """Make a call of each kind; return how many."""

    async def go():
        async with grpc.aio.insecure_channel(target) as channel:
            return await _calls_of_aio(channel, metadata)

    return asyncio.run(go())


async def _parts():
    yield b"a"
    yield b"b"


async def _calls_of_aio(channel, metadata=None):
    assert await channel.unary_unary("/s/uu")(b"x", metadata=metadata) == b"x"
    assert [each async for each in channel.unary_stream("/s/us")(b"x", metadata=metadata)] == [b"x", b"x"]
    assert await channel.stream_unary("/s/su")(_parts(), metadata=metadata) == b"ab"
    assert [each async for each in channel.stream_stream("/s/ss")(_parts(), metadata=metadata)] == [b"a", b"b"]
    return 4


GRPC = pytest.mark.parametrize("calling", [by_grpc, by_grpc_aio], ids=["sync", "aio"])
GIVEN_METADATA = (("baggage", f"given=1,{SENT}"), ("baggage", f"more=1,{SENT}"), ("key-bin", b"\xff"))


@contextlib.contextmanager
def grpc_instrumented(monkeypatch, *, watched, sampler="sampled", provider=None):
    """Instrument gRPC, for a global provider (which it always takes for sync channels), and watch the channels."""
    if provider is None:
        provider = TracerProvider(SAMPLERS[sampler](), shutdown_on_exit=False)
        provider.add_span_processor(SessionSpanProcessor())
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    before = (grpc.insecure_channel, grpc.secure_channel, grpc.aio.insecure_channel, grpc.aio.secure_channel)
    instrumentors = GrpcInstrumentorClient(), GrpcAioInstrumentorClient()
    if watched == "first":
        grpc_target.watch_channels()
        grpc_target.watch_channels()
    for instrumentor in instrumentors:
        instrumentor.instrument()
    if watched == "last":
        grpc_target.watch_channels()
    try:
        yield
    finally:
        for instrumentor in instrumentors:
            instrumentor.uninstrument()
        grpc_target.unwatch_channels()
    assert (
        grpc.insecure_channel,
        grpc.secure_channel,
        grpc.aio.insecure_channel,
        grpc.aio.secure_channel,
    ) == before


def _got(metadata):
    """Return the baggage, whether there are ids, and whether there is a trace."""
    text = [(key, value) for key, value in metadata if isinstance(value, str)]
    return [value for key, value in text if key == "baggage"], secrets_in(text) != [], "traceparent" in dict(text)


@GRPC
@pytest.mark.parametrize("watched", ["first", "last"])
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("given", [None, GIVEN_METADATA], ids=["plain", "given"])
def test_a_grpc_host_gets_the_session_where_it_is_allowed(  # noqa: PLR0913, PLR0917  # a table
    monkeypatch, echo, calling, watched, sampler, given
):
    """Whoever has wrapped the channel first, and sampled or not: who makes the channel knows where it goes."""
    guard = SessionPropagator(w3c(), propagate_to="127.0.0.1")
    echo.seen.clear()
    with grpc_instrumented(monkeypatch, watched=watched, sampler=sampler), propagating(guard), in_session():
        count = calling(f"127.0.0.1:{echo.port}", given)
        calling(f"localhost:{echo.port}", given)
    allowed, refused = ([f"{SENT},{FOREIGN_HEADER}"], True, True), ([FOREIGN_HEADER], False, True)
    assert [_got(each) for each in echo.seen] == [allowed] * count + [refused] * count
    assert guard.refusals() == {"localhost": count}


@GRPC
@pytest.mark.parametrize("watched", ["first", "last"])
@pytest.mark.parametrize("is_in_span", [True, False], ids=["in-a-span", "alone"])
def test_so_it_is_where_its_tracer_is_switched_off(monkeypatch, echo, calling, watched, is_in_span):
    guard = SessionPropagator(w3c(), propagate_to="127.0.0.1")
    echo.seen.clear()
    of_app = TracerProvider(shutdown_on_exit=False).get_tracer("app").start_as_current_span("turn")
    off = trace.NoOpTracerProvider()
    around = of_app if is_in_span else contextlib.nullcontext()
    with grpc_instrumented(monkeypatch, watched=watched, provider=off), propagating(guard), in_session(), around:
        count = calling(f"127.0.0.1:{echo.port}")
        calling(f"localhost:{echo.port}")
    allowed, refused = ([f"{SENT},{FOREIGN_HEADER}"], True, is_in_span), ([FOREIGN_HEADER], False, is_in_span)
    assert [_got(each) for each in echo.seen] == [allowed] * count + [refused] * count
    assert guard.refusals() == {"localhost": count}


@GRPC
def test_a_grpc_channel_that_nobody_watches_sends_nothing(monkeypatch, echo, calling):
    guard = SessionPropagator(w3c())
    echo.seen.clear()
    with grpc_instrumented(monkeypatch, watched="never"), propagating(guard), in_session():
        count = calling(f"localhost:{echo.port}")
    assert [_got(each) for each in echo.seen] == [([FOREIGN_HEADER], False, True)] * count
    assert guard.refusals() == {"a destination that can't be told": count}


@pytest.mark.warned_of("do not get its ids")
@GRPC
@pytest.mark.parametrize("session", [False, True], ids=["no-session", "session"])
def test_a_call_that_is_not_instrumented_is_left_alone(monkeypatch, echo, calling, session):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(shutdown_on_exit=False))
    echo.seen.clear()
    grpc_target.watch_channels()
    around = in_session() if session else of_others()
    with propagating(SessionPropagator(w3c())), around, trace.get_tracer("t").start_as_current_span("work"):
        count = calling(f"localhost:{echo.port}", (("key", "value"),))
    grpc_target.unwatch_channels()
    assert [dict(each).keys() for each in echo.seen] == [{"key", "user-agent"}] * count


@GRPC
def test_a_grpc_call_without_a_session_is_as_without_us(monkeypatch, echo, calling):
    echo.seen.clear()
    with grpc_instrumented(monkeypatch, watched="first"), of_others():
        with propagating(SessionPropagator(w3c())):
            count = calling(f"localhost:{echo.port}")
        with propagating(w3c()):
            calling(f"localhost:{echo.port}")
    seen = [{**dict(each), "traceparent": ""} for each in echo.seen]
    assert seen[:count] == seen[count:]


@GRPC
def test_a_channel_that_is_not_encrypted_is_likely_to_a_host_of_ones_own(monkeypatch, echo, calling, warnings):
    echo.seen.clear()
    with grpc_instrumented(monkeypatch, watched="first"), propagating(SessionPropagator(w3c())), in_session():
        monkeypatch.setattr(grpc_target, "host_of_authority", lambda _: "rag.acme.com")
        calling(f"localhost:{echo.port}")
    (said,) = warnings()
    assert said.startswith("otel_sessions: calls to rag.acme.com are sent without the session")


def test_a_channel_that_nobody_knows_to_be_unencrypted_is_no_warning(echo, warnings):
    with (
        propagating(SessionPropagator(w3c())),
        in_session(),
        grpc.insecure_channel(f"localhost:{echo.port}") as plain,
    ):
        provider = TracerProvider(shutdown_on_exit=False)
        _calls_of(intercept_channel(grpc_target.intercepted(plain, "rag.acme.com"), client_interceptor(provider)))
    assert warnings() == []


def test_a_pipeline_built_by_hand_tells_the_target_itself(echo):
    provider = TracerProvider(shutdown_on_exit=False)
    target = f"localhost:{echo.port}"
    echo.seen.clear()
    with propagating(SessionPropagator(w3c())), in_session(), grpc.insecure_channel(target) as plain:
        channel = intercept_channel(grpc_target.intercepted(plain, target), client_interceptor(provider))
        count = _calls_of(channel)
    assert [_got(each)[0] for each in echo.seen] == [[f"{SENT},{FOREIGN_HEADER}"]] * count


def test_a_pipeline_of_aio_built_by_hand_tells_the_target_itself(echo):
    provider = TracerProvider(shutdown_on_exit=False)
    target = f"localhost:{echo.port}"
    interceptors = [*aio_client_interceptors(provider), *grpc_target.aio_interceptors(target)]

    async def go():
        async with grpc.aio.insecure_channel(target, interceptors=interceptors) as channel:
            return await _calls_of_aio(channel)

    echo.seen.clear()
    with propagating(SessionPropagator(w3c())), in_session():
        count = asyncio.run(go())
    assert [_got(each)[0] for each in echo.seen] == [[f"{SENT},{FOREIGN_HEADER}"]] * count


@GRPC
def test_a_channel_is_made_and_used_whatever_watching_raises(monkeypatch, echo, calling, warnings):
    echo.seen.clear()
    with grpc_instrumented(monkeypatch, watched="first"), propagating(SessionPropagator(w3c())), in_session():
        monkeypatch.setattr(grpc_target, "goes_to", lambda *_, **__: 1 / 0)
        count = calling(f"localhost:{echo.port}")
        monkeypatch.setattr(grpc_target, "host_of_authority", lambda _: {}["it"])
        assert calling(f"localhost:{echo.port}") == count
    assert [_got(each)[0] for each in echo.seen] == [[FOREIGN_HEADER]] * 2 * count
    assert warnings() == [
        "otel_sessions: watching a gRPC channel raised ZeroDivisionError",
        "otel_sessions: watching a gRPC channel raised KeyError",
    ]


def test_a_grpc_that_has_no_such_function_is_said(monkeypatch, warnings):
    grpc_target.unwatch_channels()
    monkeypatch.delattr(grpc, "secure_channel")
    grpc_target.watch_channels()
    monkeypatch.undo()
    grpc_target.unwatch_channels()
    assert warnings() == ["otel_sessions: watching a gRPC channel raised AttributeError"]


def test_without_the_instrumentation_no_aio_channel_gets_an_interceptor(monkeypatch):
    monkeypatch.delitem(sys.modules, "opentelemetry.instrumentation.grpc", raising=False)
    assert not grpc_target._is_instrumented(None)


def test_secure_channels_and_those_for_an_unreadable_target_are_made_as_before(monkeypatch):
    credentials = grpc.ssl_channel_credentials()

    async def go():
        async with (
            grpc.aio.secure_channel("localhost:1", credentials) as secure,
            grpc.aio.insecure_channel(target="a b") as unreadable,
        ):
            return secure, unreadable

    with grpc_instrumented(monkeypatch, watched="first"):
        grpc.secure_channel("localhost:1", credentials).close()
        grpc.insecure_channel(target="a b").close()
        assert len(asyncio.run(go())) == 2


def test_a_failing_call_fails_as_before(monkeypatch, echo):
    with (
        grpc_instrumented(monkeypatch, watched="first"),
        propagating(SessionPropagator(w3c())),
        in_session(),
        grpc.insecure_channel(f"localhost:{echo.port}") as channel,
    ):
        with pytest.raises(grpc.RpcError) as failure:
            channel.unary_unary("/s/none")(b"x")
        assert failure.value.code() is grpc.StatusCode.UNKNOWN


def test_a_call_leaves_the_context_as_it_was(monkeypatch, echo):
    with grpc_instrumented(monkeypatch, watched="first"), propagating(SessionPropagator(w3c())), in_session():
        before = baggage.get_all()
        by_grpc(f"localhost:{echo.port}")
        assert _injected()["baggage"] == f"{SENT},{FOREIGN_HEADER}"
        assert baggage.get_all() == before


def test_a_request_of_tornado_does_not_share_its_headers_with_the_next():
    sent = []

    class SimpleAsyncHTTPClient:
        def fetch_impl(self, request):
            sent.append(dict(getattr(request, "request", request).headers or {}))

    module = SimpleNamespace(SimpleAsyncHTTPClient=SimpleAsyncHTTPClient)
    redirects._watch_tornado(module, lambda _url, headers: headers.clear())
    client, headers = module.SimpleAsyncHTTPClient(), {"a": "b"}
    client.fetch_impl(SimpleNamespace(url="u", headers=headers))
    client.fetch_impl(SimpleNamespace(request=SimpleNamespace(url="u", headers=headers)))
    client.fetch_impl(SimpleNamespace(url="u", headers=None))
    assert (sent, headers) == ([{}, {}, {}], {"a": "b"})


def test_what_stands_for_a_client_in_a_test_is_no_client(monkeypatch, warnings):
    monkeypatch.setattr(redirects, "_unseen", ("aiohttp",))
    monkeypatch.setitem(sys.modules, "aiohttp", object())
    redirects.watch(lambda _url, _headers: None)
    assert warnings() == ["otel_sessions: watching the redirects of a client raised AttributeError"]


def test_a_requests_without_its_sessions_is_watched_by_its_adapter(monkeypatch):
    class HTTPAdapter:
        def send(self, request):
            return request.headers

    monkeypatch.setitem(sys.modules, "requests.sessions", None)
    redirects._watch_requests(SimpleNamespace(HTTPAdapter=HTTPAdapter), lambda _url, headers: headers.clear())
    assert HTTPAdapter().send(SimpleNamespace(url="u", headers={"a": "b"})) == {}


def test_a_request_of_aiohttp_without_headers_that_can_be_copied_is_made_as_before():
    made = []

    class ClientRequest:
        def __init__(self, method, url, **options):
            made.append((method, url, options))

    module = SimpleNamespace(ClientRequest=ClientRequest)
    redirects._watch_aiohttp(module, lambda _url, headers: headers.clear())
    module.ClientRequest("GET", "u")
    module.ClientRequest("GET", "u", headers={"a": "b"})
    assert made == [("GET", "u", {}), ("GET", "u", {"headers": {}})]
