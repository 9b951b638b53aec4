"""agent.yaml: all spans of a session at one gateway, and at the next one when that is gone; dev.yaml."""

from __future__ import annotations

import json

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_sessions import set_session
from otel_sessions.sdk import SessionSpanProcessor
from plan import Plan
from received import split, tally, wait_for_spans
from sizes import size


def behind(agent_config, collector, backends, count, **environment):
    """Return agents, gateways and the backends behind them, one for each gateway."""
    received = backends(count)
    gateways = [
        collector("gateway.yaml", name=f"gateway-{number}", environment={"BACKEND_ENDPOINT": backend.url}).start()
        for number, backend in enumerate(received)
    ]
    hosts = json.dumps([gateway.grpc for gateway in gateways])
    agents = [
        collector(agent_config, name=f"agent-{number}", environment={"GATEWAYS": hosts, **environment}).start()
        for number in range(2)
    ]
    return agents, gateways, received


def test_no_session_is_split_over_the_gateways(collector, backends, applications, report):
    """Sessions span two processes, each beside an agent of its own, and many batches."""
    plan = Plan("balanced", sessions=size(claimed=2000, usual=500), turns=3)
    spans = len(list(plan.spans()))
    agents, _, received = behind("agent.yaml", collector, backends, 3)
    applications(plan, *(agent.http for agent in agents)).wait()
    wait_for_spans(received, spans)
    groups = [backend.spans() for backend in received]
    report(
        f"session routing: {len(split(groups))} of {plan.sessions} sessions split over 3 gateways, which have "
        f"{sorted(len(group) for group in groups)} spans"
    )
    assert split(groups) == []
    assert tally(plan, [span for group in groups for span in group]) == ([], 0, [])
    assert min(len(group) for group in groups) > spans / 3 / 2


def test_log_records_of_a_session_go_where_its_spans_go(collector, backends, applications):
    plan = Plan("logs", sessions=150, turns=1, failed_check_every=1)
    agents, _, received = behind("agent.yaml", collector, backends, 3)
    applications(plan, *(agent.http for agent in agents)).wait()
    wait_for_spans(received, 600)
    for agent in agents:
        agent.stop()
    places = [{span.attributes["session.id"] for span in backend.spans()} for backend in received]
    recorded = [{record["session.id"] for record in backend.log_records()} for backend in received]
    assert recorded == places
    assert sum(len(each) for each in recorded) == plan.sessions


def test_what_a_gateway_does_not_take_goes_to_it_when_it_is_back(collector, backends, applications, report):
    plan = Plan("gone", sessions=300, turns=3, pause=1)
    agents, gateways, received = behind("agent.yaml", collector, backends, 3)
    running = applications(plan, *(agent.http for agent in agents))
    wait_for_spans(received, 200)
    gateways[1].kill()
    running.wait()
    gateways[1].start()
    wait_for_spans(received, 2700, seconds=90)
    for agent in agents:
        agent.stop()
    groups = [backend.spans() for backend in received]
    told = tally(plan, [span for group in groups for span in group])
    report(f"a gateway killed and started again: {len(told.lost)} of 2700 spans lost, {told.doubled} twice")
    assert (told.lost, told.unknown, split(groups)) == ([], [], [])


@pytest.mark.warned_of("propagators")
def test_what_was_said_may_be_long(collector, backends):
    """A batch of the SDK of 18 MB, of spans that are each larger than a batch of the agent."""
    agents, _, received = behind("agent.yaml", collector, backends, 3)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SessionSpanProcessor())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{agents[0].http}/v1/traces", timeout=30)))
    tracer = provider.get_tracer("tests")
    for number in range(12):
        with set_session(session_id=f"long-{number}"):
            tracer.start_span("reply", attributes={"input.value": "x" * 1_500_000}).end()
    provider.shutdown()
    assert wait_for_spans(received, 12) == 12


def test_dev_keeps_what_arrives_as_lines_of_json(collector, applications, tmp_path):
    plan = Plan("dev", sessions=20, turns=2, failed_check_every=2)
    archive = tmp_path / "kept" / "telemetry.jsonl"
    with collector("dev.yaml", environment={"ARCHIVE_FILE": str(archive)}) as dev:
        applications(plan, dev.http).wait()
        dev.stop()
    requests = [json.loads(line) for line in archive.read_text().splitlines()]
    spans = [
        span
        for request in requests
        for of_resource in request.get("resourceSpans", ())
        for of_scope in of_resource["scopeSpans"]
        for span in of_scope["spans"]
    ]
    ids = {pair["value"]["stringValue"] for span in spans for pair in span["attributes"] if pair["key"] == "session.id"}
    assert len(spans) == 20 * 2 * 3 + 10
    assert ids == set(plan.session_ids())
    assert any("resourceLogs" in request for request in requests)
