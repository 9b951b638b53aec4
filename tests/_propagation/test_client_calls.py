"""Calls of clients whose tracer is switched off: the session goes where it may, as the request tells where that is."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import urllib3
from opentelemetry import propagate, trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk import trace as sdk
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from clients import (
    ALLOWED,
    ALLOWED_TOO,
    CLIENTS,
    FOREIGN_HEADER,
    REDIRECTS,
    REFUSED,
    SENT,
    Recorder,
    call,
    in_session,
    instrumented,
    instrumentor_of,
    names_on_loopback,
    propagating,
    secrets_in,
    w3c,
)
from libraries import imported
from otel_sessions import bind_session, to_carrier
from otel_sessions._propagation import client_calls
from otel_sessions.sdk import SessionPropagator, SessionSpanProcessor

needs_configurator = pytest.mark.skipif(not hasattr(sdk, "_TracerConfig"), reason="this SDK has no tracer configurator")
HTTP = [
    pytest.param(name, marks=[] if instrumentor_of(name) else pytest.mark.skip("its instrumentation is not installed"))
    for name in CLIENTS
]
of_each_client = pytest.mark.parametrize("client", HTTP)


@pytest.fixture(scope="module")
def recorder():
    server = Recorder()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _names():
    with names_on_loopback():
        yield


@pytest.fixture
def guard():
    guard = SessionPropagator(w3c())
    with propagating(guard):
        yield guard


def provider_without(part):
    """Return a provider in which the scopes are off that have that in their names."""
    return sdk.TracerProvider(
        _tracer_configurator=lambda scope: sdk._TracerConfig(is_enabled=part not in scope.name), shutdown_on_exit=False
    )


@contextmanager
def in_span(provider):
    with provider.get_tracer("app").start_as_current_span("turn"):
        yield


@contextmanager
def in_nothing(_provider):
    yield


@contextmanager
def in_remote(_provider):
    """Be in a request whose server span is off, too."""
    token = attach(TraceContextTextMapPropagator().extract({"traceparent": f"00-{'5' * 32}-{'4' * 16}-01"}))
    yield
    detach(token)


around_each = pytest.mark.parametrize("around", [in_span, in_nothing, in_remote])


@contextmanager
def switched_off(client, around=in_span):
    provider = provider_without("opentelemetry.instrumentation")
    with instrumented(client, provider=provider), around(provider), in_session():
        yield


@needs_configurator
@around_each
@of_each_client
def test_an_allowed_host_gets_the_session_and_another_does_not(recorder, guard, client, around):
    with switched_off(client, around):
        (allowed,) = call(recorder, client, recorder.url(ALLOWED))
        (refused,) = call(recorder, client, recorder.url(REFUSED))
    assert allowed.one("baggage") == f"{SENT},{FOREIGN_HEADER}"
    assert (refused.one("baggage"), secrets_in(refused.headers)) == (FOREIGN_HEADER, [])
    assert guard.refusals() == {REFUSED: 1}


@needs_configurator
@around_each
@of_each_client
@pytest.mark.parametrize("kind", REDIRECTS)
def test_no_redirect_takes_it_to_another(recorder, guard, client, around, kind):  # noqa: ARG001
    hosts = REDIRECTS[kind]
    with switched_off(client, around):
        arrived = call(recorder, client, recorder.url(hosts[0], to=hosts[1:]))
    assert [each.host for each in arrived] == list(hosts)
    with_session = {each.host for each in arrived if secrets_in(each.headers)}
    assert with_session <= {ALLOWED, ALLOWED_TOO}
    assert bool(secrets_in(arrived[0].headers)) is (hosts[0] == ALLOWED)


@needs_configurator
@of_each_client
def test_a_bound_session_goes_where_it_may_as_one_of_a_scope_does(recorder, guard, client):  # noqa: ARG001
    provider = provider_without("opentelemetry.instrumentation")
    provider.add_span_processor(SessionSpanProcessor())
    with instrumented(client, provider=provider), in_span(provider):
        bind_session("conv-4242424242")
        (allowed,) = call(recorder, client, recorder.url(ALLOWED))
        (refused,) = call(recorder, client, recorder.url(REFUSED))
    assert allowed.one("baggage") == "session.id=conv-4242424242"
    assert refused.one("baggage") is None


@needs_configurator
@of_each_client
def test_a_host_in_disguise_gets_no_id(recorder, guard, client):  # noqa: ARG001
    with switched_off(client):
        for url in ("http://localhost@evil.example:{port}/", "http://134744072:{port}/"):
            for each in call(recorder, client, url.format(port=recorder.port)):
                assert secrets_in(each.headers) == []


@of_each_client
def test_without_an_sdk_it_is_the_same(recorder, guard, client):  # noqa: ARG001
    with instrumented(client, provider=trace.NoOpTracerProvider()), in_session():
        (allowed,) = call(recorder, client, recorder.url(ALLOWED))
        (refused,) = call(recorder, client, recorder.url(REFUSED))
    assert allowed.one("baggage") == f"{SENT},{FOREIGN_HEADER}"
    assert secrets_in(refused.headers) == []


@needs_configurator
@pytest.mark.parametrize("client", ["requests", "urllib"])
def test_what_the_application_sends_by_another_client_is_its_own_doing(recorder, guard, client):  # noqa: ARG001
    """That one is not instrumented; its headers have the same session as those that were sent by the other one."""
    with switched_off("aiohttp"):
        call(recorder, "aiohttp", recorder.url(ALLOWED))
        arrived = call(recorder, client, recorder.url(REFUSED), to_carrier())
    assert [bool(secrets_in(each.headers)) for each in arrived] == [True]


@needs_configurator
def test_a_pool_that_is_given_a_whole_url_goes_by_both(recorder, guard):  # noqa: ARG001
    with switched_off("urllib3"), urllib3.HTTPConnectionPool(ALLOWED, recorder.port) as pool:
        before = len(recorder.seen)
        pool.urlopen("GET", recorder.url(REFUSED), assert_same_host=False)
        pool.urlopen("GET", recorder.url(ALLOWED), assert_same_host=False)
    assert [bool(secrets_in(each.headers)) for each in recorder.seen[before:]] == [False, True]


def test_through_a_proxy_it_goes_by_the_url():
    names = {
        "instance": SimpleNamespace(proxy="http://proxy", host="proxy"),
        "bound_args": SimpleNamespace(arguments={"url": "http://orders/"}),
    }
    assert client_calls._of_urllib3(names) == ["orders"]


@needs_configurator
def test_another_version_of_an_instrumentation_gets_nothing_and_the_cause_is_said(recorder, guard, monkeypatch, caplog):
    monkeypatch.setattr(client_calls, "CLIENTS", {name: lambda _: {}["it"] for name in client_calls.CLIENTS})
    caplog.set_level("INFO", "otel_sessions")
    with switched_off("httpx"):
        (arrived,) = call(recorder, "httpx", recorder.url(ALLOWED))
    assert (arrived.one("baggage"), secrets_in(arrived.headers)) == (FOREIGN_HEADER, [])
    assert guard.refusals() == {"a destination of a call whose tracer is switched off": 1}
    (message,) = [each for each in caplog.messages if "are sent without the session" in each]
    assert "by opentelemetry.instrumentation.httpx" in message
    assert "OTEL_PYTHON_TRACER_CONFIGURATOR" in message
    assert "to_carrier()" in message


@needs_configurator
def test_what_the_application_injects_below_a_tracer_of_its_own_that_is_off_gets_nothing(guard, caplog):
    caplog.set_level("INFO", "otel_sessions")
    provider = provider_without("own")
    with in_span(provider), provider.get_tracer("own").start_as_current_span("call"), in_session():
        propagate.inject(carrier := {})
    assert (carrier["baggage"], secrets_in(carrier.items())) == (FOREIGN_HEADER, [])
    assert guard.refusals() == {"a destination of a call whose tracer is switched off": 1}
    assert "OTEL_PYTHON_TRACER_CONFIGURATOR" in caplog.text
    assert " by " not in caplog.text


def test_for_what_is_no_known_client_there_is_no_host():
    assert client_calls.hosts_of(sys._getframe()) == []


TORNADO = """
from opentelemetry import propagate

