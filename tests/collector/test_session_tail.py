"""agent-session-tail.yaml and gateway-session-tail.yaml: every session with an error or a failed check, whole."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from plan import Plan
from received import key_of, partial, session_ids, split, tally, wait_for_spans
from sizes import size


def tail(collector, backends, count=3, agents=2, **environment):
    """Start agents and gateways; return the agents, the gateways and the backends, one for each gateway."""
    received = backends(count)
    gateways = [
        collector(
            "gateway-session-tail.yaml",
            name=f"tail-{number + 1}-of-{count}",
            environment={"BACKEND_ENDPOINT": backend.url, "DECISION_WAIT": "12s", **environment},
        ).start()
        for number, backend in enumerate(received)
    ]
    hosts = json.dumps([gateway.grpc for gateway in gateways])
    started = [
        collector("agent-session-tail.yaml", name=f"agent-{number}-of-{count}", environment={"GATEWAYS": hosts}).start()
        for number in range(agents)
    ]
    return started, gateways, received


def spans_of(received):
    return [span for backend in received for span in backend.spans()]


def test_every_session_with_an_error_or_a_failed_check_is_kept_whole(collector, backends, applications, report):
    sessions = size(claimed=2000, usual=600)
    plan = Plan("tail", sessions, turns=2, failing_every=40, failed_check_every=50)
    expected = {
        plan.session_id(number) for number in range(sessions) if plan.has_error(number) or plan.has_failed_check(number)
    }
    # Longer than the applications take for a session on a machine that is busy: what comes after the decision goes by it.
    agents, _, received = tail(collector, backends, DECISION_WAIT="40s")
    applications(plan, *(agent.http for agent in agents)).wait()
    wait_for_spans(received, sum(1 for key in plan.spans() if key.session_id in expected), 150)
    spans = spans_of(received)
    report(
        f"session tail: {len(session_ids(spans))} of {len(expected)} sessions with an error or a failed check kept, "
        f"{len(partial(plan, spans))} in part; {plan.sessions - len(expected)} others dropped"
    )
    assert session_ids(spans) == expected
    assert partial(plan, spans) == []
    assert split(backend.spans() for backend in received) == []


def test_spans_have_their_own_trace_ids_again(collector, backends, applications):
    """Each turn is a trace; what was put on the span for the way is gone."""
    plan = Plan("restored", sessions=50, turns=3)
    agents, _, received = tail(collector, backends, SESSION_PERCENT="100", DECISION_WAIT="4s")
    applications(plan, *(agent.http for agent in agents)).wait()
    wait_for_spans(received, 450)
    spans = spans_of(received)
    assert tally(plan, spans) == ([], 0, [])
    traces = defaultdict(set)
    for span in spans:
        traces[span.trace_id].add(key_of(span)[:2])
    assert len(traces) == 150
    assert {len(turns) for turns in traces.values()} == {1}
    assert [span for span in spans if "otel_sessions.trace_id" in span.attributes] == []


def test_all_gateways_keep_the_same_share_of_the_rest(collector, backends, applications):
    """By the session: one gateway and three keep the same ones."""
    plan = Plan("share", sessions=300, turns=1)
    kept = []
    for count in (1, 3):
        agents, _, received = tail(collector, backends, count, 1, SESSION_PERCENT="30", DECISION_WAIT="3s")
        applications(plan, agents[0].http).wait()
        wait_for_spans(received, 3 * 300, seconds=8)
        kept.append(session_ids(spans_of(received)))
        assert partial(plan, spans_of(received)) == []
    assert kept[0] == kept[1]
    assert 60 < len(kept[0]) < 120


def test_no_user_id_leaves_in_plain(collector, backends, applications):
    plan = Plan("tail", sessions=40, turns=1, failed_check_every=2)
    agents, gateways, received = tail(
        collector, backends, 1, 1, SESSION_PERCENT="100", DECISION_WAIT="2s", USER_SALT="5f1c"
    )
    applications(plan, agents[0].http).wait()
    wait_for_spans(received, 140)
    for each in [*agents, *gateways]:
        each.stop()
    seen = [*(span.attributes for span in spans_of(received)), *received[0].log_records()]
    assert {each["user.id"] for each in seen} == {
        hashlib.sha256(f"5f1c{plan.user_id(number)}".encode()).hexdigest() for number in range(40)
    }


def test_a_trace_id_that_a_client_brings_along_is_not_believed(collector, backends):
    agents, _, received = tail(collector, backends, 1, 1, SESSION_PERCENT="100", DECISION_WAIT="1s")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{agents[0].http}/v1/traces")))
    tracer = provider.get_tracer("tests")
    forged = {"otel_sessions.trace_id": "0123456789abcdef0123456789abcdef"}
    made = [tracer.start_span("work", attributes={**forged, **more}) for more in ({}, {"session.id": "conv-42"})]
    for span in made:
        span.end()
    provider.shutdown()
    wait_for_spans(received, 2)
    assert {span.trace_id for span in spans_of(received)} == {f"{span.context.trace_id:032x}" for span in made}
