"""What is left out where no session may go: under every name, by its value too, in baggage, tracestate and copied headers."""

from __future__ import annotations

import logging
import uuid
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.jaeger import JaegerPropagator
from opentelemetry.propagators.textmap import TextMapPropagator, default_setter
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState

from clients import ALLOWED, REFUSED, Recorder, call, instrumented, names_on_loopback, propagating, w3c
from otel_sessions import clear_session, from_carrier, set_session, to_carrier
from otel_sessions._context.guard import guards_in
from otel_sessions._propagation.occurrences import occurrences_of
from otel_sessions._propagation.recent import Recent
from otel_sessions._propagation.refusals import Refusals
from otel_sessions.sdk import SessionPropagator, instrument

SESSION, USER, PREVIOUS = "conv-4242-S3cret", "ada.lovelace", "conv-4241-before"
PUBLIC, OWN = "https://api.example.com/v1", "http://orders:8080/"


@pytest.fixture
def guard():
    guard = SessionPropagator(w3c())
    with propagating(guard):
        yield guard


@pytest.fixture
def sent(pipeline):
    """Return a function that tells what a call sends beside the session, of these entries of baggage."""

    def headers_of(entries, url=PUBLIC, carrier=None, guard=None, session_id=SESSION, user_id=USER):  # noqa: PLR0913, PLR0917  # of one call
        carrier = {} if carrier is None else carrier
        here = context.get_current()
        for key, value in entries.items():
            here = baggage.set_baggage(key, value, here)
        attributes = {"url.full": url}
        with (
            set_session(here, session_id, user_id=user_id, previous_id=PREVIOUS) as _,
            pipeline.tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes=attributes),
        ):
            (guard or SessionPropagator(w3c())).inject(carrier)
        carrier.pop("traceparent", None)
        return carrier

    return headers_of


# By name


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.conversation.id", "azure.ai.agentserver.session_id", "microsoft.session.id", "user.email", "user.name",
        "client.address", "langfuse_session_id", "enduser.id", "session.metadata.tenant", "User.Email",
    ],
)  # fmt: skip
def test_what_another_tool_says_of_the_conversation_or_its_user_goes_nowhere_else(sent, key):
    entries = {key: "1", "tenant": "acme"}
    assert sent(entries) == {"baggage": "tenant=acme"}
    assert f"{key}=1,tenant=acme" in sent(entries, OWN)["baggage"]


def test_it_goes_nowhere_without_a_session_of_ours_either(pipeline):
    here = baggage.set_baggage("user.email", "ada@example.com", baggage.set_baggage("tenant", "acme"))
    with (
        clear_session(),
        pipeline.tracer.start_as_current_span("GET", here, SpanKind.CLIENT, {"url.full": PUBLIC}) as span,
    ):
        SessionPropagator(w3c()).inject(carrier := {}, trace.set_span_in_context(span, here))
    assert carrier["baggage"] == "tenant=acme"


def test_a_name_of_the_users_own_is_one_of_them(pipeline, sent):
    assert sent({"shop.chat": "1"}) == {"baggage": "shop.chat=1"}
    instrument(pipeline.provider, aliases="shop.chat=session.id")
    assert sent({"shop.chat": "1"}) == {}


# By value


@pytest.mark.parametrize("value", [SESSION, USER, PREVIOUS, SESSION.lower(), SESSION.upper(), f" {USER} "])
@pytest.mark.parametrize(
    "form",
    [
        "{}", '{{"thread": "{}"}}', "https://chat.example/{}/messages?x=1", "[{}]", "a b {} c", "user:{}", "{};ttl=5", "_{}_",
    ],
)  # fmt: skip
def test_a_value_that_is_an_id_or_has_one_as_a_word_goes_nowhere_else(sent, value, form):
    for entry in (form.format(value), quote(form.format(value), ""), quote(quote(form.format(value), ""), "")):
        assert sent({"any.name": entry, "tenant": "acme"}) == {"baggage": "tenant=acme"}


