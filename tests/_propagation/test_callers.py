"""Whose an inject is: the application's own, a library's, or nobody's that can be told; and what it is written to."""

from __future__ import annotations

import asyncio
import email.message
import functools
import http.client
import os
import sys
import urllib.request
from collections import ChainMap, OrderedDict, defaultdict
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import aiohttp
import grpc.aio
import httpx
import multidict
import pytest
import requests
import urllib3
from opentelemetry import propagate
from opentelemetry.trace import SpanKind

from clients import propagating, w3c
from libraries import imported
from otel_sessions import set_session, to_carrier
from otel_sessions._context.whose_code import INSTALLED, origin_of
from otel_sessions._propagation import callers
from otel_sessions.sdk import SessionPropagator

IDS = "session.id=conv-42,user.id=ada"
UNKNOWN = "a destination that can't be told"


@pytest.fixture
def guard():
    guard = SessionPropagator(w3c())
    with propagating(guard):
        yield guard


@pytest.fixture
def library(monkeypatch, tmp_path):
    """Return a module that is installed."""
    return imported(monkeypatch, tmp_path / "lib" / "site-packages", "somebodys.client")


@pytest.fixture
def application(monkeypatch, tmp_path):
    """Return a module that is not."""
    return imported(monkeypatch, tmp_path / "src", "shop.client")


@pytest.fixture
def other(monkeypatch, tmp_path):
    """Return an instrumentation."""
    return imported(monkeypatch, tmp_path / "site-packages", "opentelemetry.instrumentation.other.client")


def injected_by(module, carrier=None):
    with set_session("conv-42", user_id="ada"):
        return module.inject({} if carrier is None else carrier)


# Who asks


@pytest.mark.usefixtures("guard")
def test_what_the_application_injects_into_a_mapping_of_its_own_has_its_session(application):
    assert injected_by(application) == {"baggage": IDS}


def test_what_a_library_injects_by_itself_has_none(guard, library):
    assert injected_by(library) == {}
    assert guard.refusals() == {UNKNOWN: 1}


@pytest.mark.usefixtures("guard")
def test_what_a_library_hands_on_inside_the_process_has_it(monkeypatch, tmp_path):
    within = imported(monkeypatch, tmp_path / "site-packages", "logfire.propagate")
    assert injected_by(within) == {"baggage": IDS}
    assert injected_by(within, within.Headers()) == {}


@pytest.mark.usefixtures("guard")
@pytest.mark.parametrize("kind", [SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CONSUMER])
def test_a_span_that_is_no_call_says_nothing_of_where_a_library_sends(pipeline, library, application, kind):
    with pipeline.tracer.start_as_current_span("chat", kind=kind, attributes={"server.address": "127.0.0.1"}):
        assert list(injected_by(library)) == ["traceparent"]
        assert injected_by(application)["baggage"] == IDS


@pytest.mark.usefixtures("guard")
def test_a_message_to_a_queue_is_the_users_own_whoever_writes_it(pipeline, library):
    with pipeline.tracer.start_as_current_span("send", kind=SpanKind.PRODUCER):
        assert injected_by(library)["baggage"] == IDS
        assert "baggage" not in injected_by(library, httpx.Headers())


@pytest.mark.usefixtures("guard")
def test_a_call_that_names_its_host_goes_by_that_whoever_makes_it(pipeline, library):
    for host, expected in (("orders", IDS), ("api.example.com", None)):
        with pipeline.tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes={"server.address": host}):
            assert injected_by(library).get("baggage") == expected


@pytest.mark.usefixtures("guard")
def test_what_runs_code_for_others_is_not_who_asks(library, application):
    with set_session("conv-42", user_id="ada"):
        by_both = [
            (functools.partial(each.inject, {}), asyncio.run(each.inject_later({}))) for each in (library, application)
        ]
        (library_call, by_library), (application_call, by_application) = by_both
    with set_session("conv-42", user_id="ada"), ThreadPoolExecutor(1) as pool:
        assert (library_call(), application_call()) == ({}, {"baggage": IDS})
        assert pool.submit(library_call).result() == {}
    assert (by_library, by_application) == ({}, {"baggage": IDS})


@pytest.mark.usefixtures("guard")
def test_where_the_standard_library_alone_asks_it_is_not_a_library():
    carrier = {}
    with set_session("conv-42", user_id="ada") as session, ThreadPoolExecutor(1) as pool:
        assert session.id == "conv-42"
        context = set_session("conv-42", user_id="ada").context
        pool.submit(propagate.inject, carrier, context).result()
    assert carrier == {"baggage": IDS}


@pytest.mark.usefixtures("guard")
def test_code_that_a_notebook_or_exec_runs_is_the_applications():
    carrier = {}
    with set_session("conv-42", user_id="ada"):
        exec("inject(carrier)", {"inject": propagate.inject, "carrier": carrier})  # noqa: S102
    assert carrier == {"baggage": IDS}


@pytest.mark.usefixtures("guard")
def test_a_carrier_that_is_asked_for_is_the_applications_whoever_asks(monkeypatch, tmp_path):
    source = "from otel_sessions import to_carrier\ndef inject(_):\n    return to_carrier()\n"
    library = imported(monkeypatch, tmp_path / "site-packages", "somebodys.carrier", source)
    assert injected_by(library) == {"baggage": IDS}


