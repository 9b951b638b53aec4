"""A host that is refused and is likely the application's own is told at WARNING, once; a public API at INFO."""

from __future__ import annotations

import logging

import pytest
from opentelemetry import propagate
from opentelemetry.trace import SpanKind

from clients import propagating, w3c
from otel_sessions import set_session
from otel_sessions._propagation import own_names
from otel_sessions._propagation.propagator import SessionPropagator
from otel_sessions._settings.destinations import NONE


@pytest.fixture
def called(pipeline, monkeypatch, caplog):
    """Return a function that calls a URL in a session, and tells how that it was refused was said."""
    monkeypatch.setattr(own_names, "gethostname", lambda: "web-1.eu.acme-hosts.com")
    caplog.set_level(logging.INFO, "otel_sessions")

    def call(url, guard, **attributes):
        attributes = attributes or {"url.full": url}
        with (
            propagating(guard),
            set_session("conv-42"),
            pipeline.tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes=attributes),
        ):
            propagate.inject({})
        return [record.levelname for record in caplog.records if "are sent without the session" in record.getMessage()]

    return call


@pytest.fixture
def guard():
    return SessionPropagator(w3c())


@pytest.mark.warned_of("sent without the session")
@pytest.mark.parametrize(
    "url",
    [
        "https://rag.prod/",
        "https://rag.corp./",
        "https://RAG.Lan/",
        "https://rag.home.arpa/",
        "https://rag.service.consul/",
        "https://rag.eu.acme-hosts.com/",  # beside the name of this machine
        "http://rag.acme.com/",
        "http://rag.acme.com:8080/search",
        "HTTP://rag.acme/",
        "http://rag.acme.co.uk/",
    ],
)
def test_a_host_that_is_likely_own_is_a_warning(called, guard, url):
    assert called(url, guard) == ["WARNING"]
    assert called(url, guard) == ["WARNING"]


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1/chat/completions",
        "http://api.openai.com/v1/chat/completions",
        "https://bedrock-runtime.us-east-1.amazonaws.com/",
        "https://rag.acme.com/",  # nothing tells whose that is
        "http://www.acme.com/",
        "http://acme.com/",
        "http://acme.io/",
        "http://acme.xyz/",
        "http://8.8.8.8/",
        "http://[2001:db8::1]/",
        "https://acme-hosts.com/",
    ],
)
def test_another_host_is_told_at_info(called, guard, url):
    assert called(url, guard) == ["INFO"]


@pytest.mark.warned_of("sent without the session")
@pytest.mark.parametrize(
    "attributes",
    [
        {"server.address": "chat.acme.com"},
        {"http.host": "chat.acme.com:8443"},
        {"net.host.name": "acme.com"},
        {"url.full": "https://chat.acme.com/chat"},
        {"http.url": "https://chat.acme.com/chat"},
    ],
)
def test_a_host_beside_the_name_under_which_the_request_came_is_a_warning(called, guard, pipeline, attributes):
    with pipeline.tracer.start_as_current_span("POST /chat", kind=SpanKind.SERVER, attributes=attributes):
        assert called("https://rag.acme.com/", guard) == ["WARNING"]
        assert called("https://api.openai.com/", guard) == ["WARNING", "INFO"]


@pytest.mark.parametrize("name", ["chat.co.uk", "localhost", "127.0.0.1", "chat", ""])
def test_a_name_that_is_beside_everybody_says_nothing(called, guard, pipeline, name):
    around = {"server.address": name}
    with pipeline.tracer.start_as_current_span("POST /chat", kind=SpanKind.SERVER, attributes=around):
        assert called("https://rag.co.uk/", guard) == ["INFO"]


def test_the_name_of_what_a_span_of_the_application_calls_is_not_its_own(called, guard, pipeline):
    with pipeline.tracer.start_as_current_span("job", attributes={"server.address": "chat.acme.com"}):
        assert called("https://rag.acme.com/", guard) == ["INFO"]


@pytest.mark.warned_of("sent without the session")
def test_a_host_beside_one_that_was_listed_is_a_warning(called):
    guard = SessionPropagator(w3c(), propagate_to="private,billing.acme.com,*.partner.com")
    assert called("https://rag.acme.com/", guard) == ["WARNING"]
    assert called("https://partner.com/", guard) == ["WARNING", "INFO"]


def test_where_nobody_is_to_get_it_nothing_is_a_warning(called):
    assert called("http://rag.prod/", SessionPropagator(w3c(), propagate_to=NONE)) == ["INFO"]


def test_a_name_without_a_url_is_not_known_to_be_unencrypted(called, guard):
    assert called(None, guard, **{"server.address": "rag.acme.com"}) == ["INFO"]


@pytest.mark.warned_of("sent without the session")
def test_who_calls_many_of_them_has_a_crawler(called, guard):
    for number in range(20):
        levels = called(f"http://site-{number}.acme.com/", guard)
    assert levels == ["WARNING"] * 16 + ["INFO"] * 4