def fetch_async(request):
    propagate.inject(request.headers)
"""


@pytest.mark.parametrize(("host", "header"), [(ALLOWED, SENT), (REFUSED, None)])
def test_the_request_of_tornado_tells_its_host(monkeypatch, tmp_path, guard, host, header):  # noqa: ARG001
    """Its instrumentation has it under that name; with the real one: ``tests/frameworks/test_tornado_client.py``."""
    module = imported(monkeypatch, tmp_path / "site-packages", "opentelemetry.instrumentation.tornado.client", TORNADO)
    request = SimpleNamespace(url=f"http://{host}/chat", headers={})
    with in_session():
        module.fetch_async(request)
    sent = request.headers.get("baggage")
    assert sent == (FOREIGN_HEADER if header is None else f"{header},{FOREIGN_HEADER}")


LAMBDA = """
from opentelemetry import propagate

def before_service_call(call_context):
    headers = {}
    propagate.inject(headers)
    return headers
"""


@pytest.mark.parametrize(("host", "header"), [(ALLOWED, SENT), (REFUSED, None)])
def test_the_call_of_a_function_in_lambda_tells_the_host_of_that_service(monkeypatch, tmp_path, guard, host, header):  # noqa: ARG001
    """What its instrumentation injects is in the payload."""
    name = "opentelemetry.instrumentation.botocore.extensions.lmbd"
    module = imported(monkeypatch, tmp_path / "site-packages", name, LAMBDA)
    with in_session():
        sent = module.before_service_call(SimpleNamespace(endpoint_url=f"https://{host}")).get("baggage")
    assert sent == (FOREIGN_HEADER if header is None else f"{header},{FOREIGN_HEADER}")
