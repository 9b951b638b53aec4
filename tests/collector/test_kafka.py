"""kafka-agent.yaml and kafka-gateway.yaml, around a real broker: a session in one partition, and nothing lost."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from starlette.responses import Response

from kafka_broker import Broker, libraries, why_not
from plan import Plan
from received import Backend, key_of, split, tally, wait_for_spans
from servers import Restartable, eventually
from sizes import size
from wire import spans_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collectors import Collector

pytestmark = pytest.mark.timeout(1200)  # the first run fetches the broker

PARTITIONS = 6


class Fleet(NamedTuple):
    """Two agents before topics of six partitions, and two gateways behind them, each with a backend of its own."""

    agents: Sequence[Collector]
    gateways: Sequence[Collector]
    backends: Sequence[Backend]
    traces: str
    logs: str

    @property
    def urls(self):
        return [agent.http for agent in self.agents]

    def spans(self):
        return [span for backend in self.backends for span in backend.spans()]

    def moved(self):
        """Return the sessions that both gateways have handled."""
        return split(backend.spans() for backend in self.backends)


@pytest.fixture(scope="module")
def broker(request, tmp_path_factory):
    if reason := why_not():
        pytest.skip(reason)
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        libraries()
    with Broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def fleet(broker, collector, backends, tmp_path):
    """Return a function that starts a fleet with topics of its own, in which the gateways share the partitions."""

    def start(received=None, names=("", ""), **environment):
        traces, logs = (f"{tmp_path.name}.{signal}" for signal in ("traces", "logs"))
        broker.make_topic(traces, PARTITIONS)
        broker.make_topic(logs, PARTITIONS)
        common = {
            "KAFKA_BROKERS": json.dumps([broker.address]),
            "KAFKA_TRACES_TOPIC": traces,
            "KAFKA_LOGS_TOPIC": logs,
            "KAFKA_TRACES_GROUP": traces,
            "KAFKA_LOGS_GROUP": logs,
            "KAFKA_SESSION_TIMEOUT": "6s",  # the least that a broker allows
        }
        received = received or backends(2)
        gateways = [
            collector(
                "kafka-gateway.yaml",
                environment={**common, "KAFKA_GROUP_INSTANCE_ID": name, "BACKEND_ENDPOINT": backend.url, **environment},
                name=f"gateway-{number}",
            )
            for number, (backend, name) in enumerate(zip(received, names, strict=True))
        ]
        agents = [collector("kafka-agent.yaml", environment=common, name=f"agent-{number}") for number in range(2)]
        with ThreadPoolExecutor() as at_once:
            list(at_once.map(Restartable.start, [*gateways, *agents]))
        for group in (traces, logs):
            assert eventually(lambda group=group: broker.shares(group), [3, 3].__eq__, 120) == [3, 3]
        return Fleet(agents, gateways, received, traces, logs)

    return start


def test_a_session_is_in_one_partition_and_goes_through_one_gateway(broker, fleet, applications, report):
    """Its turns are held in two processes, each beside an agent of its own, in many batches."""
    plan = Plan("partitioned", sessions=size(claimed=2000, usual=600), turns=2)
    made = len(list(plan.spans()))
    running = fleet()
    applications(plan, *running.urls).wait()
    wait_for_spans(running.backends, made)
    messages = broker.messages(running.traces).values()
    partitions = [spans_in(message.value() for message in each) for each in messages]
    in_several, at_both = split(partitions), running.moved()
    report(
        f"Kafka: {len(in_several)} of {plan.sessions} sessions split over {PARTITIONS} partitions, "
        f"{len(at_both)} over 2 gateways; {made} spans in {sum(map(len, messages))} messages"
    )
    assert (in_several, at_both) == ([], [])
    assert min(len(spans) for spans in partitions) > made / PARTITIONS / 2
    assert tally(plan, running.spans()) == ([], 0, [])


def test_spans_and_log_records_arrive_once_with_their_own_trace_ids(broker, fleet, applications):
    """In Kafka the session is the trace; at the backend each turn is one again, and nothing tells of the way."""
    plan = Plan("restored", sessions=100, turns=2, failed_check_every=1)
    running = fleet()
    applications(plan, *running.urls).wait()
    wait_for_spans(running.backends, 700)
    records = eventually(
        lambda: [each for backend in running.backends for each in backend.records()],
        lambda arrived: len(arrived) >= 100,
        30,
    )
    keys = {message.key() for topic in running[-2:] for each in broker.messages(topic).values() for message in each}
    spans = running.spans()
    traces = defaultdict(set)
    for span in spans:
        traces[span.trace_id].add(key_of(span)[:2])
    first_turns = {trace_id for trace_id, turns in traces.items() if {turn for _, turn in turns} == {0}}
    assert keys == {hashlib.sha256(each.encode()).hexdigest()[:32].encode() for each in plan.session_ids()}
    assert tally(plan, spans) == ([], 0, [])
    assert sorted(map(len, traces.values())) == [1] * 200
    assert sorted(record.trace_id for record in records) == sorted(first_turns)
    assert [span for span in spans if "otel_sessions.trace_id" in span.attributes] == []
    assert "otel_sessions.trace_id" not in {key for record in records for key in record.attributes}


def test_a_trace_id_that_a_client_brings_along_is_not_believed(fleet):
    running = fleet()
    forged = {"otel_sessions.trace_id": "0123456789abcdef0123456789abcdef"}
    made = send(running.urls[0], [{**forged, **each} for each in ({}, {"session.id": "conv-42"}, {"session.id": 42})])
    wait_for_spans(running.backends, 3)
    assert {span.trace_id for span in running.spans()} == made


def test_a_turn_larger_than_a_message_arrives_in_several_and_a_span_larger_than_one_is_cut(broker, fleet):
    """Kafka takes 1 MB, and refuses for ever what is larger; what was sent together with that arrives whole."""
    running = fleet()
    lengths = [*([100_000] * 40), 1000, 2_000_000, 1000, 1000]
    send(running.urls[0], [{"session.id": "conv-42", "input.value": secrets.token_hex(each // 2)} for each in lengths])
    wait_for_spans(running.backends, 44, seconds=30)
    arrived = sorted(len(span.attributes["input.value"]) for span in running.spans())
    assert arrived == [1000] * 3 + [100_000] * 40 + [200_000]
    assert sorted(map(bool, broker.messages(running.traces).values())) == [False] * 5 + [True]


def send(url, spans):
    """Export spans with these attributes in one request; return their trace ids."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    made = [provider.get_tracer("tests").start_span("work", attributes=each) for each in spans]
    for span in made:
        span.end()
    provider.shutdown()
    return {f"{span.context.trace_id:032x}" for span in made}


