"""Whole sessions are kept or dropped, in every service, and what a dropped span remembers."""

from __future__ import annotations

import hashlib
import math
import pickle
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.sdk import _configuration
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, ParentBased, SamplingResult
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_sessions import bind_session, clear_session, set_session
from otel_sessions._pipeline import sampler as sampler_module
from otel_sessions._pipeline.sampler import (
    ParentBasedSessionRatio,
    SessionRatioSampler,
    _digits_of,
    _threshold_of,
    parentbased_session_ratio,
    parentbased_session_ratio_of_file,
    session_ratio,
    session_ratio_of_file,
)
from otel_sessions._propagation import trace_state as trace_state_module
from otel_sessions._propagation.trace_state import (
    HOST_ATTRIBUTES,
    Destination,
    SessionTraceState,
    destination_of,
    is_from_session,
    marked,
    randomness_in,
    randomness_of,
    store,
    with_decision,
    without_randomness,
)

ALL = 2**56
KEPT, DROPPED = "conv-0", "conv-1"  # at 50 %
CLIENT = {"url.full": "https://api.example.com/v1", "server.address": "api.example.com", "input.value": "secret"}


def reference_randomness(session_id: str) -> int:
    """As an OTTL rule makes it, `Substring(SHA256(attributes["session.id"]), 0, 14)`, read as a number."""
    return int.from_bytes(hashlib.sha256(session_id.encode()).digest()[:7], "big")


