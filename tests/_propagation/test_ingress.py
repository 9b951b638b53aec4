"""What a request brings: read from any carrier, validated and bounded, and never raised over or shown."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import baggage, propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.instrumentation.asgi import asgi_getter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.wsgi import wsgi_getter
from opentelemetry.propagators.b3 import B3MultiFormat, B3SingleFormat
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.jaeger import JaegerPropagator
from opentelemetry.propagators.textmap import Getter, default_getter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler
from opentelemetry.trace import SpanKind, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from werkzeug.test import Client

from apps import NOBODY, OURS, django_app, flask_app, seen
from otel_sessions import Session, _diagnostics, clear_session, from_carrier, get_session, set_session, to_carrier
from otel_sessions._propagation.trace_state import randomness_of
from otel_sessions._session.ids import MAX_LENGTH
from otel_sessions.sdk import SessionPropagator

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
SECRET = "s3cret"  # noqa: S105  # what no log may hold
HEADERS = "session.id=x-session-id,user.id=x-user-id,session.name=x-name"


def w3c():
    return CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


def received(headers, getter=default_getter, propagators=None, context=None, **options):
    """Return the Context of a request with these ``headers``."""
    propagator = SessionPropagator(propagators or w3c(), **options)
    return propagator.extract(headers, Context() if context is None else context, getter)


def trace_of(context):
    return format(get_current_span(context).get_span_context().trace_id, "032x")


def state_of(context):
    return get_current_span(context).get_span_context().trace_state.to_header()


@pytest.fixture
def stamped(pipeline):
    """Return a function that tells what a span carries that starts in a Context."""

    def attributes_in(context):
        pipeline.tracer.start_span("span", context).end()
        return dict(pipeline.exporter.get_finished_spans()[-1].attributes)

    return attributes_in


@pytest.fixture
def told(caplog):
    """Return a function that tells all that anybody has logged, at any level."""
    caplog.set_level(logging.NOTSET)
    return lambda: [(record.name, f"{record.getMessage()} {record.__dict__}") for record in caplog.records]


# Carriers


class PairsGetter(Getter):
    """As of gRPC's metadata."""

    def get(self, carrier, key):
        return [value for name, value in carrier if name == key] or None

    def keys(self, carrier):
        return [name for name, _ in carrier]


class AttributeGetter(Getter):
    """As the instrumentation of Celery reads a request."""

    def get(self, carrier, key):
        value = getattr(carrier, key, None)
        return (value,) if isinstance(value, str) else value

    def keys(self, carrier):
        return list(vars(carrier))


class PlainGetter(Getter):
    """Gives what there is, and no list of it."""

    def get(self, carrier, key):
        return carrier.get(key)

    def keys(self, carrier):
        return list(carrier)


def joined(pairs):
    headers = {}
    for name, value in pairs:
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def listed(pairs):
    headers = {}
    for name, value in pairs:
        headers.setdefault(name, []).append(value)
    return headers


CARRIERS = [
    pytest.param(joined, default_getter, id="dict"),
    pytest.param(listed, default_getter, id="dict-of-lists"),
    pytest.param(
        lambda pairs: {"headers": [(name.encode(), value.encode()) for name, value in pairs]}, asgi_getter, id="asgi"
    ),
    pytest.param(
        lambda pairs: {f"HTTP_{name.upper()}": value for name, value in joined(pairs).items()}, wsgi_getter, id="wsgi"
    ),
    pytest.param(tuple, PairsGetter(), id="grpc"),
    pytest.param(lambda pairs: [(name, value.encode()) for name, value in pairs], PairsGetter(), id="bytes"),
    pytest.param(lambda pairs: SimpleNamespace(**listed(pairs)), AttributeGetter(), id="celery"),
    pytest.param(joined, PlainGetter(), id="no-list"),
    pytest.param(
        lambda pairs: {name: value.encode() for name, value in joined(pairs).items()},
        PlainGetter(),
        id="no-list-of-bytes",
    ),
]


@pytest.mark.parametrize(("form", "getter"), CARRIERS)
def test_several_baggage_headers_count_together_in_any_carrier(form, getter, stamped, warnings):
    pairs = [
        ("traceparent", PARENT),
        ("baggage", "session.id=ours,theirs=1"),
        ("tracestate", "a=1"),
        ("baggage", "user.id=ada"),
        ("tracestate", "b=2"),
    ]
    context = received(form(pairs), getter)
    assert stamped(context) == {"session.id": "ours", "user.id": "ada"}
    assert baggage.get_baggage("theirs", context) == "1"
    assert (trace_of(context), state_of(context)) == (TRACE, "a=1,b=2")
    assert warnings() == []


