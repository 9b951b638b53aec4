"""The ring of the simulation is that of the real load balancer, and moves no more sessions than it has to."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from random import SystemRandom

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_sessions import set_session
from otel_sessions.sdk import SessionSpanProcessor
from plan import Plan
from ports import free_port
from received import wait_for_spans
from sizes import size
from trials.fleet.simulation.ring import POSITIONS, Ring, _points, address_of, position_of, session_key, trace_key

SESSION = {"routing_key": "attributes", "routing_attributes": ["session.id"]}
TRACE = {"routing_key": "traceID"}

_names = st.lists(
    st.from_regex(r"[a-z0-9.-]{1,30}(:[0-9]{1,5})?", fullmatch=True), min_size=2, max_size=12, unique=True
)


def load_balancer(routing, endpoints):
    """Return the configuration of a load balancer and of the gateways, which write their endpoint on the spans."""
    balancer = {"protocol": {"otlp": {"tls": {"insecure": True}}}, "resolver": {"static": {"hostnames": endpoints}}}
    return {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": "${env:OTLP_HTTP_ENDPOINT}"}}}}
        | {f"otlp/{each}": {"protocols": {"grpc": {"endpoint": address_of(each)}}} for each in endpoints},
        "processors": {
            f"transform/{each}": {"trace_statements": [f'set(span.attributes["gateway"], "{each}")']}
            for each in endpoints
        },
        "exporters": {"load_balancing": routing | balancer, "otlp_http": {"endpoint": "${env:BACKEND_ENDPOINT}"}},
        "extensions": {"health_check": {"endpoint": "${env:HEALTH_ENDPOINT}"}},
        "service": {
            "extensions": ["health_check"],
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["load_balancing"]}}
            | {f"traces/{each}": gateway(each) for each in endpoints},
        },
    }


def gateway(endpoint):
    return {"receivers": [f"otlp/{endpoint}"], "processors": [f"transform/{endpoint}"], "exporters": ["otlp_http"]}


@pytest.fixture
def fleet(collector, backend, tmp_path):
    """Return a function that starts a load balancer with gateways at these endpoints."""

    def start(routing, endpoints):
        path = tmp_path / "fleet.json"
        path.write_text(json.dumps(load_balancer(routing, endpoints)))
        return collector(path, environment={"BACKEND_ENDPOINT": backend.url}).start()

    return start


def endpoints_of(number):
    return [f"127.0.0.1:{free_port()}" for _ in range(number)]


def loopback_addresses(number):
    """Return endpoints without a port, which others on this machine hardly have at the same time."""
    network, subnet = SystemRandom().sample(range(1, 255), 2)
    return [f"127.{network}.{subnet}.{host}" for host in range(1, number + 1)]


@contextmanager
def tracer_to(balancer):
    """Give a tracer whose spans are at the load balancer when the block is left."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SessionSpanProcessor())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{balancer.http}/v1/traces")))
    yield provider.get_tracer("tests")
    provider.shutdown()


def arrived_of(session_ids, balancer, backend):
    """Send a span of each session; return at which gateway each one arrives."""
    with tracer_to(balancer) as tracer:
        for each in session_ids:
            with set_session(session_id=each):
                tracer.start_span("work").end()
    wait_for_spans([backend], len(session_ids))
    return {span.attributes["session.id"]: span.attributes["gateway"] for span in backend.spans()}


def told_by(ring, session_ids):
    return {each: ring.endpoint_of(session_key(each)) for each in session_ids}


@pytest.mark.parametrize("gateways", [2, 3, 5])
def test_each_session_arrives_at_the_gateway_that_the_ring_tells(fleet, backend, applications, report, gateways):
    plan, endpoints = Plan("ring", sessions=size(claimed=2000, usual=500), turns=2), endpoints_of(gateways)
    balancer, ring = fleet(SESSION, endpoints), Ring(endpoints)
    applications(plan, balancer.http).wait()
    wait_for_spans([backend], len(list(plan.spans())))
    arrived = {(span.attributes["session.id"], span.attributes["gateway"]) for span in backend.spans()}
    report(f"the ring and the load balancer agree on {plan.sessions} sessions at {gateways} gateways")
    assert arrived == set(told_by(ring, plan.session_ids()).items())