def reference_threshold(probability: float, precision: int = 4) -> str:
    """As the OTel specification's example does it, in floating point."""
    if probability == 1:
        return "0"
    exponent = math.frexp(probability)[1]
    precision = max(1, min(12, precision + exponent // -4))
    rejection = 2 - probability + math.ldexp(0.5, -4 * precision)
    digits = "fffffffffffff" if rejection >= 2 else rejection.hex()[4:][:-3]
    return digits[:precision].rstrip("0")


def reference_keeps(session_id: str, probability: float) -> bool:
    """As a Collector decides: `th` extended to 14 digits, and `rv >= th`."""
    return reference_randomness(session_id) >= int(reference_threshold(probability).ljust(14, "0"), 16)


def remote(trace_state: str = "", *, sampled: bool = True, trace_id: int = 1 << 100) -> Context:
    """Return the Context of a request that came in with this tracestate."""
    headers = {"traceparent": f"00-{trace_id:032x}-00000000000000aa-0{sampled:d}", "tracestate": trace_state}
    return TraceContextTextMapPropagator().extract(headers, Context())


def tracer_of(sampler):
    return TracerProvider(sampler=sampler, shutdown_on_exit=False).get_tracer("tests")


def started(sampler, context=None, *, kind=SpanKind.INTERNAL, attributes=None) -> SpanContext:
    return tracer_of(sampler).start_span("span", context, kind, attributes).get_span_context()


def header(span_context: SpanContext) -> str:
    return span_context.trace_state.to_header()


def in_session(session_id: str) -> Context:
    return set_session(Context(), session_id).context


def both_forms(ratio):
    return [pytest.param(make(ratio), id=make.__name__) for make in (SessionRatioSampler, ParentBasedSessionRatio)]


def test_the_ids_of_these_tests_are_on_both_sides():
    assert [reference_keeps(each, 0.5) for each in (KEPT, DROPPED)] == [True, False]


# Sessions


class Service:
    """A service that takes a request with W3C headers, and calls the next one with its own."""

    def __init__(self, sampler) -> None:
        self.tracer, self.propagator = tracer_of(sampler), TraceContextTextMapPropagator()

    def serve(self, headers: dict[str, str], context: Context | None = None) -> tuple[bool, dict[str, str]]:
        context = self.propagator.extract(headers, Context() if context is None else context)
        with self.tracer.start_as_current_span("serve", context, SpanKind.SERVER) as span:
            sent: dict[str, str] = {}
            self.propagator.inject(sent)
        return span.is_recording() or span.get_span_context().trace_flags.sampled, sent


def kept_in_every_service(services: list[Service], session_id: str) -> list[bool]:
    kept, headers = services[0].serve({}, in_session(session_id))
    verdicts = [kept]
    for service in services[1:]:
        kept, headers = service.serve(headers)
        verdicts.append(kept)
    return verdicts


@pytest.mark.warned_of("placeholder")
@pytest.mark.parametrize("make", [SessionRatioSampler, ParentBasedSessionRatio])
def test_a_session_is_kept_or_dropped_whole_in_three_services(make):
    """The full size, 10,000 sessions, is in `make bench`."""
    services = [Service(make(0.1)) for _ in range(3)]
    ids = [f"session-{number}" for number in range(2_000)]
    verdicts = {each: {*kept_in_every_service(services, each), *kept_in_every_service(services, each)} for each in ids}
    assert all(len(found) == 1 for found in verdicts.values())
    kept = [each for each, found in verdicts.items() if found == {True}]
    assert kept == [each for each in ids if reference_keeps(each, 0.1)]
    assert 0.08 < len(kept) / len(ids) < 0.12


@pytest.mark.parametrize("sampler", both_forms(0.5))
@pytest.mark.parametrize(("session_id", "is_kept"), [(KEPT, True), (DROPPED, False)])
def test_the_session_decides_wherever_it_comes_from(sampler, session_id, is_kept):
    with set_session(session_id):
        assert started(sampler).trace_flags.sampled == is_kept
    inbound = baggage.set_baggage("session.id", session_id, Context())
    assert started(sampler, inbound).trace_flags.sampled == is_kept
    assert started(sampler, in_session(session_id)).trace_flags.sampled == is_kept
    with set_session("another"):
        assert started(sampler, in_session(session_id)).trace_flags.sampled == is_kept


def test_a_session_decides_on_spans_that_start_after_the_trace_was_bound_to_it():
    """With the plain form, and as long as nothing above has an ``rv``."""
    tracer = tracer_of(SessionRatioSampler(0.5))
    trace_id = ALL - 1  # kept
    parent = SpanContext(trace_id, 5, is_remote=False, trace_flags=TraceFlags(1))
    with trace.use_span(NonRecordingSpan(parent)):
        before = tracer.start_span("before").get_span_context()
        bind_session(DROPPED)
        after = tracer.start_span("after").get_span_context()
    assert (before.trace_flags.sampled, header(before)) == (True, "ot=th:8")
    assert (after.trace_flags.sampled, header(after)) == (False, f"ot=rv:{randomness_of(DROPPED)}")


def test_a_session_in_the_middle_of_a_trace_does_not_change_a_parent_based_verdict():
    tracer = tracer_of(ParentBasedSessionRatio(0.5))
    with tracer.start_as_current_span("root", in_session(KEPT)), set_session(DROPPED):
        span = tracer.start_span("child")
    assert span.get_span_context().trace_flags.sampled
    assert randomness_in(span.get_span_context().trace_state) == randomness_of(KEPT)


@pytest.mark.parametrize("sampler", both_forms(0.5))
@pytest.mark.parametrize("context", [Context(), clear_session(in_session(KEPT)).context], ids=["none", "cleared"])
@pytest.mark.parametrize(("trace_id", "is_kept"), [(ALL // 2, True), (ALL // 2 - 1, False), (ALL, False)])
def test_without_a_session_the_low_56_bits_of_the_trace_id_decide_and_no_rv_is_written(
    sampler, context, trace_id, is_kept
):
    result = sampler.should_sample(context, trace_id, "span", SpanKind.SERVER)
    assert result.decision.is_sampled() == is_kept
    assert dict(result.trace_state or {}) == ({"ot": "th:8"} if is_kept else {})


def test_a_user_without_a_session_leaves_it_to_the_trace_id():
    context = baggage.set_baggage("user.id", "u-1", Context())
    result = SessionRatioSampler(0.5).should_sample(context, ALL - 1, "span")
    assert dict(result.trace_state) == {"ot": "th:8"}


def test_an_empty_context_is_not_the_current_one():
    with set_session(DROPPED):
        assert SessionRatioSampler(0.5).should_sample(Context(), ALL - 1, "span").decision.is_sampled()
        assert not SessionRatioSampler(0.5).should_sample(None, ALL - 1, "span").decision.is_sampled()


@pytest.mark.parametrize(
    ("ratio", "is_kept"), [(0, False), (0.0, False), (1e-30, False), (1, True), (1.0, True), (Decimal(1), True)]
)
@pytest.mark.parametrize("make", [SessionRatioSampler, ParentBasedSessionRatio])
def test_the_ends_of_the_range_keep_nothing_and_everything(make, ratio, is_kept):
    for context in (in_session(KEPT), in_session(DROPPED), Context(), Context()):
        assert started(make(ratio), context).trace_flags.sampled == is_kept


# The tracestate


@pytest.mark.parametrize("sampler", both_forms(0.5))
def test_th_is_written_only_where_the_span_is_sampled(sampler):
    assert header(started(sampler, in_session(KEPT))) == f"ot=th:8;rv:{randomness_of(KEPT)}"
    assert header(started(sampler, in_session(DROPPED))) == f"ot=rv:{randomness_of(DROPPED)}"


@pytest.mark.parametrize(
    ("inherited", "expected", "is_kept"),
    [
        pytest.param("ot=rv:ffffffffffffff", "ot=th:8;rv:ffffffffffffff", True, id="its rv decides"),
        pytest.param("ot=rv:00000000000000", "ot=rv:00000000000000", False, id="its rv decides against"),
        pytest.param("ot=rv:FFFFFFFFFFFFFF", "ot=th:8;rv:FFFFFFFFFFFFFF", True, id="upper case, as it came"),
        pytest.param("ot=th:c;rv:00000000000000", "ot=rv:00000000000000", False, id="a th does not outlive the sample"),
        pytest.param("ot=th:c;rv:ffffffffffffff", "ot=th:8;rv:ffffffffffffff", True, id="ours replaces its th"),
        pytest.param("ot=p:8;rv:ffffffffffffff;r:62", "ot=th:8;rv:ffffffffffffff;p:8;r:62", True, id="sub-keys stay"),
        pytest.param("a=1,ot=rv:ffffffffffffff,b=2", "ot=th:8;rv:ffffffffffffff,a=1,b=2", True, id="members stay"),
        pytest.param("a=1", f"ot=th:8;rv:{randomness_of(KEPT)},a=1", True, id="the session's, where there is none"),
        pytest.param("ot=rv:xyz;a:b", f"ot=th:8;rv:{randomness_of(KEPT)};a:b", True, id="a malformed one is none"),
        pytest.param("ot=th:8;rv:ffffffffffffff", "ot=th:8;rv:ffffffffffffff", True, id="nothing to change"),
        pytest.param("ot=x:y ;th:1", f"ot=th:8;rv:{randomness_of(KEPT)};x:y", True, id="no blank at the end"),
    ],
)
def test_what_the_parent_has_in_its_tracestate(inherited, expected, is_kept):
    context = set_session(remote(inherited), KEPT).context
    span_context = started(SessionRatioSampler(0.5), context)
    assert (span_context.trace_flags.sampled, header(span_context)) == (is_kept, expected)


def test_without_rv_and_session_the_trace_id_decides_below_a_tracestate():
    kept = started(SessionRatioSampler(0.5), remote("a=1", trace_id=ALL - 1))
    assert (kept.trace_flags.sampled, header(kept)) == (True, "ot=th:8,a=1")
    dropped = started(SessionRatioSampler(0.5), remote("a=1,ot=th:0", trace_id=ALL))
    assert (dropped.trace_flags.sampled, header(dropped)) == (False, "a=1")


@pytest.mark.parametrize("sampled", [True, False])
def test_the_parent_based_form_follows_the_parent_and_keeps_its_tracestate(sampled):
    inherited = "b=2,ot=rv:00000000000000;x:y,a=1"
    span_context = started(ParentBasedSessionRatio(0.5), remote(inherited, sampled=sampled))
    assert (span_context.trace_flags.sampled, header(span_context)) == (sampled, inherited)


def test_a_th_of_a_parent_that_was_not_sampled_ends_there():
    span_context = started(ParentBasedSessionRatio(0.5), remote("a=1,ot=th:8;x:y", sampled=False))
    assert header(span_context) == "ot=x:y,a=1"


@pytest.mark.parametrize("sampled", [True, False])
def test_the_parent_based_form_follows_a_local_parent_that_does_not_record(sampled):
    parent = SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(sampled))
    span_context = started(ParentBasedSessionRatio(1 - sampled), set_span_in_context(NonRecordingSpan(parent)))
    assert span_context.trace_flags.sampled == sampled


def test_a_full_tracestate_loses_its_last_member_and_not_ours(caplog):
    members = [f"m{number}=v" for number in range(32)]
    context = set_session(remote(",".join(members)), KEPT).context
    span_context = started(SessionRatioSampler(0.5), context)
    assert header(span_context).split(",") == [f"ot=th:8;rv:{randomness_of(KEPT)}", *members[:-1]]
    assert caplog.messages == []


def test_an_ot_member_that_would_be_too_long_loses_the_last_sub_keys_of_others():
    long = ";".join(f"k{number:02}:{'x' * 20}" for number in range(10))
    context = set_session(remote(f"ot={long}"), KEPT).context
    value = started(SessionRatioSampler(0.5), context).trace_state["ot"]
    assert value == f"th:8;rv:{randomness_of(KEPT)};{long[: 9 * 25 - 1]}"
    assert len(value) <= 256


def test_the_attributes_a_span_starts_with_stay_on_it():
    span = tracer_of(SessionRatioSampler(1)).start_span("span", in_session(KEPT), attributes={"a": 1})
    assert dict(span.attributes) == {"a": 1}


@pytest.mark.parametrize(
    ("one_in", "digits"),
    # The column of precision 4 in the table of the specification.
    [
        (1, "0"),
        (2, "8"),
        (3, "aaab"),
        (4, "c"),
        (5, "cccd"),
        (8, "e"),
        (10, "e666"),
        (16, "f"),
        (100, "fd70a"),
        (1000, "ffbe77"),
        (10_000, "fff9724"),
        (100_000, "ffff583a"),
        (1_000_000, "ffffef39"),
    ],
)
def test_thresholds_are_those_of_the_specification(one_in, digits):
    assert _digits_of(_threshold_of(1 / one_in)) == digits == reference_threshold(1 / one_in)


@given(st.floats(min_value=2**-50, max_value=1))
def test_a_threshold_survives_its_encoding_and_is_as_near_as_it_says(ratio):
    threshold = _threshold_of(ratio)
    digits = _digits_of(threshold)
    assert int(digits.ljust(14, "0"), 16) == threshold
    assert digits == "0" or not digits.endswith("0")
    assert (ALL - threshold) / ALL == pytest.approx(ratio, rel=1e-3)


@given(st.floats(min_value=2**-30, max_value=0.9))
def test_thresholds_agree_with_the_reference(ratio):
    """But where floating point, which the example of the specification uses, rounds once more."""
    ours = int(_digits_of(_threshold_of(ratio)).ljust(14, "0"), 16)
    theirs = int(reference_threshold(ratio).ljust(14, "0"), 16)
    assert (ALL - ours) / (ALL - theirs) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("ratio", [0.9999, 0.99999999])
def test_a_ratio_near_1_keeps_its_digits(ratio):
    assert (ALL - _threshold_of(ratio)) / ALL == pytest.approx(ratio, abs=(1 - ratio) * 1e-3)


@given(st.text())
def test_randomness_is_that_of_the_reference(session_id):
    if session_id.isprintable():
        assert int(randomness_of(session_id), 16) == reference_randomness(session_id)
    assert len(randomness_of(session_id)) == 14


def test_randomness_of_what_utf_8_can_not_hold():
    assert len(randomness_of("\ud800")) == 14


members = st.lists(
    st.one_of(
        st.text(),
        st.sampled_from(["rv:0123456789abcd", "th:8", "rv:", "th:", "rv", "x:y", "rv:xyz", " ", "rv:0123456789abcd "]),
        st.from_regex(r"(rv|th):[0-9a-f]{0,15}", fullmatch=True),
    ),
    max_size=8,
).map(";".join)
value_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters=",="), max_size=200)
printable = st.one_of(members, value_text)


def foreign(value: str) -> list[str]:
    return [each.rstrip() for each in value.split(";") if each.rstrip() and not each.startswith(("rv:", "th:"))]


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first run makes hypothesis' tables of characters
@given(printable, st.sampled_from([None, "8"]), st.sampled_from([None, "0123456789abcd"]))
@example("a:b ;th:1", None, None)
@example("a:b ;rv:1;th:1", None, None)
def test_any_tracestate_can_be_read_and_written_and_what_is_not_ours_is_kept(value, threshold, randomness):
    before = TraceState([("a", "1"), ("ot", value), ("b", "2")])
    randomness_in(before)
    for after in (with_decision(before, threshold, randomness), without_randomness(before)):
        assert TraceState.from_header([after.to_header()]).to_header() == after.to_header()
        assert {key: text for key, text in after.items() if key != "ot"} == {"a": "1", "b": "2"}
        assert foreign(after.get("ot", "")) == foreign(before.get("ot", ""))
    assert randomness_in(with_decision(before, threshold, randomness)) == randomness
    assert "rv:" not in "".join(each[:3] for each in without_randomness(before).get("ot", "").split(";"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a=1,ot=th:8;rv:0123456789abcd;x:y,b=2", "a=1,ot=th:8;x:y,b=2"),
        ("a=1,ot=rv:0123456789abcd,b=2", "a=1,b=2"),
        ("ot=rv:0123456789abcd", ""),
        ("ot=rv:xyz;x:y", "ot=x:y"),
        ("ot=th:8; rv:0123456789abcd", "ot=th:8"),
        ("a=rv:0123456789abcd", "a=rv:0123456789abcd"),
        ("ot=th:8", "ot=th:8"),
        ("", ""),
    ],
)
def test_randomness_is_taken_out_and_everything_else_stays_in_its_place(before, after):
    trace_state = TraceState.from_header([before])
    assert without_randomness(trace_state).to_header() == after
    assert (without_randomness(trace_state) is trace_state) == (before == after)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("rv:0123456789abcd", "0123456789abcd"),
        ("th:8;rv:0123456789abcd;x:y", "0123456789abcd"),
        ("rv:00000000000000;rv:0123456789abcd", "0123456789abcd"),
        ("rv:0123456789abc", None),
        ("rv:0123456789abcde", None),
        ("rv:0x123456789abc", None),
        ("rv:1_234567890123", None),
        ("rv:+1234567890abc", None),
        ("rv", None),
        ("xrv:0123456789abcd", None),
    ],
)
def test_only_14_hex_digits_are_a_randomness(value, found):
    assert randomness_in(TraceState([("ot", value)])) == found