PROPAGATORS = [
    pytest.param(w3c, id="w3c"),
    pytest.param(lambda: CompositePropagator([W3CBaggagePropagator(), TraceContextTextMapPropagator()]), id="turned"),
    pytest.param(W3CBaggagePropagator, id="alone"),
    pytest.param(lambda: CompositePropagator([B3SingleFormat(), W3CBaggagePropagator()]), id="b3"),
    pytest.param(lambda: CompositePropagator([B3MultiFormat(), w3c()]), id="b3multi"),
    pytest.param(lambda: CompositePropagator([JaegerPropagator(), w3c()]), id="jaeger"),
    pytest.param(lambda: CompositePropagator([SessionPropagator(w3c())]), id="guarded-already"),
]


@pytest.mark.parametrize("propagators", PROPAGATORS)
def test_a_session_is_read_beside_any_form_of_the_trace(propagators, stamped):
    headers = {
        "traceparent": PARENT,
        "b3": f"{TRACE}-{SPAN}-1",
        "uber-trace-id": f"{TRACE}:{SPAN}:0:1",
        "baggage": "session.id=ours;p=1,user.id=ada",
    }
    context = received(headers, propagators=propagators())
    assert stamped(context) == {"session.id": "ours", "user.id": "ada"}
    assert trace_of(context) in {TRACE, "0" * 32}


def test_a_session_in_jaegers_headers_is_validated_as_well(stamped, warnings):
    headers = {"uber-trace-id": f"{TRACE}:{SPAN}:0:1", "uberctx-session.id": "a%00b", "uberctx-user.id": "ada"}
    context = received(headers, propagators=JaegerPropagator())
    assert stamped(context) == {"user.id": "ada"}
    assert trace_of(context) == TRACE
    assert len(warnings()) == 1


# What a value is

VALUES = [
    pytest.param("session.id=a+b", {"session.id": "a+b"}, id="plus-in-an-id"),
    pytest.param("user.id=ada+1%40example.org", {"user.id": "ada+1@example.org"}, id="plus-in-a-user"),
    pytest.param(
        "session.id=b,session.previous_id=a+b", {"session.id": "b", "session.previous_id": "a+b"}, id="previous"
    ),
    pytest.param("session.id=a%2Bb", {"session.id": "a+b"}, id="encoded-plus"),
    pytest.param("session.name=Course+Creation", {"session.name": "Course Creation"}, id="plus-in-a-name"),
    pytest.param("session.path=/a+b", {"session.path": "/a+b"}, id="plus-in-a-path"),
    pytest.param("session.id=a%20b", {"session.id": "a b"}, id="encoded-space"),
    pytest.param("session.name=Cr%C3%A9ation", {"session.name": "Création"}, id="name-of-another-script"),
    pytest.param("session.id=ours;p=1;q", {"session.id": "ours"}, id="properties"),
    pytest.param("session.id = ours ;\tp = 1 ; q", {"session.id": "ours"}, id="white-space"),
    pytest.param(" \tsession.id=ours\t,\t user.id=ada ", {"session.id": "ours", "user.id": "ada"}, id="around-members"),
    pytest.param(",,session.id=ours,,", {"session.id": "ours"}, id="empty-members"),
    pytest.param("session.id=ours==,user.id==", {"session.id": "ours==", "user.id": "="}, id="equals-signs"),
    pytest.param("session%2Eid=ours,user%2eid=ada", {"session.id": "ours", "user.id": "ada"}, id="encoded-name"),
    pytest.param("Session.Id=ours,USER.ID=ada", {}, id="other-case"),
    pytest.param("session.id=other,session.id=ours", {"session.id": "ours"}, id="the-last-counts"),
    pytest.param(
        "session.id = other , session.id = ours ;p", {"session.id": "ours"}, id="the-last-counts-whatever-is-beside"
    ),
    pytest.param("session.id=ours,session%2Eid=other", {"session.id": "ours"}, id="encoded-it-does-not"),
    pytest.param("session%2Eid=other,session.id=ours", {"session.id": "ours"}, id="encoded-before-it-does-not-either"),
    pytest.param("session%2Eid=other,session.i%64=ours", {"session.id": "ours"}, id="the-last-of-those-encoded-counts"),
    pytest.param("session.id=,session%2Eid=ours", {"session.id": "ours"}, id="encoded-it-does-where-no-other-is-good"),
    pytest.param(
        "session.id=ours,+session.id=other,%20session.id=other", {"session.id": "ours"}, id="with-blanks-it-does-not"
    ),
    *(
        pytest.param(header, {"session.id": "ours"}, id=f"the-last-good-one-counts-{number}")
        for number, header in enumerate(
            (
                "session.id=ours,session.id=é",
                "session.id=é,session.id=ours",
                "session.id=ours,session.id=",
                "session.id=,session.id=ours",
                "session.id=ours,session.id=%C3%AB",
                "session.id=%C3%AB,session.id=ours",
                "session.id=ours,session.id=%00",
                f"session.id=ours,session.id={'x' * 201}",
                f"session.id=ours,session.id={'x' * 4096}",
                "session.id=ours,session.id=a b",
                "session.id=ours,session.id",
                "session.id=first,session.id=ours,session.id=%20",
            )
        )
    ),
    pytest.param(
        "user.id=eve,session.id=ours,user.id=ada", {"session.id": "ours", "user.id": "ada"}, id="the-last-user-counts"
    ),
    pytest.param(
        "session.name=x,session.path=/x,session.previous_id=x,session.id=ours,session.name=n,session.path=/p,session.previous_id=i",
        {"session.id": "ours", "session.name": "n", "session.path": "/p", "session.previous_id": "i"},
        id="the-last-of-each-counts",
    ),
    pytest.param("session.id=,user.id=ada", {"user.id": "ada"}, id="empty-id"),
    pytest.param("session.id=%20,user.id=%20ada%20", {"user.id": "ada"}, id="blanks"),
    pytest.param(f"session.id={'x' * MAX_LENGTH}", {"session.id": "x" * MAX_LENGTH}, id="longest"),
    pytest.param(f"session.id={'%78' * MAX_LENGTH}", {"session.id": "x" * MAX_LENGTH}, id="longest-encoded"),
]