@pytest.mark.parametrize("value", [f"x{USER}", f"{USER}2", SESSION[:-1], "conv", "ada", ""])
def test_a_value_that_is_another_word_goes(sent, value):
    assert sent({"any.name": value}) == {"baggage": f"any.name={value}"}


def test_a_text_is_decoded_as_often_as_anybody_would(sent):
    entry = quote(f"{SESSION} {USER}", "").replace("-", "%2D").replace(".", "%2E")
    for _ in range(2):
        entry = quote(entry, "")
    assert sent({"any.name": entry}) == {}
    assert sent({"any.name": quote(entry, "")}).keys() == {"baggage"}


@pytest.mark.parametrize(("session_id", "is_looked_for"), [("1234567", False), ("12345678", True)])
def test_an_id_of_fewer_than_eight_characters_is_no_evidence(sent, session_id, is_looked_for):
    assert sent({"any.name": session_id}, session_id=session_id) == (
        {} if is_looked_for else {"baggage": f"any.name={session_id}"}
    )
    assert sent({"session_id": session_id}, session_id=session_id) == {}


def test_an_id_is_found_in_a_name_and_in_a_value_that_is_no_text(sent):
    session_id = uuid.uuid4()
    assert sent({f"flags-{session_id}": "1", "a": session_id, "b": 5}, session_id=session_id) == {"baggage": "b=5"}


def test_a_value_that_can_not_be_shown_is_not_looked_at(sent, warnings):
    class Unprintable:
        def __str__(self):
            raise ZeroDivisionError

    assert sent({"bad": Unprintable(), "tenant": "acme"}) == {"baggage": "tenant=acme"}
    assert warnings() == ["otel_sessions: inject of the propagators raised ZeroDivisionError"]


@pytest.mark.parametrize("settings", [{"user_privacy": "hash", "user_hash_key": "k" * 16}, {"user_privacy": "drop"}])
def test_an_id_is_found_as_it_was_given_and_as_it_is_shown(pipeline, sent, settings):
    instrument(pipeline.provider, **settings)
    with set_session(SESSION, user_id=USER):
        header = to_carrier()["baggage"]
    shown = [member.partition("=")[2] for member in header.split(",")]
    assert sent({f"name-{number}": value for number, value in enumerate([USER, *shown])}) == {}


@pytest.mark.warned_of("digest")
@pytest.mark.parametrize("session_id", ["x" * 201, "Gespr\u00e4ch-\u00fcber-Tracing"])
def test_an_id_that_is_carried_as_its_digest_is_found_as_it_was(sent, session_id):
    with set_session(session_id) as session:
        digest = session.id
    assert sent({"a": session_id, "b": digest, "c": f"{session_id}x"}, session_id=session_id) == {
        "baggage": f"c={quote(session_id)}x"
    }


@pytest.mark.parametrize(
    "state", [None, SimpleNamespace(session=SimpleNamespace(id=None, user_id="ada", previous_id=None), items={})]
)
def test_where_no_id_is_long_enough_there_is_nothing_to_find(state):
    assert not occurrences_of(state)
    assert not occurrences_of(state).stand_in("ada")


# tracestate, and headers of other propagators


class Custom(TextMapPropagator):
    """Writes a header of its own, as an application may have it."""

    fields = frozenset({"x-chat"})

    def __init__(self, name, value):
        self.name, self.value = name, value

    def inject(self, carrier, context=None, setter=default_setter):  # noqa: ARG002
        setter.set(carrier, self.name, self.value)

    def extract(self, carrier, context=None, getter=None):  # noqa: ARG002
        return context


def _guard_with(*others):
    return SessionPropagator(CompositePropagator([w3c(), *others]))


def test_members_of_tracestate_go_by_name_and_value_too(pipeline):
    state = TraceState([("a", "1"), ("b", SESSION), ("user_id", "ada"), ("c", "x y")])
    remote = NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=state))
    with trace.use_span(remote), set_session(SESSION):
        for url, expected in ((PUBLIC, "a=1,c=x y"), (OWN, state.to_header())):
            with pipeline.tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes={"url.full": url}):
                SessionPropagator(w3c()).inject(carrier := {})
            assert carrier["tracestate"] == expected


