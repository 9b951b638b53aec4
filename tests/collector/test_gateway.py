"""gateway.yaml: whole sessions or none, the same that the SDK keeps; users hidden; spans that fit."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager

import pytest
from opentelemetry.context import get_current
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

from otel_sessions import set_session
from otel_sessions._session.dialects import DIALECTS
from otel_sessions.sdk import ParentBasedSessionRatio, SessionRatioSampler, SessionSpanProcessor
from plan import MODEL_CALL, Plan
from received import partial, session_ids, tally, wait_for_spans
from sizes import size


def gateway_to(collector, backend, **environment):
    return collector("gateway.yaml", environment={"BACKEND_ENDPOINT": backend.url, **environment})


def kept_by_the_sdk(plan: Plan, ratio: float) -> set[str]:
    sampler = SessionRatioSampler(ratio)
    return {each for each in plan.session_ids() if sampler.keeps_session(each)}


@contextmanager
def tracer_to(url, **options):
    """Give a tracer whose spans are at the gateway when the block is left."""
    provider = TracerProvider(shutdown_on_exit=False, **options)
    provider.add_span_processor(SessionSpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    yield provider.get_tracer("tests")
    provider.shutdown()


def attributes_after(gateway, backend, name="work"):
    """Return the attributes of the only span of that name, when the gateway has sent what it has."""
    gateway.stop()
    (span,) = [span for span in backend.spans() if span.name == name]
    return span.attributes


@pytest.mark.parametrize(
    "share",
    [("10", size(claimed=2000, usual=600)), ("37.5", 400), ("0.4", 800)],
    ids=lambda share: f"{share[0]} %",
)
def test_hash_sampling_keeps_whole_sessions_and_the_same_ones_as_the_sampler_of_the_sdk(
    collector, backend, applications, report, share
):
    percent, sessions = share
    plan = Plan(f"hash-{percent}", sessions, turns=2)
    expected = kept_by_the_sdk(plan, float(percent) / 100)
    with gateway_to(collector, backend, SESSION_PERCENT=percent) as gateway:
        applications(plan, gateway.http).wait()
        gateway.stop()
    spans = backend.spans()
    kept, torn = session_ids(spans), partial(plan, spans)
    report(
        f"hash sampling at {percent} %: {len(kept)} of {plan.sessions} sessions kept, {len(torn)} in part; "
        f"the SDK's sampler and the Collector agree on {plan.sessions - len(kept ^ expected)}"
    )
    assert (torn, kept) == ([], expected)


def test_what_the_sampler_of_the_sdk_keeps_by_itself_passes_a_gateway_of_the_same_share(
    collector, backend, applications
):
    """What is dropped twice over by the same number is dropped once."""
    plan = Plan("both", sessions=1000, turns=2)
    with gateway_to(collector, backend, SESSION_PERCENT="10") as gateway:
        applications(plan, gateway.http, environment={"SESSION_RATIO": "0.1"}).wait()
        gateway.stop()
    assert session_ids(backend.spans()) == kept_by_the_sdk(plan, 0.1)
    assert partial(plan, backend.spans()) == []


@pytest.mark.warned_of("propagators")
def test_a_gateway_leaves_the_weight_of_what_an_sdk_has_dropped_already(collector, backend):
    """``th`` says how many sessions a kept one stands for: at 1 % in the SDK and 50 % here, it stays at 1 %."""
    sampler = ParentBasedSessionRatio(0.01)
    kept = next(each for each in Plan("weight", 5000).session_ids() if sampler.keeps_session(each))
    with gateway_to(collector, backend, SESSION_PERCENT="50") as last:
        again = collector("gateway.yaml", environment={"BACKEND_ENDPOINT": last.http, "SESSION_PERCENT": "50"})
        with again, tracer_to(again.http, sampler=sampler) as tracer, set_session(session_id=kept):
            tracer.start_span("work").end()
        again.stop()
        last.stop()
    (span,) = backend.spans()
    randomness = hashlib.sha256(kept.encode()).hexdigest()[:14]
    assert span.trace_state == f"ot=rv:{randomness};th:fd70a"


def test_log_records_are_kept_with_their_sessions(collector, backend, applications):
    plan = Plan("logs", sessions=300, turns=1, failed_check_every=1)
    expected = kept_by_the_sdk(plan, 0.25)
    with gateway_to(collector, backend, SESSION_PERCENT="25") as gateway:
        applications(plan, gateway.http).wait()
        gateway.stop()
    records = backend.log_records()
    assert {record["session.id"] for record in records} == expected == session_ids(backend.spans())
    assert {record["event.name"] for record in records} == {"gen_ai.evaluation.result"}


def test_with_everything_kept_every_span_arrives_once(collector, backend, applications):
    plan = Plan("all", sessions=500, turns=2)
    with gateway_to(collector, backend) as gateway:
        applications(plan, gateway.http).wait()
        assert wait_for_spans([backend], 3000) == 3000
    assert tally(plan, backend.spans()) == ([], 0, [])


def test_no_user_id_leaves_the_gateway_in_plain(collector, backend, applications):
    plan = Plan("users", sessions=200, turns=1, failed_check_every=2)
    dialects = {"OTEL_SESSION_DIALECTS": ",".join(DIALECTS)}
    with gateway_to(collector, backend, USER_SALT="5f1c") as gateway:
        applications(plan, gateway.http, environment=dialects).wait()
        gateway.stop()
    hashed = {hashlib.sha256(f"5f1c{plan.user_id(number)}".encode()).hexdigest() for number in range(plan.sessions)}
    spans, records = backend.spans(), backend.log_records()
    assert {span.attributes["user.id"] for span in spans} == hashed
    assert {record["user.id"] for record in records} <= hashed
    values = [value for each in [*(span.attributes for span in spans), *records] for value in each.values()]
    assert [value for value in values if "users-user-" in str(value)] == []


def test_the_names_of_others_for_a_user_are_removed_and_what_looks_like_them_stays(collector, backend):
    user = dict.fromkeys(
        [
            "enduser.id",
            "enduser.pseudo.id",
            "langfuse.user.id",
            "posthog.distinct_id",
            "langsmith.metadata.user_id",
            "any.prefix.user_id",
            "traceloop.association.properties.Helicone-User-Id",
        ],
        "ada",
    )
    other = dict.fromkeys(
        ["langfuse.user.idea", "app.user_ids", "my.enduser.id", "superuser_id", "user_id.length"], "x"
    )
    with gateway_to(collector, backend) as gateway:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{gateway.http}/v1/traces")))
        provider.get_tracer("tests").start_span("work", attributes={**user, **other}).end()
        provider.shutdown()
        assert attributes_after(gateway, backend) == other


@pytest.mark.warned_of("propagators")
@pytest.mark.parametrize(
    ("came_with", "left_with"),
    [
        pytest.param("", "ot=rv:{rv};th:0", id="none"),
        pytest.param("vendor=x", "ot=rv:{rv};th:0,vendor=x", id="of another"),
        pytest.param("vendor=x,ot=th:8", "ot=rv:{rv};th:0,vendor=x", id="of a sampler that knew no session"),
    ],
)
def test_the_number_of_the_session_is_added_to_a_tracestate(collector, backend, came_with, left_with):
    parent = SpanContext(
        1, 1, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState.from_header([came_with])
    )
    with gateway_to(collector, backend) as gateway:
        with tracer_to(gateway.http) as tracer, set_session(session_id="conv-42"):
            tracer.start_span("work", set_span_in_context(NonRecordingSpan(parent), get_current())).end()
        gateway.stop()
    (span,) = backend.spans()
    randomness = hashlib.sha256(b"conv-42").hexdigest()[:14]
    assert span.trace_state == left_with.format(rv=randomness)


def test_without_a_salt_users_are_removed(collector, backend, applications):
    plan = Plan("unsalted", sessions=20, turns=1, failed_check_every=2)
    with gateway_to(collector, backend) as gateway:
        applications(plan, gateway.http).wait()
        gateway.stop()
    seen = [*(span.attributes for span in backend.spans()), *backend.log_records()]
    assert len(seen) == 60 + 10 + 10
    assert [each for each in seen if "user.id" in each] == []


def test_spans_of_a_model_have_the_session_under_the_name_that_the_backend_reads(collector, backend, applications):
    plan = Plan("dialect", sessions=10, turns=1)
    with gateway_to(collector, backend, SESSION_KEY="lmnr.association.properties.session_id") as gateway:
        applications(plan, gateway.http).wait()
        gateway.stop()
    shown = {
        span.name: span.attributes.get("lmnr.association.properties.session_id") == span.attributes["session.id"]
        for span in backend.spans()
    }
    assert shown == {"reply": True, MODEL_CALL: True, "search": False}


def test_an_id_that_backends_refuse_is_replaced_by_its_digest(collector, backend):
    """As the plug-in does; a client of another language may not."""
    with gateway_to(collector, backend) as gateway:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{gateway.http}/v1/traces")))
        provider.get_tracer("tests").start_span("work", attributes={"session.id": "x" * 201}).end()
        provider.shutdown()
        attributes = attributes_after(gateway, backend)
    assert attributes["session.id"] == "sha256-" + hashlib.sha256(b"x" * 201).hexdigest()


@pytest.mark.parametrize("value", [42, True, 1.5], ids=["int", "bool", "float"])
def test_an_id_that_is_no_text_counts_as_its_text(collector, backend, value):
    with gateway_to(collector, backend, USER_SALT="5f1c") as gateway:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{gateway.http}/v1/traces")))
        start = {"session.id": value, "user.id": value}
        provider.get_tracer("tests").start_span("work", attributes=start).end()
        provider.shutdown()
        attributes = attributes_after(gateway, backend)
    text = {42: "42", True: "true", 1.5: "1.5"}[value]
    assert attributes["session.id"] == text
    assert attributes["user.id"] == hashlib.sha256(f"5f1c{text}".encode()).hexdigest()


@pytest.mark.warned_of("propagators")
def test_what_is_long_is_cut_and_the_ids_stay(collector, backend):
    many = {f"key.{number:03}": "v" * 900 for number in range(120)}
    with gateway_to(collector, backend, USER_SALT="5f1c", ATTRIBUTE_LENGTH="500", ATTRIBUTE_COUNT="64") as gateway:
        with tracer_to(gateway.http) as tracer, set_session(session_id="conv-42", user_id="ada"):
            tracer.start_span("work", attributes=many).end()
        attributes = attributes_after(gateway, backend)
    assert len(attributes) == 64
    assert attributes["session.id"] == "conv-42"
    assert attributes["user.id"] == hashlib.sha256(b"5f1cada").hexdigest()
    assert max(len(str(value)) for value in attributes.values()) == 500


def test_spans_without_a_session_pass_by_their_trace(collector, backend):
    with gateway_to(collector, backend, SESSION_PERCENT="50") as gateway:
        with tracer_to(gateway.http) as tracer:
            for _ in range(400):
                with tracer.start_as_current_span("work"):
                    tracer.start_span("part").end()
        gateway.stop()
    spans = backend.spans()
    traces = {span.trace_id for span in spans}
    assert 120 < len(traces) < 280
    assert len(spans) == 2 * len(traces)