# What is remembered


@pytest.mark.parametrize("session", [{}, {"session_id": DROPPED}], ids=["no session", "session"])
@pytest.mark.parametrize("sampler", [parentbased_session_ratio("0"), session_ratio("0")], ids=["parent based", "plain"])
def test_a_dropped_span_remembers_where_it_would_have_gone(sampler, session):
    context = set_session(Context(), **session).context if session else Context()
    root = tracer_of(sampler).start_span("root", context, SpanKind.CLIENT, CLIENT)
    expected = {key: value for key, value in CLIENT.items() if key in HOST_ATTRIBUTES}
    assert destination_of(root.get_span_context()) == Destination(SpanKind.CLIENT, expected)
    below = set_span_in_context(root, context)
    for kind in SpanKind:
        child = started(sampler, below, kind=kind)
        assert destination_of(child) == Destination(kind, {})
    child = started(sampler, below, kind=SpanKind.CLIENT, attributes={"http.url": "http://b"})
    assert destination_of(child) == Destination(SpanKind.CLIENT, {"http.url": "http://b"})
    assert "b" not in header(child)


@pytest.mark.parametrize("sampler", [parentbased_session_ratio("0"), session_ratio("0")], ids=["parent based", "plain"])
def test_a_request_that_is_not_sampled_is_remembered_below_its_caller(sampler):
    span_context = started(sampler, remote("ot=rv:00000000000000", sampled=False), kind=SpanKind.SERVER)
    assert destination_of(span_context) == Destination(SpanKind.SERVER, {})
    assert header(span_context) == "ot=rv:00000000000000"