def test_a_header_that_another_propagator_writes_goes_by_its_value(sent):
    assert sent({}, guard=_guard_with(Custom("x-chat", f"of={SESSION}"), Custom("x-shop", "1"))) == {"x-shop": "1"}
    assert sent({}, OWN, guard=_guard_with(Custom("x-chat", SESSION)))["x-chat"] == SESSION


def test_entries_that_are_headers_of_their_own_go_by_name_and_value(sent):
    carrier = {"uberctx-any.name": SESSION, "ot-baggage-user.email": "x", "uberctx-tenant": "acme"}
    guard = SessionPropagator(JaegerPropagator())
    assert sent({"user.name": "x", "flags": "1"}, carrier=carrier, guard=guard).keys() == {
        "uberctx-tenant", "uberctx-flags", "uber-trace-id",
    }  # fmt: skip


def test_a_session_that_is_named_after_the_trace_takes_no_trace_out(pipeline):
    with pipeline.tracer.start_as_current_span("turn") as turn:
        trace_id = trace.format_trace_id(turn.get_span_context().trace_id)
        for session_id in (trace_id, str(uuid.UUID(trace_id))):
            guard = _guard_with(Custom("x-trace", trace_id), Custom("x-user", USER))
            with (
                set_session(baggage.set_baggage("any", session_id), session_id, user_id=USER),
                pipeline.tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes={"url.full": PUBLIC}),
            ):
                guard.inject(carrier := {})
            assert carrier.keys() == {"traceparent", "x-trace"}


# Copied headers


@pytest.fixture
def recorder():
    recorder = Recorder()
    with names_on_loopback():
        yield recorder
    recorder.close()


GIVEN = {"X-Chat": SESSION, "X-Link": f"https://chat.example/{SESSION}", "X-Shop": "acme", "Helicone-User-Id": USER}


@pytest.mark.parametrize("client", ["httpx", "httpx-async", "requests", "urllib", "aiohttp"])
@pytest.mark.usefixtures("guard")
def test_a_host_that_a_redirect_leads_to_gets_no_header_with_an_id_that_was_made_for_another(recorder, client):
    with instrumented(client), set_session(SESSION, user_id=USER):
        first, second = call(recorder, client, recorder.url(ALLOWED, to=(REFUSED,)), dict(GIVEN))
    assert {name: first.one(name.lower()) for name in GIVEN} == GIVEN
    assert {name: second.one(name.lower()) for name in GIVEN} == {**dict.fromkeys(GIVEN), "X-Shop": "acme"}
    assert second.one("traceparent") is not None
    assert second.one("host") == f"{REFUSED}:{recorder.port}"


@pytest.mark.parametrize("client", ["httpx", "requests", "urllib3", "urllib", "aiohttp"])
@pytest.mark.usefixtures("guard")
def test_what_the_application_gives_to_a_host_itself_goes_there(recorder, client):
    with instrumented(client), set_session(SESSION, user_id=USER):
        (arrived,) = call(recorder, client, recorder.url(REFUSED), dict(GIVEN))
    assert {name: arrived.one(name.lower()) for name in GIVEN} == GIVEN


def test_a_copy_without_a_trace_is_guarded_by_the_values_of_its_headers_too(recorder):
    """Baggage alone, so that the trace does not tell that the headers are a copy."""
    guard = SessionPropagator(W3CBaggagePropagator())
    with propagating(guard), instrumented("requests"), set_session(SESSION, user_id=USER):
        _, second = call(recorder, "requests", recorder.url(ALLOWED, to=(REFUSED,)), dict(GIVEN))
    assert {name for name in ("baggage", *GIVEN) if second.one(name.lower())} == {"X-Shop"}
    assert guard.withheld()["X-Chat".lower()] == 1


@pytest.mark.usefixtures("guard")
def test_a_call_that_nobody_injects_into_stays_as_it_is(recorder):
    with set_session(SESSION, user_id=USER):
        propagate.inject({})  # from here on redirects are seen
        first, second = call(recorder, "requests", recorder.url(ALLOWED, to=(REFUSED,)), dict(GIVEN))
    assert [{name: each.one(name.lower()) for name in GIVEN} for each in (first, second)] == [GIVEN] * 2


