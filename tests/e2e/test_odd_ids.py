"""Ids that a backend can't hold: what has them is shown together, and nothing is lost with them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from programs import Programs

if TYPE_CHECKING:
    from typing import Any


class Odd(NamedTuple):
    programs: Programs
    ids: dict[str, list[str]]
    sent: dict[str, int]


@pytest.fixture(scope="session")
def odd(backends, stand_in):
    programs = Programs(backends, stand_in, "odd ids")
    printed: dict[str, Any] = programs.run("odd_ids.py")
    return Odd(programs, printed["ids"], printed["sent"])


def test_turns_of_an_odd_id_are_one_session(backend, odd, compare):
    expected = {first: {f"{what}, once?", f"{what}, twice?"} for what, (first, _) in odd.ids.items()}

    sessions = odd.programs.shown(backend, odd.sent)

    found = {key: {turn.input for turn in one.turns} for key, one in sessions.items()}
    compare(f"{backend.name}: odd ids whose turns are together", found, expected)
    (user_id,) = {one.user_id for one in sessions.values()}
    assert user_id.startswith("sha256-")


def test_a_batch_with_bad_ids_loses_nothing(backend, odd):
    odd.programs.shown(backend, odd.sent)

    assert backend.trace_count(odd.programs.projects[backend.key]) == len(odd.sent) == 9


def test_without_us_such_a_batch_is_lost(mlflow, caplog):
    """That is what the others are worth: MLflow refuses a batch in which one id is too long."""
    caplog.set_level(logging.CRITICAL, "opentelemetry.exporter")
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    for session_id in ("good", "x" * 300):
        provider.get_tracer("tests").start_span("turn", attributes={"session.id": session_id}).end()
    experiment = mlflow.new_project("without us")
    exporter = OTLPSpanExporter(f"{mlflow.url}/v1/traces", headers={"x-mlflow-experiment-id": experiment})

    result = exporter.export(memory.get_finished_spans())
    exporter.shutdown()

    assert result is SpanExportResult.FAILURE
    assert mlflow.trace_count(experiment) == 0