@pytest.mark.warned_of("dropped", "left out")
@pytest.mark.parametrize(("header", "expected"), VALUES)
def test_values_are_what_w3c_baggage_says(header, expected, stamped):
    assert stamped(received({"baggage": header})) == expected


@pytest.mark.parametrize(
    "header", ["theirs=1", "theirs=a+b", "theirs=1;p=2", "a%20b=%C3%A9", "Theirs=", "theirs=1,theirs=2"]
)
def test_what_is_not_ours_is_as_without_us(header):
    assert baggage.get_all(received({"baggage": f"session.id=ours,{header}"})) == {
        "session.id": "ours",
        **baggage.get_all(W3CBaggagePropagator().extract({"baggage": header}, Context())),
    }


@pytest.mark.warned_of("left out")
def test_metadata_that_travels_has_no_properties_either(monkeypatch, stamped):
    monkeypatch.setenv("OTEL_SESSION_METADATA_ON_WIRE", "plan")
    context = received({"baggage": "session.metadata.plan=2,session.id=ours,session.metadata.plan=gold+1;p=1"})
    assert stamped(context) == {"session.id": "ours", "session.metadata.plan": "gold 1"}


# What is dropped

GOOD = "session.id=ours"
BAD = [
    pytest.param(f"user.id={SECRET}", id="nothing"),
    pytest.param(f"user.id={SECRET}%00", id="encoded-NUL"),
    pytest.param(f"user.id={SECRET}\x00", id="NUL"),
    pytest.param(f"user.id={SECRET}%ED%A0%80", id="encoded-surrogate"),
    pytest.param(f"user.id={SECRET}\udc80", id="lone-surrogate"),
    pytest.param(f"{SECRET}\udc80=1", id="lone-surrogate-in-a-name"),
    pytest.param(f"user.id={SECRET}é", id="not-ascii"),
    pytest.param(f"user.id={SECRET}%C3%A9", id="encoded-not-ascii"),
    pytest.param(f"user.id={SECRET}%FF", id="not-utf-8"),
    pytest.param(f"user.id={SECRET}%0D%0AX: 1", id="line-break"),
    pytest.param(f"user.id={SECRET}{'x' * MAX_LENGTH}", id="long-id"),
    pytest.param(f"session.name={SECRET}{'x' * MAX_LENGTH}", id="long-name"),
    pytest.param(f"session.name={SECRET}%E2%80%AE", id="name-not-printable"),
    pytest.param(f"user.id={SECRET}{'x' * 4096}", id="member-over-4-KiB"),
    pytest.param(",".join(f"k{number}={SECRET}" for number in range(200)), id="200-members"),
    pytest.param(",".join(f"k{number}={SECRET}{'x' * 1000}" for number in range(20)), id="header-over-8-KiB"),
    pytest.param(f"user.id={SECRET}2,user.id={SECRET}", id="duplicates"),
    pytest.param(SECRET, id="no-value"),
    pytest.param(f"={SECRET}", id="no-name"),
    pytest.param(f"%20={SECRET}", id="blank-name"),
    pytest.param(f"user.id={SECRET} 1", id="space-inside"),
    pytest.param(f'user.id="{SECRET}"', id="quoted"),
    pytest.param(f"{SECRET}=1;;", id="empty-property"),
    pytest.param(f"{SECRET}/=1", id="no-token"),
]