def test_nothing_is_remembered_that_another_sampler_would_hand_on_to_the_children():
    """The SDK's sampler for dropped parents gives a child the tracestate of its parent, memory included."""
    sampler = ParentBased(SessionRatioSampler(0), remote_parent_sampled=SessionRatioSampler(0))
    tracer = tracer_of(sampler)
    for context in (Context(), in_session(DROPPED), remote("a=1"), remote("ot=rv:00000000000000")):
        with tracer.start_as_current_span("server", context, SpanKind.SERVER) as server:
            client = tracer.start_span("client", kind=SpanKind.CLIENT, attributes=CLIENT)
        assert destination_of(server.get_span_context()) is None
        assert destination_of(client.get_span_context()) is None


def test_the_plain_form_remembers_below_a_parent_that_was_dropped_here():
    """Whose children come to the same sampler, in a `ParentBased` or not."""
    tracer = tracer_of(SessionRatioSampler(0))
    with tracer.start_as_current_span("server", kind=SpanKind.SERVER) as server:
        client = tracer.start_span("client", kind=SpanKind.CLIENT, attributes=CLIENT)
        assert destination_of(server.get_span_context()) is None
    assert destination_of(client.get_span_context()).kind is SpanKind.CLIENT


def test_a_span_that_is_sampled_has_no_remembered_destination():
    parent = started(session_ratio("0"), in_session(DROPPED), kind=SpanKind.CLIENT, attributes=CLIENT)
    context = set_span_in_context(NonRecordingSpan(parent))
    assert destination_of(started(session_ratio("1"), context)) is None
    assert destination_of(trace.INVALID_SPAN_CONTEXT) is None