@pytest.mark.usefixtures("guard")
def test_what_lies_beside_the_record_of_its_distribution_is_installed(monkeypatch, tmp_path):
    """As in a bundle for AWS Lambda: libraries and the application in one folder."""
    record = tmp_path / "somebodys_client-1.0.dist-info"
    record.mkdir()
    record.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: somebodys-client\nVersion: 1.0\n")
    record.joinpath("RECORD").write_text("somebodys/client.py,,\nmodule_alone.py,,\n../../bin/x,,\n")
    developed = tmp_path / "shop.egg-info"
    developed.mkdir()
    developed.joinpath("PKG-INFO").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    developed.joinpath("top_level.txt").write_text("shop\n")
    sent = {
        name: injected_by(imported(monkeypatch, tmp_path, name))
        for name in ("somebodys.client", "module_alone", "shop.client")
    }
    assert sent == {"somebodys.client": {}, "module_alone": {}, "shop.client": {"baggage": IDS}}
    package = imported(monkeypatch, tmp_path, "somebodys.__init__")
    assert origin_of(package.__file__, "somebodys") == INSTALLED


# What is written to


class Message:
    """As an application has one."""


class Fields(dict):
    """The same."""


class OwnHeaders(httpx.Headers):
    """Of the application, and of a request all the same."""


PLAIN = [
    {}, [], (), OrderedDict(), defaultdict(list), ChainMap({}), MappingProxyType({}), os.environ, Message(), Fields(),
]  # fmt: skip
HEADERS = [
    httpx.Headers(),
    httpx.Request("GET", "http://x"),
    requests.structures.CaseInsensitiveDict(),
    requests.PreparedRequest(),
    urllib3.HTTPHeaderDict(),
    multidict.CIMultiDict(),
    grpc.aio.Metadata(),
    aiohttp.ClientTimeout(),
    http.client.HTTPMessage(),
    email.message.Message(),
    urllib.request.Request("http://x"),
    OwnHeaders(),
]


@pytest.mark.parametrize("carrier", PLAIN, ids=lambda carrier: type(carrier).__name__)
def test_a_mapping_or_a_message_of_the_application_is_plain(carrier):
    assert callers.is_plain(carrier)


@pytest.mark.parametrize("carrier", HEADERS, ids=lambda carrier: type(carrier).__name__)
def test_what_a_client_has_for_a_request_is_not(carrier):
    assert not callers.is_plain(carrier)


def test_a_type_of_the_application_may_be_made_of_one_of_a_library_that_is_no_mapping(library, monkeypatch):
    assert callers.is_plain(type("Order", (library.Request,), {})())
    assert not callers.is_plain(library.Request())
    assert not callers.is_plain(type("Order", (library.Mapping,), {})())
    monkeypatch.setattr(sys.modules["__main__"], "__file__", library.__file__, raising=False)
    assert callers.is_plain(type("InANotebook", (), {"__module__": "__main__"})())


def test_a_type_that_does_not_say_what_it_is_is_not_plain():
    assert not callers.is_plain(type("Odd", (), {"__module__": None})())


def test_into_the_headers_of_a_client_the_application_too_sends_by_the_destination(guard, pipeline, application):
    with pipeline.tracer.start_as_current_span("work"):
        assert "baggage" not in injected_by(application, httpx.Headers())
    assert guard.refusals() == {UNKNOWN: 1}
    for host, expected in (("orders", IDS), ("api.example.com", None)):
        with pipeline.tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes={"server.address": host}):
            assert injected_by(application, httpx.Headers()).get("baggage") == expected


# What is said


def test_what_a_library_sends_is_said_once_for_each_with_the_remedy(guard, library, other, application, caplog):
    caplog.set_level("INFO", "otel_sessions")
    for module in (library, library, other):
        injected_by(module)
    injected_by(application, httpx.Headers())
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"otel_sessions: calls to {UNKNOWN} are sent without the session by {name}, which OTEL_SESSION_PROPAGATE_TO "
        "(private) does not allow; if that is yours: to_carrier() in the headers, or the message, that you give it"
        for name in ("somebodys", "opentelemetry.instrumentation.other", "shop")
    ]
    assert guard.refusals() == {UNKNOWN: 4}


def test_the_remedy_is_one(guard, library):
    with set_session("conv-42", user_id="ada"):
        carrier = to_carrier()
        library.inject(headers := {})
    assert carrier == {"baggage": IDS}
    assert headers == {}
    assert guard.refusals() == {UNKNOWN: 1}


def test_with_all_a_library_too_sends_the_session(library):
    with propagating(SessionPropagator(w3c(), propagate_to="all")):
        assert injected_by(library) == {"baggage": IDS}


def test_a_caller_is_found_wherever_it_is_and_not_where_there_is_none():
    def deeper(count):
        return deeper(count - 1) if count else callers.is_below((__name__.partition(".")[0],))

    assert deeper(10)
    assert not callers.is_below(("nobody.of.this.name",))
    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(callers.is_below, ("nobody.of.this.name",)).result()
