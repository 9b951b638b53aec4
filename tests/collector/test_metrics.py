"""metrics.yaml: what a fleet does, in numbers that are exact, and never with an id."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from application import MODEL_ATTRIBUTES
from collectors import validate
from otel_sessions import set_session, turn
from otel_sessions.sdk import SessionRatioSampler
from plan import Plan
from ports import free_port
from received import session_ids, wait_for_spans
from servers import asking, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.trace import Tracer

    from collectors import Collector

TURNS, CALLS = "turn_duration_seconds_count", "gen_ai_client_operation_duration_seconds_count"
TOKENS_READ, TOKENS_WRITTEN = "gen_ai_usage_input_tokens_total", "gen_ai_usage_output_tokens_total"
CHECKS = "gen_ai_evaluations_total"
_SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Sample(NamedTuple):
    name: str
    labels: dict[str, str]
    value: float


class Scrape(NamedTuple):
    """What Prometheus would fetch."""

    text: str

    def samples(self) -> list[Sample]:
        """Return the series, without those that tell of the service alone."""
        lines = [_SAMPLE.fullmatch(line) for line in self.text.splitlines() if not line.startswith("#")]
        samples = [Sample(line[1], dict(_LABEL.findall(line[2] or "")), float(line[3])) for line in lines if line]
        return [sample for sample in samples if sample.name != "target_info"]

    def total(self, name: str, **labels: str) -> float:
        return sum(each.value for each in self.samples() if each.name == name and labels.items() <= each.labels.items())

    def label_names(self) -> set[str]:
        return {name for sample in self.samples() for name in sample.labels}


class Metrics(NamedTuple):
    """A Collector that counts."""

    collector: Collector
    url: str

    def scrape(self) -> Scrape:
        return Scrape(asking().get(f"{self.url}/metrics").raise_for_status().text)

    def scrape_when(self, name: str, count: float) -> Scrape:
        """Return what is there once a metric has come to ``count``, or has not within some seconds."""
        return eventually(self.scrape, lambda scrape: scrape.total(name) >= count, 120)


@pytest.fixture
def metrics(collector):
    def start(*more, **environment: str) -> Metrics:
        endpoint = f"127.0.0.1:{free_port()}"
        environment = {"PROMETHEUS_ENDPOINT": endpoint, **environment}
        return Metrics(collector("metrics.yaml", *more, environment=environment).start(), f"http://{endpoint}")

    return start


@contextmanager
def tracer_to(url: str, sampler: Sampler | None = None) -> Iterator[Tracer]:
    provider = TracerProvider(sampler)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    yield provider.get_tracer("tests")
    provider.shutdown()


def errors_of(plan: Plan) -> int:
    return sum(plan.has_error(number) for number in range(plan.sessions))


def failed_checks_of(plan: Plan) -> int:
    return sum(plan.has_failed_check(number) for number in range(plan.sessions))


def test_turns_calls_errors_tokens_and_failed_checks_are_counted_exactly(metrics, applications, report):
    plan = Plan("counted", sessions=200, turns=3, failing_every=10, failed_check_every=8)
    counting, turns = metrics(), 600
    applications(plan, counting.collector.http).wait()
    scrape = counting.scrape_when(TURNS, turns)
    assert scrape.total(TURNS) == turns
    assert scrape.total("turn_duration_seconds_bucket", le="+Inf") == turns
    assert scrape.total(CALLS, gen_ai_request_model="small") == turns
    assert scrape.total(CALLS, status="error") == errors_of(plan) == 20
    assert scrape.total(CHECKS, result="fail", gen_ai_evaluation_name="polite") == failed_checks_of(plan) == 25
    assert scrape.total(TOKENS_READ, gen_ai_request_model="small") == turns * MODEL_ATTRIBUTES["llm.token_count.prompt"]
    assert scrape.total(TOKENS_WRITTEN) == turns * MODEL_ATTRIBUTES["llm.token_count.completion"]
    assert (
        scrape.total(TURNS, service_name="application-0") + scrape.total(TURNS, service_name="application-1") == turns
    )
    report(f"metrics: {turns} turns and calls, 20 errors, 25 failed checks, {turns * 20} tokens, all exact")


def test_no_session_and_no_user_shows_and_none_adds_a_series(metrics, applications, report):
    plan = Plan("hidden", sessions=50, turns=1, processes=1, failing_every=5, failed_check_every=5)
    counting = metrics()
    applications(plan, counting.collector.http).wait()
    few = counting.scrape_when(TURNS, 50)
    more = Plan("hidden-too", sessions=500, turns=1, processes=1, failing_every=5, failed_check_every=5)
    applications(more, counting.collector.http).wait()
    many = counting.scrape_when(TURNS, 550)
    assert many.total(TURNS) == 550
    assert "hidden" not in many.text  # how each id of a session and of a user begins
    assert not {name for name in many.label_names() if re.search("session_id|user|path|metadata", name)}
    assert len(many.samples()) == len(few.samples())
    report(f"metrics: {len(few.samples())} series for 50 sessions, {len(many.samples())} for 550")


def test_requests_that_come_at_the_same_time_are_all_counted(metrics, report):
    counting = metrics()
    with tracer_to(counting.collector.http) as tracer, ThreadPoolExecutor(16) as threads:

        def call(_: int) -> None:
            tracer.start_span("call", attributes=MODEL_ATTRIBUTES).end()

        list(threads.map(call, range(500)))
    scrape = counting.scrape_when(CALLS, 500)
    assert scrape.total(CALLS) == 500
    assert scrape.total(TOKENS_READ) == 500 * 12
    report("metrics: 500 requests of 16 threads at once, 500 calls counted")


_WITH_IDS = """
connectors:
  signal_to_metrics:
    spans:
      - name: turn.duration
        unit: s
        attributes: [{key: session.id, optional: true}, {key: user.id, default_value: unknown}]
        histogram: {value: Seconds(span.end_time - span.start_time)}