def test_a_span_of_no_kind_is_an_internal_one():
    result = session_ratio("0").should_sample(Context(), 1, "span")
    assert result.trace_state.destination == Destination(SpanKind.INTERNAL, {})


class RecordsAll(SessionRatioSampler):
    """As the SDK's `AlwaysRecordSampler` around one of ours, which the oldest supported SDK does not have."""

    def should_sample(self, *args, **kwargs):
        result = super().should_sample(*args, **kwargs)
        return SamplingResult(Decision.RECORD_ONLY, {"a": 1}, result.trace_state)


def test_a_span_that_records_without_being_sampled_has_no_memory_of_the_one_above():
    tracer = tracer_of(RecordsAll(0))
    with (
        tracer.start_as_current_span("root", kind=SpanKind.SERVER),
        tracer.start_as_current_span("client", kind=SpanKind.CLIENT, attributes=CLIENT),
    ):
        span = tracer.start_span("inside")
    assert span.is_recording()
    assert destination_of(span.get_span_context()) == Destination(SpanKind.INTERNAL, {})


def test_a_destination_that_came_in_a_remote_context_is_not_handed_on():
    above = started(session_ratio("0"), in_session(DROPPED), kind=SpanKind.CLIENT, attributes=CLIENT)
    context = SpanContext(7, 8, is_remote=True, trace_state=above.trace_state)
    below = started(SessionRatioSampler(0), set_span_in_context(NonRecordingSpan(context)))
    assert header(below) == header(above)
    assert destination_of(below) is None


