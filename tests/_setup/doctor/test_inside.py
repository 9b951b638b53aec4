"""What is noted inside a process, where a program of its own would be too much."""

from __future__ import annotations

import logging
import sys
import threading
from types import SimpleNamespace

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, Span, SynchronousMultiSpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions import _diagnostics, bind_session, set_session
from otel_sessions._setup.doctor.program import inside as module
from otel_sessions._setup.doctor.program import provider_facts, watching
from otel_sessions._setup.doctor.program.inside import Inside
from otel_sessions._setup.doctor.program.llm_spans import is_of_model
from otel_sessions._setup.doctor.program.provider_facts import Providers
from otel_sessions._setup.doctor.program.watching import FAILED, Said, failed, put_around
from otel_sessions.sdk import SessionSpanProcessor


class Process:
    """Stands for the process that is told when something was seen."""

    def __init__(self) -> None:
        self.times = 0

    def noted(self):
        self.times += 1

    def new_lock(self):
        return threading.RLock()

    def shown(self, text):
        return text


@pytest.fixture
def inside(monkeypatch):
    """Watch this process, until the test is over."""
    for kind in (SynchronousMultiSpanProcessor, ConcurrentMultiSpanProcessor):
        for name in ("on_start", "on_end"):
            monkeypatch.setattr(kind, name, getattr(kind, name))
    found = Inside(Process())
    for kind in (SynchronousMultiSpanProcessor, ConcurrentMultiSpanProcessor):
        put_around(kind, "on_start", found._started)
        put_around(kind, "on_end", found._ended)
    return found


def provider_of(*processors, **options):
    provider = TracerProvider(shutdown_on_exit=False, **options)
    for processor in (*processors, SimpleSpanProcessor(InMemorySpanExporter())):
        provider.add_span_processor(processor)
    return provider


def spans_of(inside):
    return sum(row[-1] for row in inside.sightings.record()["spans"])


def bare_in(inside):
    return [row[5] for row in inside.sightings.record()["bare"]]


def test_a_span_counts_once_where_one_processor_holds_others(inside):
    within = SynchronousMultiSpanProcessor()
    within.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    provider_of(within).get_tracer("app").start_span("work").end()
    assert spans_of(inside) == 1


def test_processors_that_run_at_once_are_watched(inside):
    provider = provider_of(SessionSpanProcessor(), active_span_processor=ConcurrentMultiSpanProcessor(2))
    with set_session("conv-42"):
        provider.get_tracer("app").start_span("work").end()
    provider.shutdown()
    assert spans_of(inside) == 1
    assert bare_in(inside) == ["no-processor"]  # the SDK hands them no implicit Context


def test_a_span_that_had_started_before_it_was_watched_is_left_out(inside):
    provider = provider_of()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MOST_OPEN", 0)
        span = provider.get_tracer("app").start_span("work")
    span.end()
    assert spans_of(inside) == 0


@pytest.mark.warned_of("send the session to every host")
def test_what_was_bound_late_has_its_session(inside):
    tracer = provider_of(SessionSpanProcessor()).get_tracer("app")
    with tracer.start_as_current_span("request"):
        bind_session("conv-42")
    assert bare_in(inside) == []


def test_the_first_session_is_noted_at_once_and_only_ids_count(inside):
    for state in (
        SimpleNamespace(session=SimpleNamespace(id=None, user_id="ada")),
        *[SimpleNamespace(session=SimpleNamespace(id="a", user_id=None))] * 2,
    ):
        inside._opened({}, state)
    assert inside.sightings.opened == 2
    assert inside._process.times == 1
    inside._closed(None)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("reason: [Errno 111] Connection refused, at /v1/traces?key=secret", "Connection refused"),
        ("Failed to export, code: 401, reason: secret", "401"),
        ("StatusCode.UNAVAILABLE of secret", "UNAVAILABLE"),
        ("SSLsecret tokenSecretError", ""),
        ("SSLError, secret", "SSLError"),
        ("secret", ""),
    ],
)
def test_an_error_is_told_of_without_what_it_says(inside, text, kind):
    record = logging.makeLogRecord({"name": "opentelemetry.exporter.x", "levelno": logging.ERROR, "msg": text})
    inside._logged(None, record)
    assert inside.errors() == [["opentelemetry.exporter.x", kind, 1]]


def test_an_exception_that_was_logged_is_named(inside):
    try:
        int("secret")
    except ValueError:
        record = logging.makeLogRecord(
            {"name": "opentelemetry.sdk.x", "levelno": logging.ERROR, "msg": "Oh.", "exc_info": sys.exc_info()}
        )
    inside._logged(None, record)
    assert inside.errors() == [["opentelemetry.sdk.x", "ValueError", 1]]