@pytest.mark.warned_of("TracerProvider")
@pytest.mark.parametrize("propagate_to", ["all", "private"])
def test_a_copy_stays_as_it_is_where_its_host_may_have_it_or_all_is_off(monkeypatch, propagate_to):
    (guard,) = guards_in(SessionPropagator(w3c(), propagate_to=propagate_to))
    headers = {"x-chat": SESSION}
    if propagate_to == "private":
        monkeypatch.setenv("OTEL_SESSION_DISABLED", "true")
        instrument()
    with set_session(SESSION):
        guard.guard_copy(headers, context.get_current(), default_setter)
    assert headers == {"x-chat": SESSION}


# Counted, and said


def test_what_is_left_out_is_counted_by_key_and_said_once_without_the_value(sent, caplog):
    caplog.set_level(logging.INFO, "otel_sessions")
    guard = SessionPropagator(w3c())
    for _ in range(2):
        sent({"user.email": "ada@example.com", "any.name": SESSION, "tenant": "acme"}, guard=guard)
    assert guard.withheld() == {
        "session.id": 2, "user.id": 2, "session.previous_id": 2, "user.email": 2, "any.name": 2,
    }  # fmt: skip
    told = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert sorted(told) == [
        f"otel_sessions: {key!r} is left out of calls that are sent without the session: by its name or its value it tells "
        "of a session or of a user; OTEL_SESSION_PROPAGATE_TO says who gets those"
        for key in ("any.name", "user.email")
    ]
    assert not any(secret in caplog.text for secret in (SESSION, USER, "ada@"))


def test_a_key_that_is_named_after_an_id_is_not_named(sent, caplog):
    caplog.set_level(logging.INFO, "otel_sessions")
    guard = SessionPropagator(w3c())
    sent({f"flags.{SESSION}": "1"}, guard=guard)
    assert guard.withheld()["a key with an id in its name"] == 1
    assert SESSION not in caplog.text


def test_a_known_key_is_named_whatever_the_ids_are(sent):
    guard = SessionPropagator(w3c())
    sent({"gen_ai.conversation.id": "1", "user.name": "1"}, guard=guard, user_id="conversation")
    assert {"gen_ai.conversation.id", "user.name"} <= guard.withheld().keys()


def test_very_many_keys_are_counted_together():
    refusals = Refusals()
    refusals.of_entries([f"user.{number}" for number in range(300)], None)
    assert (len(refusals.keys()), refusals.keys()["others"]) == (257, 44)


def test_what_goes_out_is_not_counted(sent):
    guard = SessionPropagator(w3c())
    sent({"user.email": "x"}, OWN, guard=guard)
    assert guard.withheld() == {}


# Messages: what `to_carrier` has written stays


def test_what_the_application_has_put_into_a_message_stays_where_nothing_is_sent(pipeline):
    guard = SessionPropagator(w3c(), propagate_to="none")
    with set_session(baggage.set_baggage("tenant", "acme"), SESSION), pipeline.tracer.start_as_current_span("work"):
        own = to_carrier()
        guard.inject(message := dict(own))
        guard.inject(by_hand := {"baggage": f"session.id={SESSION},x=1"})
    assert message == own
    assert by_hand["baggage"] == "tenant=acme"
    with from_carrier(message) as session:
        assert session.id == SESSION


@pytest.mark.usefixtures("guard")
def test_it_does_not_stay_in_a_call_of_a_client(pipeline):
    with set_session(SESSION):
        headers = to_carrier()
        with pipeline.tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes={"url.full": PUBLIC}):
            propagate.inject(headers)
    assert "baggage" not in headers


def test_what_was_seen_of_late_is_known_and_no_more_than_that():
    recent = Recent()
    for number in range(5000):
        recent.add(f"text {number}")
    assert "text 4999" in recent
    assert "text 2952" in recent
    assert "text 0" not in recent
    assert not any(isinstance(each, str) for kept in (recent._now, recent._before) for each in kept)