@pytest.mark.parametrize("sampler", both_forms(0.5))
@pytest.mark.parametrize("session_id", [KEPT, DROPPED])
def test_the_mark_of_a_session_reaches_every_span_of_the_trace(sampler, session_id):
    tracer = tracer_of(sampler)
    with (
        tracer.start_as_current_span("root", in_session(session_id)),
        tracer.start_as_current_span("child"),
        tracer.start_as_current_span("grandchild", attributes={"a": 1}) as span,
    ):
        assert is_from_session(span.get_span_context().trace_state, None)
        assert get_current_span() is span


def test_a_sampled_child_has_the_tracestate_of_its_parent_itself():
    tracer = tracer_of(ParentBasedSessionRatio(0.5))
    with tracer.start_as_current_span("root", in_session(KEPT)) as root:
        child = tracer.start_span("child")
    assert child.get_span_context().trace_state is root.get_span_context().trace_state


def test_the_mark_survives_what_others_do_to_a_tracestate():
    before = marked(TraceState([("ot", "rv:0123456789abcd")]))
    for after in (before.add("a", "1"), before.update("a", "1"), before.add("a", "1").delete("a"), before.delete("x")):
        assert is_from_session(after, None)
    plain = SessionTraceState([("a", "1")])
    assert not is_from_session(plain.add("b", "2"), None)