@pytest.mark.parametrize("gateways", [2, 3, 5])
def test_each_trace_arrives_at_the_gateway_that_the_ring_tells(fleet, backend, applications, gateways):
    plan, endpoints = Plan("ring", sessions=size(claimed=1000, usual=500), turns=1), endpoints_of(gateways)
    balancer, ring = fleet(TRACE, endpoints), Ring(endpoints)
    applications(plan, balancer.http).wait()
    wait_for_spans([backend], len(list(plan.spans())))
    arrived = {(span.trace_id, span.attributes["gateway"]) for span in backend.spans()}
    assert len(arrived) == plan.sessions
    assert {trace: ring.endpoint_of(trace_key(trace)) for trace, _ in arrived} == dict(arrived)


@pytest.mark.warned_of("propagators")
def test_the_port_that_an_endpoint_lacks_is_no_part_of_its_place_on_the_ring(fleet, backend):
    endpoints, ids = loopback_addresses(3), Plan("ports", sessions=500).session_ids()
    balancer = fleet(SESSION, endpoints)
    complete = Ring(address_of(each) for each in endpoints)
    arrived = arrived_of(ids, balancer, backend)
    assert arrived == told_by(Ring(endpoints), ids)
    assert arrived != {each: endpoint.partition(":")[0] for each, endpoint in told_by(complete, ids).items()}


@pytest.mark.warned_of("propagators")
def test_a_point_that_finds_its_position_taken_is_where_the_ring_tells(fleet, backend):
    by_position = {position_of(session_key(each)): each for each in Plan("taken", sessions=300_000).session_ids()}
    endpoints, ids = [], []
    while len(ids) < 3:
        endpoints = loopback_addresses(7)
        points = Counter(point.position for each in endpoints for point in _points(each))
        after_two = {position + 1 for position, count in points.items() if count > 1}
        ids = [by_position[position] for position in after_two & by_position.keys()]
    assert arrived_of(ids, fleet(SESSION, endpoints), backend) == told_by(Ring(endpoints), ids)


def test_spans_without_a_session_are_all_at_one_gateway(fleet, backend):
    endpoints = endpoints_of(3)
    balancer = fleet(SESSION, endpoints)
    with tracer_to(balancer) as tracer:
        for _ in range(200):
            tracer.start_span("work").end()
    wait_for_spans([backend], 200)
    gateways = [span.attributes["gateway"] for span in backend.spans()]
    assert gateways == [Ring(endpoints).endpoint_of(session_key(""))] * 200


@given(_names, st.text(min_size=1))
@settings(deadline=None)
def test_every_key_has_one_gateway_in_whatever_order_they_are_listed(endpoints, session_id):
    key = session_key(session_id)
    chosen = Ring(endpoints).endpoint_of(key)
    assert chosen in endpoints
    assert Ring(reversed(endpoints)).endpoint_of(key) == chosen


@given(_names)
@settings(max_examples=20, deadline=None)
def test_a_gateway_that_joins_or_leaves_moves_its_own_keys_and_no_others(endpoints):
    """But where points fall on one position: the one that is pushed aside takes a few keys of its neighbour."""
    *others, one = endpoints
    without, with_it = Ring(others), Ring(endpoints)
    places = [(without.endpoint_at(position), with_it.endpoint_at(position)) for position in range(POSITIONS)]
    moved_to = [after for before, after in places if before != after]
    assert moved_to.count(one) == sum(after == one for _, after in places)
    assert len(moved_to) - moved_to.count(one) < POSITIONS / 1000


@given(_names)
@settings(deadline=None)
def test_the_shares_of_all_gateways_are_the_whole_ring(endpoints):
    shares = Ring(endpoints).shares()
    assert shares.keys() == set(endpoints)
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("form", ["{}", "conversation-{:06d}", "{:032x}"])
def test_session_ids_that_count_up_are_spread_as_the_ring_is(form):
    ring = Ring(f"gateway-{number}.gateway.tests" for number in range(10))
    arrived = Counter(ring.endpoint_of(session_key(form.format(number))) for number in range(20_000))
    shares = {endpoint: count / 20_000 for endpoint, count in arrived.items()}
    assert shares == pytest.approx(ring.shares(), rel=0.1)


def test_a_ring_of_nothing_is_refused():
    with pytest.raises(ValueError, match="endpoint"):
        Ring([])