@pytest.mark.warned_of("dropped", "left out")
@pytest.mark.parametrize("propagators", PROPAGATORS)
@pytest.mark.parametrize("header", BAD)
def test_what_is_bad_costs_nothing_that_is_good_and_is_said_once_without_it(header, propagators, stamped, told):
    for place in (f"{GOOD},{header}", f"{header},{GOOD}"):
        for _ in range(2):
            attributes = stamped(received({"traceparent": PARENT, "baggage": place}, propagators=propagators()))
            assert attributes.pop("session.id") == "ours"
            assert attributes in ({}, {"user.id": SECRET})
    assert {name for name, _ in told()} <= {"otel_sessions"}
    assert len(told()) <= 1
    assert SECRET not in str(told())


@pytest.mark.warned_of("left out")
def test_a_header_that_is_longer_than_any_server_takes_is_not_looked_at(stamped, told):
    assert stamped(received({"traceparent": PARENT, "baggage": f"session.id={SECRET}," + "x" * 32_768})) == {}
    assert len(told()) == 1
    assert SECRET not in str(told())


@pytest.mark.warned_of("left out")
def test_the_last_counts_over_several_headers_as_well(stamped):
    context = received({"baggage": ["session.id=first,user.id=ada", "session.id=ours"]})
    assert stamped(context) == {"session.id": "ours", "user.id": "ada"}


@pytest.mark.warned_of("left out")
def test_tags_that_are_there_twice_count_as_one_entry(monkeypatch, stamped):
    monkeypatch.setenv("OTEL_SESSION_METADATA_ON_WIRE", "session.tags")
    headers = {"baggage": "session.tags=a,session.id=ours,session.tags=b%2Cc,session.tags="}
    assert stamped(received(headers)) == {"session.id": "ours", "session.tags": ("b", "c")}


@pytest.mark.warned_of("dropped", "left out")
@pytest.mark.parametrize("count", [8, 9, 3000])
def test_of_very_many_of_a_name_the_last_are_looked_at(count, stamped):
    header = "session.id=ours," + ",".join(f"session.id=;{each}" for each in range(count - 1))
    assert stamped(received({"baggage": header[:32_768]})) == ({"session.id": "ours"} if count == 8 else {})


@pytest.mark.warned_of("left out")
def test_ours_have_room_whatever_stands_before_them(stamped):
    header = ",".join(f"k{number}={'x' * 100}" for number in range(200)) + ",session.id=ours,user.id=ada"
    assert stamped(received({"baggage": header})) == {"session.id": "ours", "user.id": "ada"}


@pytest.mark.warned_of("left out")
def test_what_is_dropped_is_counted():
    for _ in range(3):
        received({"baggage": SECRET})
    assert _diagnostics.counts() == {"dropped incoming header": 3}


class BrokenGetter(Getter):
    """Raises where a value is an exception."""

    def get(self, carrier, key):
        value = carrier.get(key)
        if isinstance(value, Exception):
            raise value
        return value

    def keys(self, _carrier):
        raise LookupError(SECRET)


class Failing:
    def __iter__(self):
        yield GOOD
        raise LookupError(SECRET)


RAISING = {"traceparent": [PARENT], "baggage": [GOOD], "x-user-id": ["ada"]}


@pytest.mark.warned_of("left out")
@pytest.mark.parametrize(
    ("name", "expected", "trace_id"),
    [
        pytest.param("traceparent", {"session.id": "ours", "user.id": "ada"}, "0" * 32, id="traceparent"),
        pytest.param("tracestate", {"session.id": "ours", "user.id": "ada"}, TRACE, id="tracestate"),
        pytest.param("baggage", {"user.id": "ada"}, TRACE, id="baggage"),
        pytest.param("x-user-id", {"session.id": "ours"}, TRACE, id="another"),
    ],
)
def test_a_header_whose_reading_raises_costs_only_itself(name, expected, trace_id, stamped, told):
    headers = {**RAISING, name: LookupError(SECRET)}
    for _ in range(2):
        context = received(headers, BrokenGetter(), incoming_headers=HEADERS)
        assert (stamped(context), trace_of(context)) == (expected, trace_id)
    assert [logger for logger, _ in told()] == ["otel_sessions"]
    assert SECRET not in str(told())