def test_what_is_no_error_of_opentelemetry_is_none_and_errors_are_bounded(inside, monkeypatch):
    inside._logged(None, logging.makeLogRecord({"name": "app", "levelno": logging.ERROR, "msg": "Oh."}))
    inside._logged(None, logging.makeLogRecord({"name": "opentelemetry.sdk", "levelno": logging.WARNING, "msg": "Oh."}))
    monkeypatch.setattr(module, "_MOST_ERRORS", 0)
    inside._logged(None, logging.makeLogRecord({"name": "opentelemetry.sdk", "levelno": logging.ERROR, "msg": "Oh."}))
    assert inside.errors() == []


def test_frames_without_end_are_not_looked_through(monkeypatch):
    monkeypatch.setattr(module, "_MOST_FRAMES", 1)
    assert module._generator(sys._getframe()) == ""
    assert module._generator(None) == ""


def test_what_is_put_around_nothing_is_nothing():
    owner = SimpleNamespace()
    put_around(owner, "there_is_none", print)
    assert not vars(owner)


@pytest.mark.parametrize("before", [True, False])
def test_what_raises_while_it_notes_changes_nothing(before):
    owner = SimpleNamespace(double=lambda number: 2 * number)
    put_around(owner, "double", lambda _: 1 / 0, before=before)
    FAILED.clear()
    assert owner.double(2) == 4
    assert failed() == [["double", "ZeroDivisionError", 1]]


@pytest.fixture
def said(monkeypatch):
    for name in ("_say_once", "is_informing"):
        monkeypatch.setattr(_diagnostics, name, getattr(_diagnostics, name))
    monkeypatch.setattr("otel_sessions._context.scope.is_informing", _diagnostics.is_informing)
    found = Said(Process())
    found.watch()
    return found


def test_messages_are_noted_once_with_their_place_and_still_logged(said, caplog):
    for _ in range(2):
        _diagnostics.warn_caller("a problem", "it is %s", "wrong")
        _diagnostics.warn_once("another", "otel_sessions: it is wrong")
    rows = said.rows()
    assert [row[:3] for row in rows] == [["a problem", 30, "it is wrong"], ["another", 30, "it is wrong"]]
    assert rows[0][3].endswith(f"test_inside.py:{rows[0][3].rpartition(':')[2]}")
    assert rows[1][3] == ""
    assert caplog.records[0].filename == "test_inside.py"
    assert _diagnostics.is_informing()


def test_messages_are_bounded_and_one_that_can_not_be_noted_is_logged(said, monkeypatch, caplog):
    monkeypatch.setattr(watching, "_MOST_SAID", 0)
    _diagnostics.warn_once("a problem", "otel_sessions: it is wrong")
    monkeypatch.setattr(watching, "_MOST_SAID", 9)
    monkeypatch.setattr(watching, "shown_path", lambda _: 1 / 0)
    _diagnostics.warn_caller("another", "it is wrong")
    assert said.rows() == []
    assert len(caplog.records) == 2


def test_before_scopes_are_imported_there_is_nothing_more_to_have_told(monkeypatch):
    monkeypatch.setattr(_diagnostics, "_say_once", _diagnostics._say_once)
    monkeypatch.setattr(_diagnostics, "is_informing", _diagnostics.is_informing)
    monkeypatch.delitem(sys.modules, "otel_sessions._context.scope")
    Said(Process()).watch()


def test_a_place_outside_of_all_folders_is_named_alone():
    assert watching.shown_path("/nowhere/at/all/app.py") == "app.py"


@pytest.mark.parametrize(
    ("attributes", "is_llm"),
    [
        ({"openinference.span.kind": "LLM"}, True),
        ({"openinference.span.kind": "CHAIN"}, False),
        ({"gen_ai.operation.name": "chat"}, True),
        ({"gen_ai.operation.name": "execute_tool"}, False),
        ({"llm.request.type": "completion"}, True),
        ({}, False),
    ],
)
def test_spans_of_models_are_told_by_each_convention(attributes, is_llm):
    assert is_of_model(attributes) is is_llm


def test_providers_are_numbered_as_they_are_seen(monkeypatch):
    providers = Providers()
    one, two = provider_of(), provider_of()
    providers.made(one)
    providers.made(two)
    assert [providers.number_of(each._active_span_processor) for each in (two, two, one)] == [1, 1, 0]
    assert providers.number_of(provider_of()._active_span_processor) == -1
    providers.ended(-1, None, is_client=False)
    monkeypatch.setattr(provider_facts, "_MOST", 2)
    providers.made(provider_of())
    assert len(providers.record()["providers"]) == 2


