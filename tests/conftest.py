"""Fixtures: a real SDK pipeline whose exported spans can be read, and a clean slate of warnings."""

from __future__ import annotations

import gc
import logging
import os
import sys
from importlib.util import find_spec
from inspect import signature
from typing import TYPE_CHECKING

import pytest
from openai import OpenAI
from openinference.instrumentation import TraceConfig
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.propagate import get_global_textmap, set_global_textmap

from local_receiver import OTLPReceiver
from otel_sessions import get_session
from otel_sessions._context.events import EVENTS
from otel_sessions._context.process_session import follow
from otel_sessions._context.providers import PROVIDERS
from otel_sessions._pipeline.rooting import follow_origin
from otel_sessions._propagation.environment import taken_up
from otel_sessions._settings.settings import use_in_process
from otel_sessions._setup.installation import forget
from otel_sessions.demo import StandIn
from otel_sessions.testing import clean_slate
from recording import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytest_plugins = ["figures", "pytester"]

if find_spec("hypothesis"):  # `make e2e` does without
    from hypothesis import HealthCheck, settings

    # Nothing is timed: a machine that is busy is no failure.
    untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("ci", untimed, max_examples=20, derandomize=True)
    # By chance, but not where a change is judged: what it has not done is no fault of it.
    settings.register_profile("thorough", untimed, max_examples=300, derandomize="CI" in os.environ)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))  # or `pytest --hypothesis-profile`


def pytest_collection_finish() -> None:
    """Spare the collector of garbage all that the imports have made, which takes it a second each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def coverage_of_programs() -> Iterator[dict[str, str]]:
    """Take from the environment what measures the programs that tests start, which takes half their time again."""
    with pytest.MonkeyPatch.context() as patch:
        variables = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_PROCESS_")}
        for name in variables:
            patch.delenv(name)
        yield variables


@pytest.fixture(scope="module")
def all_measured(coverage_of_programs: dict[str, str]) -> Iterator[None]:
    """Have all programs of a module measured: what they run is run nowhere else."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in coverage_of_programs.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def measured(coverage_of_programs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the programs of a test measured."""
    for name, value in coverage_of_programs.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


@pytest.fixture
def make_pipeline() -> Callable[..., Pipeline]:
    return Pipeline


@pytest.fixture(autouse=True)
def _clean_slate() -> Iterator[None]:
    propagators = get_global_textmap()
    clean_slate()
    yield
    # What `instrument` has made global.
    set_global_textmap(propagators)
    if "otel_sessions._propagation.grpc_target" in sys.modules:
        sys.modules["otel_sessions._propagation.grpc_target"].unwatch_channels()
    use_in_process(None)
    follow(None, taken_up(None))
    follow_origin()
    EVENTS.is_on = False
    PROVIDERS.use(None, None)
    forget()  # else `uninstrument` sees them for as long as somebody holds them
    clean_slate()


def _errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    # Not `caplog.records`, which are those of the tear-down by the time that a fixture ends.
    return [
        record for when in ("setup", "call") for record in caplog.get_records(when) if record.levelno >= logging.ERROR
    ]


@pytest.fixture(autouse=True)
def _nothing_is_detached_where_it_was_not_attached(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does with scopes, OpenTelemetry logs no "Failed to detach context"."""
    yield
    ours = [record for record in _errors(caplog) if record.name.startswith(("opentelemetry", "otel_sessions"))]
    assert [record.getMessage() for record in ours] == []


@pytest.fixture(autouse=True)
def _nothing_is_warned_of_where_nothing_is_wrong(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """A test that brings a warning about asks for what reads it, or is marked ``warned_of``, with words of it."""
    yield
    if not {"caplog", "warnings"}.isdisjoint(signature(request.function).parameters):
        return
    marks = [mark.args for mark in request.node.iter_markers("warned_of")]
    words = [word for args in marks for word in args]
    records = [*caplog.get_records("setup"), *caplog.get_records("call")]
    said = [each.getMessage() for each in records if each.name == "otel_sessions" and each.levelno >= logging.WARNING]
    if () not in marks:  # a property may be tried with anything
        assert [text for text in said if not any(word in text for word in words)] == []


@pytest.fixture
def no_error_of_anybody(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Servers and workers log what an application raises."""
    yield
    assert [record.getMessage() for record in _errors(caplog)] == []


@pytest.fixture
def no_session_is_left_behind() -> Iterator[None]:
    yield
    assert get_session() is None


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a function that tells what the package has warned of so far."""
    caplog.set_level(logging.WARNING)

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "otel_sessions"]

    return said


@pytest.fixture(scope="module")
def api() -> Iterator[StandIn]:
    """The stand-in for the API of OpenAI, on a socket."""
    with StandIn(seconds_per_word=0) as api:
        yield api


@pytest.fixture
def client(api: StandIn) -> Iterator[OpenAI]:
    with OpenAI(base_url=api.base_url, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[OTLPReceiver]:
    """An OTLP endpoint on a socket, which keeps what it is sent; `wire` reads it."""
    with OTLPReceiver() as receiver:
        yield receiver


@pytest.fixture
def instrumented() -> Iterator[Callable[..., Pipeline]]:
    """Return a function that instruments the client for a pipeline, until the test is over."""
    instrumentor = OpenAIInstrumentor()

    def start(pipeline: Pipeline, **config: bool) -> Pipeline:
        instrumentor.instrument(tracer_provider=pipeline.provider, config=TraceConfig(**config))
        return pipeline

    yield start
    instrumentor.uninstrument()


@pytest.fixture
def chat(pipeline: Pipeline, instrumented: Callable[..., Pipeline]) -> Pipeline:
    return instrumented(pipeline)