@pytest.mark.warned_of("left out")
def test_headers_that_cannot_be_listed_cost_jaegers_baggage_only(stamped, told):
    headers = {"uber-trace-id": [f"{TRACE}:{SPAN}:0:1"], "baggage": [GOOD]}
    context = received(headers, BrokenGetter(), CompositePropagator([JaegerPropagator(), W3CBaggagePropagator()]))
    assert (stamped(context), trace_of(context)) == ({"session.id": "ours"}, TRACE)
    assert len(told()) == 1
    assert SECRET not in str(told())


@pytest.mark.warned_of("left out")
@pytest.mark.parametrize("value", [None, (), [None], [7, {}], 7, object(), b"\xff\xfe", [b"\xff"], Failing(), {1: 1}])
@pytest.mark.parametrize("name", ["traceparent", "tracestate", "baggage", "x-session-id"])
def test_whatever_a_getter_gives_nothing_is_raised(name, value, told):
    context = received({"traceparent": [PARENT], name: value}, PlainGetter(), incoming_headers=HEADERS)
    assert get_session(context) is None
    assert {logger for logger, _ in told()} <= {"otel_sessions"}
    assert SECRET not in str(told())


def test_a_propagator_of_somebody_else_gets_the_values_as_they_are():
    class Theirs(W3CBaggagePropagator):
        def extract(self, carrier, context=None, getter=default_getter):
            return baggage.set_baggage("theirs", getter.get(carrier, "X-Theirs")[0], context)

    value = object()
    assert baggage.get_baggage("theirs", received({"X-Theirs": [value]}, propagators=Theirs())) is value


# The trace


@pytest.mark.warned_of("left out")
@pytest.mark.parametrize(
    "state",
    [
        pytest.param(f"{SECRET} {SECRET}", id="no-value"),
        pytest.param(f"a={SECRET}é", id="not-ascii"),
        pytest.param(f"a={SECRET}\udc80", id="lone-surrogate"),
        pytest.param(f"a={SECRET},a=2", id="duplicates"),
        pytest.param(f"A={SECRET}", id="upper-case"),
        pytest.param(",".join(f"k{number}={SECRET}" for number in range(33)), id="33-members"),
        pytest.param(f"a={SECRET}{'x' * 250},b={'x' * 255}", id="over-512"),
        pytest.param(f"a={SECRET}\x00", id="NUL"),
    ],
)
def test_a_tracestate_that_is_malformed_is_dropped_and_the_trace_and_the_session_go_on(state, stamped, told):
    for _ in range(2):
        context = received({"traceparent": PARENT, "tracestate": state, "baggage": GOOD})
        assert (trace_of(context), state_of(context), stamped(context)) == (TRACE, "", {"session.id": "ours"})
    assert [name for name, _ in told()] == ["otel_sessions"]
    assert SECRET not in str(told())


@pytest.mark.parametrize("state", [" a=1 ,\tb=2", "a=1,,b=2,", "a=1,b=2"])
def test_a_tracestate_may_have_white_space_and_empty_members(state, told):
    assert state_of(received({"traceparent": PARENT, "tracestate": state})) == "a=1,b=2"
    assert told() == []


@pytest.mark.warned_of("left out")
@pytest.mark.timeout(120)
def test_a_traceparent_takes_no_time_that_grows_with_its_square(stamped):
    """The pattern of the API does: megabytes would take it hours."""
    header = f"{PARENT}-{' ' * 5_000_000}\n-"
    assert stamped(received({"traceparent": header, "baggage": GOOD})) == {"session.id": "ours"}


def test_a_traceparent_of_a_later_version_is_read():
    assert trace_of(received({"traceparent": f"01{PARENT[2:]}-more"})) == TRACE


@pytest.fixture
def sent_on(pipeline):
    """Return a function that tells which tracestate goes to a host that is not allowed, from outside of the session."""

    def tracestate_of(context):
        outside = clear_session(context).context
        span = pipeline.tracer.start_span("GET", outside, SpanKind.CLIENT, {"url.full": "https://api.example.com/"})
        carrier = {}
        SessionPropagator(w3c()).inject(carrier, set_span_in_context(span, outside))
        span.end()
        return carrier.get("tracestate")

    return tracestate_of


