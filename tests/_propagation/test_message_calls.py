"""What libraries of queues write into messages where their tracer makes no span: the session goes along, as with one."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from opentelemetry.sdk import trace as sdk
from opentelemetry.trace import NoOpTracerProvider, SpanKind

from clients import propagating, w3c
from libraries import imported
from otel_sessions import set_session
from otel_sessions.sdk import SessionPropagator

IDS = "session.id=conv-4242424242,user.id=ada"
LIBRARIES = [
    "opentelemetry.instrumentation.aio_pika.publish_decorator",
    "opentelemetry.instrumentation.aiokafka.utils",
    "opentelemetry.instrumentation.boto3sqs",
    "opentelemetry.instrumentation.botocore.extensions._messaging",
    "opentelemetry.instrumentation.celery",
    "opentelemetry.instrumentation.confluent_kafka",
    "opentelemetry.instrumentation.kafka.utils",
    "opentelemetry.instrumentation.pika.utils",
    "opentelemetry.instrumentation.remoulade",
    "taskiq.middlewares.opentelemetry_middleware",
]
of_each = pytest.mark.parametrize("name", LIBRARIES)


@contextmanager
def in_a_tracer_that_is_off(pipeline):
    """Be in a span that stands for its parent, as a tracer that is switched off makes it."""
    with (
        pipeline.tracer.start_as_current_span("turn"),
        NoOpTracerProvider().get_tracer("queue").start_as_current_span("send", kind=SpanKind.PRODUCER),
    ):
        yield


@contextmanager
def in_no_span(_pipeline):
    yield


@contextmanager
def in_a_dropped_span(_pipeline):
    provider = sdk.TracerProvider(sampler=sdk.sampling.ALWAYS_OFF, shutdown_on_exit=False)
    with provider.get_tracer("queue").start_as_current_span("send", kind=SpanKind.PRODUCER):
        yield


@pytest.fixture
def library(monkeypatch, tmp_path):
    """Return what imports a module of that name, which is installed or not."""
    return lambda name, folder="site-packages": imported(monkeypatch, tmp_path / folder, name)


def written_by(module, around, propagate_to=None, carrier=None):
    """Return the baggage that the ``module`` writes into a message."""
    guard = SessionPropagator(w3c(), propagate_to=propagate_to)
    with propagating(guard), set_session("conv-4242424242", user_id="ada"), around:
        return module.inject({} if carrier is None else carrier).get("baggage")


@of_each
@pytest.mark.parametrize("around", [in_a_tracer_that_is_off, in_no_span])
def test_a_message_has_the_session(library, pipeline, name, around):
    assert written_by(library(name), around(pipeline)) == IDS


@of_each
def test_with_none_it_has_not(library, pipeline, name):
    assert written_by(library(name), in_a_tracer_that_is_off(pipeline), propagate_to="none") is None


@pytest.mark.parametrize(
    "name", ["opentelemetry.instrumentation.pikachu", "opentelemetry.instrumentation.other", "somebodys.celery"]
)
def test_nothing_else_is_a_message_by_its_name(library, pipeline, name):
    assert written_by(library(name), in_a_tracer_that_is_off(pipeline)) is None


def test_nor_is_a_module_of_that_name_that_is_not_installed(library, pipeline):
    assert written_by(library(LIBRARIES[0], "src"), in_a_tracer_that_is_off(pipeline)) is None


def test_nor_are_the_headers_of_a_client(library, pipeline):
    module = library(LIBRARIES[0])
    assert written_by(module, in_a_tracer_that_is_off(pipeline), carrier=module.Headers()) is None


def test_a_span_that_a_sampler_dropped_may_be_of_any_call(library, pipeline):
    assert written_by(library(LIBRARIES[0]), in_a_dropped_span(pipeline)) is None