"""


def test_an_id_can_not_become_a_dimension_where_somebody_asks_for_it(metrics, applications, tmp_path):
    asking = tmp_path / "asking.yaml"
    asking.write_text(_WITH_IDS)
    counting = metrics(asking)
    plan = Plan("asked", sessions=20, turns=1, processes=1)
    applications(plan, counting.collector.http).wait()
    scrape = counting.scrape_when(TURNS, 60)
    assert scrape.total(TURNS, user_id="unknown") == 60  # it counts all spans
    assert "asked" not in scrape.text
    assert "session_id" not in scrape.label_names()


def test_names_that_change_all_the_time_stop_at_the_limit(metrics):
    counting = metrics(SERIES="40")
    with tracer_to(counting.collector.http) as tracer:
        tracer.start_span("call", attributes=MODEL_ATTRIBUTES).end()
        counting.scrape_when(CALLS, 1)
        for number in range(200):
            tracer.start_span("call", attributes={**MODEL_ATTRIBUTES, "llm.model_name": f"m{number}"}).end()
        tracer.start_span("call", attributes=MODEL_ATTRIBUTES).end()
        scrape = eventually(counting.scrape, lambda now: now.total(CALLS, gen_ai_request_model="small") == 2, 120)
    models = {sample.labels["gen_ai_request_model"] for sample in scrape.samples()}
    assert scrape.total(CALLS, gen_ai_request_model="small") == 2  # what was known before goes on
    assert len(models) <= 40  # of 201


def test_a_turn_counts_once_whatever_is_above_and_below_it(metrics):
    counting = metrics()
    with tracer_to(counting.collector.http) as tracer:
        with tracer.start_as_current_span("POST /chat"), turn("reply", input="What?", tracer=tracer):
            tracer.start_span("retrieve", attributes={"openinference.span.kind": "CHAIN", "input.value": "What?"}).end()
        with turn("reply", tracer=tracer):  # nothing is asked
            tracer.start_span("call", attributes={**MODEL_ATTRIBUTES, "input.value": "What?"}).end()
        with trace.use_span(_in_another_process()), turn("reply", input="What?", tracer=tracer):
            pass
        tracer.start_span("call", attributes={**MODEL_ATTRIBUTES, "input.value": "What?"}).end()
        scrape = counting.scrape_when(CALLS, 2)
    assert (scrape.total(TURNS), scrape.total(CALLS)) == (3, 2)


def _in_another_process() -> trace.Span:
    return trace.NonRecordingSpan(trace.SpanContext(1, 1, is_remote=True, trace_flags=trace.TraceFlags(1)))


def test_a_call_with_the_names_of_both_conventions_counts_once_and_its_agent_not(metrics):
    both = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "large", "gen_ai.usage.input_tokens": 12}
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 8}
    counting = metrics()
    with tracer_to(counting.collector.http) as tracer:
        tracer.start_span("agent", attributes=agent).end()
        tracer.start_span("call", attributes={**MODEL_ATTRIBUTES, **both}).end()
        tracer.start_span("call", attributes={**both, "gen_ai.usage.output_tokens": 8}).end()
        scrape = counting.scrape_when(CALLS, 2)
    assert scrape.total(CALLS, gen_ai_request_model="large") == scrape.total(CALLS) == 2
    assert (scrape.total(TOKENS_READ), scrape.total(TOKENS_WRITTEN)) == (24, 16)


def test_what_is_no_number_of_tokens_costs_no_call(metrics):
    counting = metrics()
    with tracer_to(counting.collector.http) as tracer:
        tracer.start_span("call", attributes={**MODEL_ATTRIBUTES, "llm.token_count.prompt": "many"}).end()
        tracer.start_span("call", attributes={"openinference.span.kind": "LLM"}).end()
        tracer.start_span("call", attributes=MODEL_ATTRIBUTES).end()
        scrape = counting.scrape_when(CALLS, 3)
    assert scrape.total(CALLS) == 3
    assert (scrape.total(TOKENS_READ), scrape.total(TOKENS_WRITTEN)) == (12, 16)


@pytest.mark.warned_of("propagators")
def test_a_sampled_session_stands_for_those_that_the_sdk_left_out(metrics):
    counting, sampler = metrics(), SessionRatioSampler(0.25)
    kept = sum(sampler.keeps_session(f"sampled-{number}") for number in range(200))
    with tracer_to(counting.collector.http, sampler) as tracer:
        for number in range(200):
            with set_session(session_id=f"sampled-{number}"):
                tracer.start_span("call", attributes=MODEL_ATTRIBUTES).end()
        scrape = counting.scrape_when(CALLS, kept * 4)
    assert 30 < kept < 70
    assert scrape.total(CALLS) == kept * 4
    assert scrape.total(TOKENS_READ) == kept * 4 * 12


def test_beside_a_gateway_it_counts_what_the_gateway_samples_away(metrics, backend, applications):
    plan = Plan("beside", sessions=200, turns=1, processes=1)
    expected = {each for each in plan.session_ids() if SessionRatioSampler(0.1).keeps_session(each)}
    counting = metrics("gateway.yaml", BACKEND_ENDPOINT=backend.url, SESSION_PERCENT="10")
    applications(plan, counting.collector.http).wait()
    assert counting.scrape_when(TURNS, 200).total(TURNS) == 200
    wait_for_spans([backend], len(expected) * 3)
    assert session_ids(backend.spans()) == expected
    assert not {name for span in backend.spans() for name in span.attributes if name in {"is", "status", "result"}}


def test_it_is_valid_where_nothing_is_set(otelcol):
    assert validate(otelcol, "metrics.yaml") == ""