@pytest.mark.parametrize("trust", [True, False])
@pytest.mark.parametrize(
    "randomness", [randomness_of("ours"), randomness_of("ours").upper()], ids=["plain", "upper-case"]
)
def test_a_randomness_that_a_caller_made_of_the_session_goes_to_no_host_that_is_not_allowed(randomness, trust, sent_on):
    headers = {"traceparent": PARENT, "tracestate": f"ot=rv:{randomness};x:y,a=1", "baggage": GOOD}
    context = received(headers, trust_incoming=trust)
    assert f"rv:{randomness}" in state_of(context)
    assert sent_on(context) == "ot=x:y,a=1"


def test_nor_does_any_other_randomness_of_a_caller_which_may_have_been_in_another_session(sent_on):
    headers = {"traceparent": PARENT, "tracestate": "ot=rv:0123456789abcd,a=1"}
    assert (state_of(received(headers)), sent_on(received(headers))) == (headers["tracestate"], "a=1")


@pytest.mark.parametrize("trust", [True, False])
def test_nor_does_one_of_a_session_that_a_header_names(trust, sent_on):
    headers = {"traceparent": PARENT, "tracestate": f"ot=rv:{randomness_of('ours')},a=1", "x-session-id": "ours"}
    assert sent_on(received(headers, incoming_headers=HEADERS, trust_incoming=trust)) == "a=1"


# Trust

STRANGER = {
    "traceparent": PARENT,
    "uber-trace-id": f"{TRACE}:{SPAN}:0:1",
    "baggage": "session.id=eve,user.id=eve,session.name=e,session.path=/e,session.previous_id=e,session.tags=e,"
    "session.metadata.plan=e,langfuse_session_id=eve,langfuse_user_id=eve,session%2Eid=eve,theirs=1",
    "uberctx-session.id": "eve",
    "uberctx-langfuse_user_id": "eve",
    "uberctx-tenant": "2",
    "x-session-id": "eve",
}