@pytest.mark.parametrize("length", [14, 13])
def test_randomness_comes_from_a_session_by_mark_or_by_value(length):
    randomness = randomness_of("conv-1")[:length].upper()
    trace_state = TraceState([("ot", f"rv:{randomness}")])
    assert is_from_session(trace_state, "conv-1") == (length == 14)
    assert not is_from_session(trace_state, "conv-2")
    assert not is_from_session(trace_state, None)
    assert is_from_session(marked(trace_state), None)
    assert marked(marked(trace_state)).to_header() == trace_state.to_header()


def test_a_span_context_with_a_memory_can_be_pickled_and_compared():
    before = started(session_ratio("0"), in_session(DROPPED), kind=SpanKind.CLIENT, attributes=CLIENT)
    after = pickle.loads(pickle.dumps(before))  # noqa: S301  # our own
    assert after == before
    assert destination_of(after) == destination_of(before)


def test_a_tracestate_is_made_where_its_members_are_kept_otherwise(monkeypatch):
    monkeypatch.setattr(trace_state_module, "TraceState", lambda _members: SimpleNamespace(one={}, two={}))
    monkeypatch.setattr(trace_state_module, "_STORE", store())
    assert trace_state_module._STORE is None
    span_context = started(session_ratio("0.5"), in_session(KEPT))
    assert header(span_context) == f"ot=th:8;rv:{randomness_of(KEPT)}"
    assert is_from_session(span_context.trace_state, None)


# Nothing raises


@pytest.mark.parametrize("ratio", [-0.1, 1.1, math.nan, math.inf, "much", None, [], object()])
@pytest.mark.parametrize("make", [SessionRatioSampler, ParentBasedSessionRatio])
def test_a_ratio_that_is_none_warns_once_at_the_line_and_keeps_everything(make, ratio, warnings):
    assert started(make(ratio), in_session(DROPPED)).trace_flags.sampled
    (said,) = warnings()
    assert said.startswith("otel_sessions: the ratio of a sampler is not a number from 0 to 1: everything is kept (")
    assert "test_sampler.py" in said