def test_a_child_has_the_providers_of_its_parent_and_not_its_spans(inside):
    provider = provider_of(SessionSpanProcessor())
    inside.providers.made(provider)
    provider.get_tracer("app").start_span("work").end()
    assert [each["spans"] for each in inside.pipelines()["providers"]] == [1]
    inside.begin()
    assert [each["spans"] for each in inside.pipelines()["providers"]] == [0]
    assert inside.seen()["spans"] == []


def test_the_global_provider_is_found_that_was_made_before(monkeypatch):
    provider = provider_of()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    providers = Providers()
    assert providers.number_of(provider._active_span_processor) == 0
    (facts,) = providers.record()["providers"]
    assert facts["is_global"]
    assert facts["made_at"] == ""


def test_a_provider_that_is_gone_keeps_what_was_known_of_it():
    providers = Providers()
    providers.made(provider_of(SessionSpanProcessor()))
    import gc

    gc.collect()
    (facts,) = providers.record()["providers"]
    assert facts["number"] == 0


def test_a_provider_of_another_make_is_described_as_far_as_it_goes():
    class Odd:
        def __getattr__(self, name):
            raise RuntimeError

    providers = Providers()
    odd = Odd()
    providers.made(odd)
    (facts,) = providers.record()["providers"]
    assert "stamping" not in facts


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("http://user:secret@127.0.0.1:4318/v1/traces?key=secret", "127.0.0.1:4318"),
        ("https://collector.example/v1/traces", "collector.example"),
        ("localhost:4317", "localhost:4317"),
        ("", ""),
        ("http://[", ""),
    ],
)
def test_an_endpoint_is_shown_without_what_may_be_secret(endpoint, host):
    assert provider_facts._host_of(endpoint) == host


def test_who_has_made_a_provider_may_not_be_known():
    assert provider_facts._maker(None) == ("", "")


def test_without_instrumentations_there_are_none(monkeypatch):
    monkeypatch.delitem(sys.modules, "opentelemetry.instrumentation.instrumentor", raising=False)
    assert provider_facts._instrumented() == []


def test_an_export_filter_is_asked_of_each_span():
    class Filtering(SimpleSpanProcessor):
        def _should_export_span(self, span):
            return span.name == "kept"

    provider = TracerProvider(shutdown_on_exit=False)
    processor = Filtering(InMemorySpanExporter())
    provider.add_span_processor(processor)
    providers = Providers()
    providers.made(provider)
    for name in ("kept", "dropped"):
        span = provider.get_tracer(name).start_span(name)
        assert isinstance(span, Span)
        span.end()
        providers.ended(0, span, is_client=False)
    (facts,) = providers.record()["providers"]
    assert facts["filtered"] == ["dropped"]


def test_a_name_is_a_text_that_is_bounded(inside):
    tracer = provider_of().get_tracer("app")
    tracer.start_span("x" * 10_000).end()
    tracer.start_span(42).end()
    names = [row[4] for row in inside.sightings.record()["bare"]]
    assert names == ["x" * 80, "(int)"]


def test_spans_that_are_never_ended_do_not_hide_the_next(inside, monkeypatch):
    monkeypatch.setattr(module, "_MOST_OPEN", 2)
    FAILED.clear()
    tracer = provider_of().get_tracer("app")
    spans = [tracer.start_span("never ended") for _ in range(5)]
    tracer.start_span("work").end()
    spans[0].end()
    assert spans_of(inside) == 1
    assert sum(count for *_, count in failed()) == 4


@pytest.mark.warned_of("the propagators of this process send the session")
def test_no_id_stands_in_what_is_seen(inside):
    tracer = provider_of(SessionSpanProcessor()).get_tracer("app")
    tracer.start_span("before conv-42").end()
    with set_session("conv-42", user_id="ada@example.com"):
        tracer.start_span("turn of ada@example.com").end()
    tracer.start_span("GET /chat/conv-42/ada%40example.com").end()
    assert {row[4] for row in inside.seen()["bare"]} == {"before ...", "GET /chat/.../..."}


def test_a_provider_in_the_place_of_one_that_is_gone_is_another():
    providers = Providers()
    first, second = provider_of(), provider_of()
    providers.made(first)
    providers.made(second)
    providers._numbers[id(second._active_span_processor)] = 0
    assert providers.number_of(second._active_span_processor) == 1