@pytest.mark.warned_of("left out")
@pytest.mark.parametrize("propagators", PROPAGATORS)
def test_of_a_stranger_only_the_trace_and_foreign_baggage_are_taken(propagators, stamped, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_METADATA_ON_WIRE", "plan,session.tags")
    context = received(STRANGER, propagators=propagators(), trust_incoming=False, incoming_headers=HEADERS)
    assert stamped(context) == {}
    assert {"theirs": "1"}.items() <= baggage.get_all(context).items() <= {"theirs": "1", "tenant": "2"}.items()
    assert trace_of(context) in {TRACE, "0" * 32}


@pytest.mark.warned_of("left out")
def test_the_environment_says_whom_to_trust(monkeypatch, stamped):
    monkeypatch.setenv("OTEL_SESSION_TRUST_INCOMING", "false")
    assert stamped(received(STRANGER)) == {}


def test_what_the_context_held_before_stays_whoever_calls():
    before = baggage.set_baggage("session.id", "ours", Context())
    context = received({"baggage": "session.id=eve,user.id=eve,theirs=1"}, context=before, trust_incoming=False)
    assert baggage.get_all(context) == {"session.id": "ours", "theirs": "1"}


# Headers

INCOMING = [
    pytest.param({"x-session-id": "ours"}, {"session.id": "ours"}, id="one"),
    pytest.param({"x-session-id": " ours "}, {"session.id": "ours"}, id="white-space"),
    pytest.param({"x-session-id": ["ours", "other"]}, {"session.id": "ours"}, id="the-first-counts"),
    pytest.param({"x-session-id": "a+b%20,;="}, {"session.id": "a+b%20,;="}, id="nothing-is-decoded"),
    pytest.param({"x-name": "Création"}, {"session.name": "Création"}, id="name"),
    pytest.param({"x-session-id": "x" * MAX_LENGTH}, {"session.id": "x" * MAX_LENGTH}, id="longest"),
    pytest.param({"x-session-id": "", "x-user-id": "ada"}, {"user.id": "ada"}, id="empty"),
    pytest.param(
        {"x-session-id": "other", "x-user-id": "ada", "baggage": GOOD},
        {"session.id": "other", "user.id": "ada"},
        id="beside",
    ),
    pytest.param({"x-tenant": "ours"}, {}, id="not-listed"),
]


@pytest.mark.parametrize(("headers", "expected"), INCOMING)
def test_headers_that_are_listed_are_read_before_baggage(headers, expected, stamped, warnings):
    assert stamped(received(headers, incoming_headers=HEADERS)) == expected
    assert warnings() == []


@pytest.mark.parametrize(
    ("baggage_header", "expected"),
    [
        ("session.id=theirs,user.id=eve,session.name=n,x=1", {"session.id": "ours"}),
        ("session.id=ours,user.id=ada", {"session.id": "ours", "user.id": "ada"}),
        ("user.id=eve", {"session.id": "ours"}),
    ],
)
def test_nobody_of_another_session_in_baggage_goes_over_to_that_of_a_header(baggage_header, expected, stamped):
    headers = {"baggage": baggage_header, "x-session-id": "ours"}
    assert stamped(received(headers, incoming_headers=HEADERS)) == expected


@pytest.mark.parametrize("header", ["session.id=", "session.id=%00", f"session.id={'x' * 201}"])
def test_a_session_in_baggage_that_is_none_does_not_hide_that_of_a_header(header, stamped):
    headers = {"baggage": header, "x-session-id": "ours"}
    assert stamped(received(headers, incoming_headers=HEADERS)) == {"session.id": "ours"}


@pytest.mark.warned_of("left out")
@pytest.mark.parametrize(
    "value", ["x" * 201, "\x00", "é", "a\udc80", "a\tb", "x" * 100_000, "\u202e"], ids=lambda value: ascii(value)[:12]
)
def test_a_header_that_is_no_id_is_dropped_and_said_once(value, stamped, told):
    for _ in range(2):
        headers = {"x-session-id": SECRET + value, "x-user-id": "ada"}
        assert stamped(received(headers, incoming_headers=HEADERS)) == {"user.id": "ada"}
    assert [name for name, _ in told()] == ["otel_sessions"]
    assert SECRET not in str(told())


AGENTS = ("x-claude-code-session-id", "session-id", "x-session-id", "x-litellm-session-id")
SEVERAL = ",".join(f"session.id={name}" for name in AGENTS)


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize(
    "listed", [SEVERAL, {"session.id": AGENTS}, {"session.id": [*AGENTS]}, {"session.id": ",".join(AGENTS)}]
)
def test_each_of_several_headers_for_one_field_is_read(name, listed, stamped, warnings):
    assert stamped(received({name: "ours", "baggage": "session.id=theirs"}, incoming_headers=listed)) == {
        "session.id": "ours"
    }
    assert warnings() == []


@pytest.mark.warned_of("left out")
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"x-session-id": "other", "session-id": "ours"}, "ours", id="as-they-are-listed"),
        pytest.param({"session-id": "", "x-session-id": "ours"}, "ours", id="one-that-is-empty-is-none"),
        pytest.param({"session-id": "é", "x-session-id": "ours"}, "ours", id="one-that-is-no-id-is-none"),
        pytest.param({"x-other": "other"}, None, id="none"),
    ],
)
def test_of_several_headers_the_first_that_a_request_has_counts(headers, expected, stamped):
    context = received({**headers, "x-user-id": "ada"}, incoming_headers=f"{SEVERAL},user.id=x-user-id")
    assert stamped(context) == ({"session.id": expected} if expected else {}) | {"user.id": "ada"}


def test_nothing_of_another_session_in_baggage_goes_over_to_the_header_that_counts(stamped):
    headers = {"x-session-id": "other", "session-id": "ours", "baggage": "session.id=other,user.id=eve"}
    assert stamped(received(headers, incoming_headers=SEVERAL)) == {"session.id": "ours"}


@pytest.mark.warned_of("left out")
def test_the_environment_lists_headers(monkeypatch, stamped):
    monkeypatch.setenv("OTEL_SESSION_INCOMING_HEADERS", HEADERS.upper().replace("SESSION.ID", "session.id"))
    assert stamped(received({"x-session-id": "ours"})) == {"session.id": "ours"}


# Frameworks


class Recording(Sampler):
    """Keeps everything, and what session each span was decided in."""

    def __init__(self):
        self.decided = []

    def should_sample(self, parent_context, *args, **kwargs):
        session = get_session(parent_context)
        self.decided.append(NOBODY if session is None else (session.id, session.user_id))
        return ALWAYS_ON.should_sample(parent_context, *args, **kwargs)

    def get_description(self):
        return "recording"


@contextlib.contextmanager
def fastapi_client(pipeline, chat):
    app = FastAPI()
    app.get("/chat")(chat)
    FastAPIInstrumentor.instrument_app(app, tracer_provider=pipeline.provider)

    async def call(headers):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
            return (await client.get("/chat", headers=headers)).status_code

    yield lambda headers: asyncio.run(call(headers))
    FastAPIInstrumentor.uninstrument_app(app)