@pytest.mark.parametrize("make", [session_ratio, parentbased_session_ratio])
@pytest.mark.parametrize("argument", [None, "", "much", "1.5", "nan", "-1"])
def test_an_argument_that_is_no_ratio_warns_and_keeps_everything(make, argument, warnings):
    assert started(make(argument), in_session(DROPPED)).trace_flags.sampled
    assert warnings() == [
        "otel_sessions: OTEL_TRACES_SAMPLER_ARG is not set to a number from 0 to 1: everything is kept"
    ]


@pytest.mark.parametrize("sampler", [session_ratio("0.5"), parentbased_session_ratio("0.5")], ids=["plain", "parent"])
@pytest.mark.parametrize(("trace_id", "is_kept"), [(ALL - 1, True), (0, False)])
def test_where_looking_for_the_session_raises_the_trace_id_decides(sampler, trace_id, is_kept, monkeypatch, warnings):
    monkeypatch.setattr("otel_sessions._pipeline.sampler.state_in", lambda _context: 1 / 0)
    for attributes in ({"a": 1}, [1]):
        result = sampler.should_sample(Context(), trace_id, "span", SpanKind.CLIENT, attributes)
        assert result.decision.is_sampled() == is_kept
    assert warnings() == ["otel_sessions: sampling raised ZeroDivisionError: the trace id decides"]


def test_a_tracestate_that_is_none_drops_what_is_dropped_anyway(warnings):
    parent = SpanContext(7, 8, is_remote=False, trace_state="broken")
    context = set_span_in_context(NonRecordingSpan(parent), Context())
    result = ParentBasedSessionRatio(0.5).should_sample(context, 7, "span")
    assert result.decision is Decision.DROP
    assert warnings() == ["otel_sessions: sampling raised AttributeError: the trace id decides"]


def test_what_stands_for_a_span_and_is_none_is_no_parent():
    ((key, _),) = set_span_in_context(trace.INVALID_SPAN, Context()).items()
    for stranger in (object(), trace.INVALID_SPAN):
        context = Context({**in_session(KEPT), key: stranger})
        assert started(SessionRatioSampler(0.5), context).trace_flags.sampled


# By name


def test_samplers_describe_themselves_as_those_of_the_sdk_do():
    assert SessionRatioSampler(0.1).get_description() == "SessionRatioSampler{0.1}"
    assert repr(SessionRatioSampler(0.1)) == "SessionRatioSampler(0.1)"
    assert ParentBasedSessionRatio(0.1).get_description().startswith("ParentBased{root:SessionRatioSampler{0.1},")
    assert ALWAYS_OFF.get_description() in ParentBasedSessionRatio(0.1).get_description()


@pytest.mark.warned_of("everything is kept")
@pytest.mark.parametrize("name", ["session_ratio", "parentbased_session_ratio"])
@pytest.mark.parametrize(("argument", "is_kept"), [(None, True), ("0.5", False), ("0", False)])
def test_the_sdk_configures_them_by_name(name, argument, is_kept, monkeypatch):
    factory = getattr(sampler_module, name)
    entry_point = SimpleNamespace(name=name, load=lambda: factory)
    monkeypatch.setattr(_configuration, "entry_points", lambda **_: iter([entry_point]))
    monkeypatch.delenv("OTEL_TRACES_SAMPLER_ARG", raising=False)
    if argument is not None:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    sampler = _configuration._import_sampler(name)
    assert "SessionRatioSampler" in sampler.get_description()
    assert started(sampler, in_session(DROPPED)).trace_flags.sampled == is_kept


@pytest.mark.parametrize("make", [session_ratio_of_file, parentbased_session_ratio_of_file])
def test_a_sampler_of_a_configuration_file_takes_its_ratio_from_the_environment(make, monkeypatch, warnings):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    assert not make().keeps_session("conv-42")
    monkeypatch.delenv("OTEL_TRACES_SAMPLER_ARG")
    assert make().keeps_session("conv-42")
    assert warnings() == [
        "otel_sessions: OTEL_TRACES_SAMPLER_ARG is not set to a number from 0 to 1: everything is kept"
    ]