def test_another_gateway_goes_on_where_one_was_killed(fleet, applications, report):
    plan = Plan("gone", sessions=200, turns=3, pause=1)
    running = fleet()
    started = applications(plan, *running.urls)
    wait_for_spans(running.backends[:1], 100)
    running.gateways[0].kill()
    started.wait()
    wait_for_spans(running.backends, 1800)
    told = tally(plan, running.spans())
    report(
        f"Kafka, a gateway killed, the other takes over: {len(told.lost)} of 1800 spans lost, {told.doubled} twice, "
        f"{len(running.moved())} of {plan.sessions} sessions moved"
    )
    assert (told.lost, told.unknown) == ([], [])
    assert running.moved()


def test_a_gateway_that_is_back_soon_has_its_sessions_again(fleet, applications, report):
    """By the name that it keeps in its group: nobody else has seen any of them."""
    plan = Plan("back", sessions=200, turns=3, pause=1)
    running = fleet(KAFKA_SESSION_TIMEOUT="30s", names=("gateway-0", "gateway-1"))
    started = applications(plan, *running.urls)
    wait_for_spans(running.backends[:1], 100)
    running.gateways[0].kill()
    running.gateways[0].start()
    started.wait()
    wait_for_spans(running.backends, 1800)
    told = tally(plan, running.spans())
    report(
        f"Kafka, a gateway killed and started again: {len(told.lost)} of 1800 spans lost, {told.doubled} twice, "
        f"{len(running.moved())} of {plan.sessions} sessions moved"
    )
    assert (told.lost, told.unknown, running.moved()) == ([], [], [])


def test_nothing_is_lost_when_the_broker_and_an_agent_are_killed(broker, fleet, applications, report):
    """What the applications send meanwhile is on the disks of the agents."""
    plan = Plan("crashed", sessions=200, turns=3, pause=1)
    running = fleet()
    started = applications(plan, *running.urls)
    wait_for_spans(running.backends, 100)
    with broker.away():
        started.wait()
        assert running.agents[0].metric("otelcol_exporter_queue_size") > 0
        running.agents[0].kill()
        running.agents[0].start()
    wait_for_spans(running.backends, 1800, seconds=90)
    told = tally(plan, running.spans())
    report(f"Kafka, the broker and an agent killed: {len(told.lost)} of 1800 spans lost, {told.doubled} twice")
    assert (told.lost, told.unknown) == ([], [])


class Faltering(Backend):
    """Answers requests for traces with ``status``, if there is one."""

    status: int | None = None
    refused = 0

    async def _receive_traces(self, request):
        if self.status is None:
            return await super()._receive_traces(request)
        self.refused += 1
        return Response(status_code=self.status)


@pytest.mark.parametrize(
    ("status", "restart"),
    [
        pytest.param(503, False, id="is overloaded"),
        pytest.param(500, True, id="is broken, and the gateways start again"),
    ],
)
def test_nothing_is_lost_while_the_backend(status, restart, fleet, applications):
    """Kafka keeps it: what the backend does not take is not committed."""
    plan = Plan(f"refused-{status}", sessions=100, turns=2)
    with Faltering() as backend:
        backend.status = status
        running = fleet(received=[backend, backend])
        applications(plan, *running.urls).wait()
        assert eventually(lambda: backend.refused, bool, 120)
        backend.status = None
        if restart:
            for gateway in running.gateways:
                gateway.stop()
                gateway.start()
        wait_for_spans([backend], 600)
        told = tally(plan, backend.spans())
        assert (told.lost, told.unknown) == ([], [])


def test_a_message_that_is_no_otlp_can_be_left_out(broker, fleet, applications):
    plan = Plan("malformed", sessions=60, turns=1)
    running = fleet(KAFKA_SKIP_REFUSED="true")
    for partition in range(PARTITIONS):
        broker.send(running.traces, partition, b"this is no OTLP")
    applications(plan, *running.urls).wait()
    wait_for_spans(running.backends, 180)
    assert tally(plan, running.spans()) == ([], 0, [])
    assert sum(gateway.log().count("failed to unmarshal message") for gateway in running.gateways) >= PARTITIONS