def wsgi_client(make_app):
    @contextlib.contextmanager
    def client(pipeline, chat):
        with make_app(pipeline, {"chat": lambda _: chat()}) as app:
            yield lambda headers: Client(app).get("/chat", headers=headers).status_code

    return client


SERVERS = [
    pytest.param(fastapi_client, id="fastapi"),
    pytest.param(wsgi_client(flask_app), id="flask"),
    pytest.param(wsgi_client(django_app), id="django"),
]
REQUESTS = [
    pytest.param([("baggage", "session.id=ours;p=1,user.id=ada")], {}, OURS, id="baggage"),
    pytest.param([("x-session-id", "ours"), ("x-user-id", "ada")], {}, OURS, id="headers"),
    pytest.param([("X-Session-Id", "other"), ("x-user-id", "ada"), ("baggage", GOOD)], {}, ("other", "ada"), id="both"),
    pytest.param(
        [("x-session-id", "eve"), ("baggage", "user.id=eve")], {"trust_incoming": False}, NOBODY, id="stranger"
    ),
    pytest.param([("x-session-id", "e" * 201), ("baggage", "user.id=%00")], {}, NOBODY, id="invalid"),
]


@pytest.fixture
def global_textmap():
    before = propagate.get_global_textmap()
    yield propagate.set_global_textmap
    propagate.set_global_textmap(before)


@pytest.mark.warned_of("dropped", "left out")
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(("headers", "options", "expected"), REQUESTS)
def test_the_server_span_its_sampler_and_all_below_have_the_session_before_any_handler_runs(  # noqa: PLR0913, PLR0917
    server, headers, options, expected, make_pipeline, global_textmap
):
    pipeline = make_pipeline(sampler=(sampler := Recording()))
    global_textmap(SessionPropagator(w3c(), incoming_headers=HEADERS, **options))
    found = []

    def chat():
        with pipeline.tracer.start_as_current_span("handler"):
            found.append(tuple(seen()))
        return "answer"

    with server(pipeline, chat) as call:
        assert call([("traceparent", PARENT), *headers]) == 200
    spans = pipeline.exporter.get_finished_spans()
    assert found == [expected]
    assert set(sampler.decided) == {expected}
    assert {(span.attributes.get("session.id"), span.attributes.get("user.id")) for span in spans} == {expected}
    assert {format(span.context.trace_id, "032x") for span in spans} == {TRACE}
    assert SpanKind.SERVER in {span.kind for span in spans}
    assert len(spans) >= 2


@pytest.mark.warned_of("dropped")
def test_a_carrier_is_read_as_a_request_is():
    """`from_carrier` has forms of its own, and the same rules: see test_carriers."""
    header = "session.id=a+b;p=1,session.name=a+b,user.id=%00"
    with from_carrier({"baggage": header}):
        assert get_session() == get_session(received({"baggage": header})) == Session("a+b", name="a b")


def test_metadata_in_a_carrier_that_travels_has_no_properties(monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_METADATA_ON_WIRE", "plan")
    with from_carrier({"baggage": "session.id=ours,session.metadata.plan=gold;p=1"}) as session:
        assert session.metadata == {"plan": "gold"}


@pytest.mark.warned_of("left out")
@pytest.mark.timeout(120)
def test_a_traceparent_in_a_carrier_takes_no_time_that_grows_with_its_square():
    """Megabytes of it would take the API's pattern hours."""
    with from_carrier({"traceparent": f"{PARENT}-{' ' * 5_000_000}\n-", "baggage": GOOD}):
        assert get_session() == Session("ours")


def full_of_others():
    context = Context()
    for number in range(100):
        context = baggage.set_baggage(f"k{number:03}", "x" * 74, context)
    return set_session(context, "ours", name="a " * 60 + "b")


@pytest.mark.warned_of("left out")
def test_spaces_do_not_make_a_header_longer_than_others_read():
    sent = {}
    with full_of_others() as session:
        SessionPropagator(w3c(), propagate_to="all").inject(sent)
        carrier = to_carrier()
    for headers in (sent, carrier):
        assert 8000 < len(headers["baggage"]) <= 8192
        assert get_session(W3CBaggagePropagator().extract(headers, Context())) == session


@pytest.mark.warned_of("dropped", "left out")
@pytest.mark.parametrize("length", [4094, 4095, 4096])
def test_a_member_that_a_plus_makes_too_long_is_dropped_as_any(length, stamped, told):
    header = "session.id=ours,user.id=" + "x" * (length - len("user.id=+")) + "+"
    assert stamped(received({"baggage": header})) == {"session.id": "ours"}
    assert {name for name, _ in told()} == {"otel_sessions"}
