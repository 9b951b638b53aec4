"""The guard of the propagators, by spans made by hand: what is sent where, and what is said of it. Clients: test_egress."""

from __future__ import annotations

import logging

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.jaeger import JaegerPropagator
from opentelemetry.propagators.textmap import Setter, TextMapPropagator, default_getter, default_setter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, TraceState, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from libraries import imported
from otel_sessions import bind_session, clear_session, get_session, set_session, to_carrier, update_session
from otel_sessions._context.local_trace import SPAN_KEY
from otel_sessions._propagation.propagator import session_baggage
from otel_sessions._settings.destinations import Destinations
from otel_sessions._settings.hosts import UnusableDestinationError
from otel_sessions.sdk import (
    ParentBasedSessionRatio,
    SessionPropagator,
    SessionRatioSampler,
    SessionSpanProcessor,
    instrument,
)

IDS = "session.id=conv-42,user.id=ada"
PUBLIC, OWN = "https://api.example.com/v1", "http://orders:8080/"


def w3c():
    return CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


def calling(pipeline, url=None, kind=SpanKind.CLIENT, **attributes):
    found = attributes if url is None else {"url.full": url} | attributes
    return pipeline.tracer.start_as_current_span("GET", kind=kind, attributes=found)


@pytest.fixture
def sent(pipeline):
    """Return a function that tells the baggage that a call of a URL is sent with, in a session."""

    def baggage_of(url=None, *, kind=SpanKind.CLIENT, carrier=None, propagator=None, **settings):
        carrier = {} if carrier is None else carrier
        with set_session("conv-42", user_id="ada"), calling(pipeline, url, kind):
            (propagator or SessionPropagator(w3c(), **settings)).inject(carrier)
        assert "traceparent" in carrier
        return carrier.get("baggage")

    return baggage_of


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.INFO, "otel_sessions")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "otel_sessions"]


# Egress


@pytest.mark.parametrize(
    "url", [OWN, "http://127.0.0.1/", "https://10.0.0.7:9/", "http://[::1]/", "http://a.internal/"]
)
def test_the_session_goes_to_private_destinations(sent, url):
    assert sent(url) == IDS


@pytest.mark.parametrize(
    "url", [PUBLIC, "http://8.8.8.8/", "http://134744072/", "http://localhost@example.com/", "?", ""]
)
def test_the_session_goes_nowhere_else(sent, url):
    assert sent(url) is None


def test_a_call_whose_host_nobody_tells_gets_nothing(sent):
    assert sent() is None


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"server.address": "orders"}, IDS),
        ({"net.peer.name": "10.1.2.3"}, IDS),
        ({"http.url": OWN}, IDS),
        ({"http.url": PUBLIC, "server.address": "orders"}, None),
        ({"url.full": OWN, "server.address": "api.example.com"}, None),
        ({"server.address": 5}, None),
        ({"http.method": "GET"}, None),
    ],
)
def test_every_attribute_that_names_the_host_has_to_agree(pipeline, attributes, expected):
    with set_session("conv-42", user_id="ada"), calling(pipeline, **attributes):
        SessionPropagator(w3c()).inject(carrier := {})
    assert carrier.get("baggage") == expected


@pytest.mark.parametrize("kind", [SpanKind.PRODUCER, SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CONSUMER])
def test_what_is_no_call_of_a_client_is_the_users_own(sent, kind):
    assert sent(PUBLIC, kind=kind) == IDS


def test_what_is_sent_outside_of_any_span_is_the_users_own():
    with set_session("conv-42", user_id="ada"):
        SessionPropagator(w3c()).inject(carrier := {})
    assert carrier == {"baggage": IDS}


@pytest.mark.parametrize("kind", [SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.INTERNAL])
def test_with_none_nothing_is_sent_but_what_the_user_writes_to_a_carrier(sent, kind):
    assert sent(OWN, kind=kind, propagate_to="none") is None
    with set_session("conv-42", user_id="ada"):
        assert to_carrier() == {"baggage": IDS}


@pytest.mark.parametrize("url", [PUBLIC, "?", None])
def test_with_all_the_session_goes_everywhere(sent, url):
    assert sent(url, propagate_to="all") == IDS


def test_a_list_adds_to_private_or_stands_for_itself(sent):
    assert sent(PUBLIC, propagate_to=["private", "*.example.com"]) == IDS
    assert sent(OWN, propagate_to="*.example.com") is None


@pytest.mark.warned_of("TracerProvider")
def test_the_environment_and_instrument_say_where_to(sent, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_PROPAGATE_TO", "all")
    propagator = SessionPropagator(w3c())
    assert sent(PUBLIC, propagator=propagator) == IDS
    instrument(propagate_to="none")
    assert sent(PUBLIC, propagator=propagator) is None
    assert sent(PUBLIC, propagator=SessionPropagator(w3c(), propagate_to="all")) == IDS


def test_what_others_have_in_baggage_is_sent_as_without_us(pipeline):
    with calling(pipeline, PUBLIC):
        token = context.attach(baggage.set_baggage("theirs", "1 2+3", baggage.set_baggage("more", "x")))
        w3c().inject(plain := {})
        with set_session("conv-42", user_id="ada"):
            SessionPropagator(w3c()).inject(refused := {})
            SessionPropagator(w3c(), propagate_to="all").inject(allowed := {})
        context.detach(token)
    assert refused == plain
    assert allowed == plain | {"baggage": f"{IDS},{plain['baggage']}"}


@pytest.mark.warned_of("baggage of others")
def test_ours_come_first_so_that_a_full_header_has_them(pipeline):
    full = context.get_current()
    for number in range(300):
        full = baggage.set_baggage(f"theirs-{number}", "x" * 50, full)
    with calling(pipeline, OWN), set_session(full, "conv-42", user_id="ada"):
        token = context.attach(baggage.set_baggage("session.id", "by hand"))
        SessionPropagator(w3c()).inject(carrier := {})
        context.detach(token)
    assert carrier["baggage"].startswith(IDS + ",theirs-0=")
    assert len(carrier["baggage"]) <= 8192


def test_a_space_is_sent_so_that_every_sdk_reads_it(pipeline):
    with calling(pipeline, OWN), set_session("a b+c", name="Trip planning"):
        SessionPropagator(w3c()).inject(carrier := {})
    assert carrier["baggage"] == "session.id=a%20b%2Bc,session.name=Trip%20planning"


def test_a_session_that_was_bound_is_sent(pipeline):
    with calling(pipeline, OWN):
        bind_session("conv-42", user_id="ada")
        SessionPropagator(w3c()).inject(carrier := {})
    assert carrier["baggage"] == IDS


def test_without_a_session_nothing_of_one_is_sent(pipeline):
    with calling(pipeline, OWN), set_session("conv-42"), clear_session():
        SessionPropagator(w3c()).inject(carrier := {})
    assert list(carrier) == ["traceparent"]


def test_where_the_application_sends_no_baggage_neither_do_we(sent):
    assert sent(OWN, propagator=SessionPropagator(TraceContextTextMapPropagator())) is None


@pytest.mark.parametrize("key", ["session.id ", "\tuser.id", "user.id\u00a0"])
def test_a_key_that_whoever_reads_it_takes_for_ours_is_guarded(pipeline, key):
    with calling(pipeline, PUBLIC):
        token = context.attach(baggage.set_baggage(key, "ada", baggage.set_baggage("x", "1")))
        SessionPropagator(w3c()).inject(carrier := {})
        context.detach(token)
    assert carrier["baggage"] == "x=1"


def test_langfuses_own_entries_are_of_a_session_too(pipeline):
    with calling(pipeline, PUBLIC):
        token = context.attach(baggage.set_baggage("langfuse_user_id", "ada", baggage.set_baggage("x", "1")))
        SessionPropagator(w3c()).inject(carrier := {})
        context.detach(token)
    assert carrier["baggage"] == "x=1"


# What was there before: redirects


class Pairs(Setter):
    def set(self, carrier, key, value):
        carrier.append((key, value))


@pytest.mark.parametrize("name", ["baggage", "Baggage", "BAGGAGE"])
def test_a_host_that_is_not_allowed_does_not_get_what_a_redirect_has_copied(sent, name):
    carrier = {name: f"theirs=1,{IDS};ttl=5,session%2Eid=x", "accept": "*/*"}
    sent(PUBLIC, carrier=carrier)
    assert {key: value for key, value in carrier.items() if key != "traceparent"} == {
        "baggage": "theirs=1",
        "accept": "*/*",
    }


def test_a_list_of_pairs_is_cleaned_too(pipeline):
    carrier = [
        ("baggage", f"{IDS},x=1"),
        (b"baggage", b"user.id=eve"),
        ["baggage", bytearray(b"user.id=eve")],
        ("te", "trailers"),
    ]
    with set_session("conv-42"), calling(pipeline, PUBLIC):
        SessionPropagator(w3c()).inject(carrier, setter=Pairs())
    assert sorted(str(name) for name, _ in carrier) == ["baggage", "te", "traceparent"]
    assert dict(carrier)["baggage"] == "x=1"


def test_metadata_of_grpc_that_has_pairs_for_keys_is_cleaned_too(pipeline):
    class Metadata:
        """As that of `grpc.aio` in grpcio 1.66."""

        def __init__(self):
            self.pairs = [("baggage", f"{IDS},x=1")]

        def __iter__(self):
            return iter(self.pairs)

        def items(self):
            raise KeyError

        def __delitem__(self, key):
            self.pairs = [pair for pair in self.pairs if pair[0] != key]

        def __setitem__(self, key, value):
            del self[key]
            self.pairs.append((key, value))

    carrier = Metadata()
    with set_session("conv-42"), calling(pipeline, PUBLIC):
        SessionPropagator(W3CBaggagePropagator()).inject(carrier)
    assert carrier.pairs == [("baggage", "x=1")]


def test_a_carrier_that_nothing_can_be_taken_out_of_is_written_over(pipeline):
    class Carrier:
        def __init__(self):
            self.headers = {"baggage": IDS}

        def items(self):
            return self.headers.items()

    class Write(Setter):
        def set(self, carrier, key, value):
            carrier.headers[key] = value

    carrier = Carrier()
    with set_session("conv-42"), calling(pipeline, PUBLIC):
        SessionPropagator(w3c()).inject(carrier, setter=Write())
    assert carrier.headers["baggage"] == ""


def test_jaegers_headers_are_guarded_as_well(pipeline):
    propagator = SessionPropagator(JaegerPropagator())
    with set_session("conv-42"), calling(pipeline, OWN):
        propagator.inject(allowed := {})
    with set_session("conv-42"), calling(pipeline, PUBLIC):
        propagator.inject(refused := dict(allowed))
    assert allowed["uberctx-session.id"] == "conv-42"
    assert set(refused) == {"uber-trace-id"}


# tracestate


@pytest.mark.parametrize(("url", "has_it"), [(OWN, True), (PUBLIC, False)])
def test_a_randomness_that_derives_from_the_session_stays_at_home(make_pipeline, url, has_it):
    pipeline = make_pipeline(sampler=SessionRatioSampler(1.0))
    with (
        set_session("conv-42"),
        pipeline.tracer.start_as_current_span("turn"),
        set_session("other"),
        calling(pipeline, url),
    ):
        SessionPropagator(w3c()).inject(carrier := {})
    assert ("rv:" in carrier["tracestate"]) is has_it
    assert "ot=th:0" in carrier["tracestate"]


def test_a_randomness_of_the_caller_that_derives_from_the_session_stays_at_home_too(make_pipeline):
    root, service = make_pipeline(sampler=SessionRatioSampler(1.0)), make_pipeline(sampler=ParentBasedSessionRatio(1.0))
    propagator = SessionPropagator(w3c())
    with set_session("conv-42"), calling(root, OWN):
        propagator.inject(request := {})
    received = propagator.extract(request)
    with set_session(received, "another"), calling(service, PUBLIC):
        propagator.inject(carrier := {"tracestate": request["tracestate"]})
    assert "rv:" in request["tracestate"]
    assert carrier["tracestate"] == "ot=th:0"


class Random(Sampler):
    """Somebody else's, which makes up a randomness."""

    def should_sample(self, *_args, **_options):
        return SamplingResult(Decision.RECORD_AND_SAMPLE, None, TraceState([("ot", "rv:0123456789abcd"), ("x", "y")]))

    def get_description(self):
        return "Random"


def test_a_randomness_that_a_sampler_of_this_process_has_made_up_is_sent(make_pipeline):
    with set_session("conv-42"), calling(make_pipeline(sampler=Random()), PUBLIC):
        SessionPropagator(w3c()).inject(carrier := {})
    assert carrier["tracestate"] == "ot=rv:0123456789abcd,x=y"


@pytest.mark.parametrize("inside", [lambda: set_session("another"), clear_session], ids=["another", "none"])
def test_a_randomness_of_a_caller_stays_at_home_whatever_session_it_derives_from(make_pipeline, inside):
    """The caller may have been in another session when its trace began, and that one is nowhere in the request."""
    root, service = make_pipeline(sampler=SessionRatioSampler(1.0)), make_pipeline(sampler=ParentBasedSessionRatio(1.0))
    propagator = SessionPropagator(w3c())
    with set_session("conv-42"), root.tracer.start_as_current_span("turn"), inside(), calling(root, OWN):
        propagator.inject(request := {})
    with trace.use_span(service.tracer.start_span("GET", propagator.extract(request), SpanKind.SERVER)):
        with calling(service, OWN):
            propagator.inject(allowed := {})
        with calling(service, PUBLIC):
            propagator.inject(refused := {})
    assert request["tracestate"] == allowed["tracestate"]
    assert "rv:" in allowed["tracestate"]
    assert refused["tracestate"] == "ot=th:0"


def test_what_is_left_empty_is_not_sent(make_pipeline):
    pipeline = make_pipeline(sampler=SessionRatioSampler(0))
    with set_session("conv-42"), calling(pipeline, PUBLIC):
        SessionPropagator(w3c()).inject(carrier := {"tracestate": "ot=rv:0123456789abcd"})
    assert "tracestate" not in carrier


# Spans that are not sampled


@pytest.mark.parametrize(("url", "expected"), [(OWN, IDS), (PUBLIC, None)])
def test_a_call_that_is_not_sampled_is_judged_by_what_our_sampler_remembers(make_pipeline, url, expected):
    pipeline = make_pipeline(sampler=ParentBasedSessionRatio(0))
    with set_session("conv-42", user_id="ada"), calling(pipeline, url):
        SessionPropagator(w3c()).inject(carrier := {})
    assert carrier["traceparent"].endswith("-00") or carrier["traceparent"].endswith("-02")
    assert carrier.get("baggage") == expected


def test_a_call_that_nobody_remembers_gets_nothing(make_pipeline):
    pipeline = make_pipeline(sampler=ALWAYS_OFF)
    with set_session("conv-42", user_id="ada"), calling(pipeline, OWN):
        SessionPropagator(w3c()).inject(carrier := {})
        SessionPropagator(w3c(), propagate_to="all").inject(everywhere := {})
    assert list(carrier) == ["traceparent"]
    assert everywhere["baggage"] == IDS


class Vendors(TextMapPropagator):
    """Stands around the application's propagators."""

    def __init__(self, inner):
        self.inner = inner

    @property
    def fields(self):
        return self.inner.fields

    def inject(self, carrier, context=None, setter=default_setter):
        self.inner.inject(carrier, context, setter)

    def extract(self, carrier, context=None, getter=default_getter):
        return self.inner.extract(carrier, context, getter)


@pytest.mark.parametrize("around", [lambda guard: guard, Vendors], ids=["alone", "inside-of-another"])
@pytest.mark.parametrize(
    ("folder", "module", "is_the_users"),
    [
        ("src", "app.client", True),
        ("site-packages", "opentelemetry.instrumentation.somebodys", False),
        ("site-packages", "openinference.instrumentation.mcp", False),
        ("site-packages", "mcp.client.somebodys", False),
        ("site-packages", "anybody", False),
    ],
)
def test_without_a_tracer_a_library_is_not_the_user(monkeypatch, tmp_path, around, folder, module, is_the_users):  # noqa: PLR0913, PLR0917  # a table
    source = "def inject(propagator, carrier):\n    propagator.inject(carrier)\n"
    caller = imported(monkeypatch, tmp_path / folder, module, source)
    carrier = {}
    with set_session("conv-42", user_id="ada"):
        caller.inject(around(SessionPropagator(w3c())), carrier)
    assert carrier == ({"baggage": IDS} if is_the_users else {})


# What is said


def test_refusals_are_counted_by_host_and_said_once_with_the_remedy(sent, told):
    propagator = SessionPropagator(w3c())
    for url in (PUBLIC, "https://api.example.com/other", "http://8.8.8.8/", PUBLIC, OWN):
        sent(url, propagator=propagator)
    assert propagator.refusals() == {"api.example.com": 3, "8.8.8.8": 1}
    assert told() == [
        f"otel_sessions: calls to {host} are sent without the session, which OTEL_SESSION_PROPAGATE_TO does not allow; "
        f"if it is yours: OTEL_SESSION_PROPAGATE_TO=private,{host}"
        for host in ("api.example.com", "8.8.8.8")
    ]


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "134744072"])
def test_a_host_that_the_setting_does_not_take_is_not_to_be_put_into_it(sent, told, host):
    with pytest.raises(UnusableDestinationError):
        Destinations.parsed(["private", host])
    sent(f"http://{host}/")
    (text,) = told()
    assert text == (
        f"otel_sessions: calls to {host} are sent without the session, which OTEL_SESSION_PROPAGATE_TO (private) does not "
        "allow; if it is yours, call it by a name, or by its address in the usual form (10.0.0.1), which can be listed there"
    )


def test_what_is_said_of_a_span_that_is_not_sampled_is_what_helps(make_pipeline, told):
    with set_session("conv-42"), calling(make_pipeline(sampler=ALWAYS_OFF), OWN):
        SessionPropagator(w3c()).inject({})
    (message,) = told()
    assert "a destination of a span that is not sampled" in message
    assert "OTEL_TRACES_SAMPLER=parentbased_session_ratio" in message


def test_where_nothing_is_allowed_no_name_helps(sent, told):
    sent(OWN, propagate_to="none")
    assert told() == ["otel_sessions: calls to orders are sent without the session: OTEL_SESSION_PROPAGATE_TO is none"]


def test_a_host_that_is_named_after_the_session_is_not_named(sent, told):
    propagator = SessionPropagator(w3c())
    sent("https://conv-42.tenants.example.com/", propagator=propagator)
    assert "conv-42" not in str(propagator.refusals()) + str(told())
    assert sum(propagator.refusals().values()) == 1


@pytest.mark.parametrize(
    "settings", [{}, {"user_privacy": "drop"}, {"user_privacy": "hash", "user_hash_key": "k" * 16}]
)
@pytest.mark.parametrize("host", ["CONV-ABC42.example.com", "ada-lovelace.example.com"])
def test_nor_is_one_that_is_named_after_an_id_in_other_letters_or_that_is_not_shown(pipeline, told, settings, host):
    instrument(pipeline.provider, **settings)
    propagator = SessionPropagator(w3c())
    with set_session("conv-Abc42", user_id="Ada-Lovelace"), calling(pipeline, f"https://{host}/"):
        propagator.inject({})
    assert propagator.refusals() == {"a destination with an id in its name": 1}
    assert host.lower() not in str(told()).lower()


@pytest.mark.parametrize(
    ("session", "host", "is_named"),
    [
        pytest.param(7, "rag7.mycompany.example", True, id="a digit of a name"),
        pytest.param("c", "rag.mycompany.example", True, id="a letter of a word"),
        pytest.param("c", "rag_c.mycompany.example", False, id="a word of its own"),
        pytest.param(7, "7.mycompany.example", False, id="a label of its own"),
        pytest.param("conv-abc", "xconv-abcx.mycompany.example", False, id="a longer one"),
    ],
)
def test_a_short_id_hides_no_host_that_only_has_its_letters(pipeline, told, session, host, is_named):
    """Who waits for the session there reads of which host it is said."""
    propagator = SessionPropagator(w3c())
    with set_session(session), calling(pipeline, f"https://{host}/"):
        propagator.inject({})
    assert list(propagator.refusals()) == [host if is_named else "a destination with an id in its name"]
    assert any(host in each for each in told()) == is_named


def test_very_many_hosts_are_counted_together(sent):
    propagator = SessionPropagator(w3c())
    for number in range(300):
        sent(f"https://h{number}.example.com/", propagator=propagator)
    counts = propagator.refusals()
    assert (len(counts), counts["others"]) == (257, 44)


def test_a_call_without_a_session_is_no_refusal(pipeline, told):
    propagator = SessionPropagator(w3c())
    with calling(pipeline, PUBLIC):
        propagator.inject({})
    assert (propagator.refusals(), told()) == ({}, [])


# It never breaks the application


class Broken(TextMapPropagator):
    fields = frozenset({"baggage"})

    def inject(self, *_args, **_options):
        raise ZeroDivisionError

    def extract(self, *_args, **_options):
        raise ZeroDivisionError


def test_propagators_that_raise_are_a_warning(warnings):
    propagator = SessionPropagator(Broken())
    for _ in range(2):
        with set_session("conv-42"):
            propagator.inject(carrier := {})
        assert carrier == {}
        assert propagator.extract({}) == {}
    assert warnings() == [
        "otel_sessions: inject of the propagators raised ZeroDivisionError",
        "otel_sessions: extract of the propagators raised ZeroDivisionError",
    ]


def test_an_entry_of_somebody_else_that_cannot_be_written_costs_nobody_else_theirs(pipeline, warnings):
    class Unprintable:
        def __str__(self):
            raise ZeroDivisionError

    with set_session("conv-42", user_id="ada"), calling(pipeline, OWN):
        spoilt = baggage.set_baggage("bad", "\ud800", baggage.set_baggage("worse", Unprintable()))
        token = context.attach(baggage.set_baggage("good", "1", spoilt))
        SessionPropagator(w3c()).inject(carrier := {})
        context.detach(token)
    assert carrier["baggage"] == f"{IDS},good=1"
    assert len(warnings()) == 1


# Together with others


def test_one_inside_of_another_leaves_all_to_that(sent):
    inner = session_baggage()
    outer = SessionPropagator(CompositePropagator([TraceContextTextMapPropagator(), inner]), propagate_to="all")
    assert sent(PUBLIC, propagator=outer) == IDS
    assert (
        sent(PUBLIC, propagator=SessionPropagator(CompositePropagator([TraceContextTextMapPropagator(), inner])))
        is None
    )
    assert get_session(outer.extract({"baggage": IDS})).id == "conv-42"


def test_as_one_of_several_it_guards_baggage(pipeline):
    together = CompositePropagator([TraceContextTextMapPropagator(), session_baggage()])
    carriers = []
    for url in (OWN, PUBLIC):
        with set_session("conv-42", user_id="ada"), calling(pipeline, url):
            together.inject(carrier := {})
        carriers.append(carrier.get("baggage"))
    assert carriers == [IDS, None]


def test_an_option_that_there_is_not_is_said_and_the_others_hold(warnings):
    assert str(session_baggage(propagate_to="none", nonsense=1).settings().propagate_to) == "none"
    assert warnings() == ["otel_sessions: session_baggage has no option 'nonsense', which is left out"]


def test_a_disabled_plug_in_leaves_the_propagators_as_they_are(monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_DISABLED", "true")
    propagator = SessionPropagator(w3c(), trust_incoming=False)
    received = propagator.extract({"baggage": f"{IDS},x=1"})
    propagator.inject(carrier := {}, received)
    assert carrier == {"baggage": f"{IDS},x=1"}
    with set_session("conv-42", user_id="ada"):
        propagator.inject(carrier := {})
    assert carrier == {}


def test_what_a_caller_sent_goes_on_through_scopes_of_a_disabled_plug_in(monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_DISABLED", "true")
    received = W3CBaggagePropagator().extract({"baggage": "session.id=theirs,x=1"})
    with set_session(received, "conv-42"):
        assert to_carrier() == {"baggage": "session.id=theirs,x=1"}


def test_fields_are_those_of_the_propagators_inside():
    assert SessionPropagator(w3c()).fields == {"traceparent", "tracestate", "baggage"}


def test_the_repr_tells_the_settings():
    assert repr(SessionPropagator(w3c(), propagate_to="none")) == "SessionPropagator(Settings(propagate_to='none'))"


def test_a_user_alone_is_guarded_too(pipeline):
    with update_session(user_id="ada"), calling(pipeline, PUBLIC):
        SessionPropagator(w3c()).inject(carrier := {})
    assert "baggage" not in carrier


# A processor alone


def test_a_processor_alone_says_once_that_nobody_guards_the_propagators(warnings):
    provider = TracerProvider(shutdown_on_exit=False)
    for _ in range(2):
        provider.add_span_processor(SessionSpanProcessor())
    provider.get_tracer("tests").start_span("outside").end()
    assert warnings() == []
    with set_session("conv-42"):
        for _ in range(2):
            provider.get_tracer("tests").start_span("inside").end()
    (message,) = warnings()
    assert "set_global_textmap(SessionPropagator(get_global_textmap()))" in message
    assert "instrument()" in message


def test_propagators_that_are_set_after_instrument_are_seen(make_pipeline, warnings):
    provider = make_pipeline().provider
    instrument(provider)
    propagate.set_global_textmap(w3c())
    with set_session("conv-42"):
        provider.get_tracer("tests").start_span("inside").end()
    (message,) = warnings()
    assert "when they are set, call otel_sessions.sdk.instrument()" in message


def test_propagators_that_are_set_much_later_are_seen_from_time_to_time(make_pipeline, warnings):
    provider = make_pipeline().provider
    instrument(provider)
    tracer = provider.get_tracer("tests")
    with set_session("conv-42"):
        tracer.start_span("inside").end()
        propagate.set_global_textmap(w3c())
        for _ in range(1100):
            tracer.start_span("inside").end()
        for _ in range(1100):
            tracer.start_span("inside").end()
    assert len(warnings()) == 1


def test_a_propagator_that_needs_a_span_to_write_anything_is_seen_to_be_unguarded(warnings):
    propagate.set_global_textmap(JaegerPropagator())
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SessionSpanProcessor())
    with set_session("conv-42"):
        provider.get_tracer("tests").start_span("inside").end()
    assert len(warnings()) == 1


def test_a_guard_beside_baggage_that_is_not_guarded_is_none(warnings):
    propagate.set_global_textmap(CompositePropagator([session_baggage(), W3CBaggagePropagator()]))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SessionSpanProcessor())
    with set_session("conv-42"):
        provider.get_tracer("tests").start_span("inside").end()
    assert len(warnings()) == 1


@pytest.mark.parametrize(
    "propagators",
    [
        pytest.param(lambda: SessionPropagator(w3c()), id="guarded"),
        pytest.param(TraceContextTextMapPropagator, id="no-baggage"),
        pytest.param(lambda: CompositePropagator([TraceContextTextMapPropagator(), session_baggage()]), id="one-of-several"),
    ],
)  # fmt: skip
def test_where_the_propagators_are_guarded_a_processor_says_nothing(warnings, propagators):
    propagate.set_global_textmap(propagators())
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SessionSpanProcessor())
    with set_session("conv-42"), trace.use_span(provider.get_tracer("tests").start_span("span")):
        pass
    assert warnings() == []


@pytest.mark.warned_of("raised AttributeError")
def test_a_span_of_another_sdk_is_judged_by_what_it_shows():
    class Foreign:
        kind = SpanKind.CLIENT

        def get_span_context(self):
            return trace.SpanContext(1, 1, is_remote=False, trace_flags=trace.TraceFlags(1))

    found = []
    for url in (PUBLIC, OWN):
        span = Foreign()
        span.attributes = {"url.full": url}
        here = context.Context({SPAN_KEY: span})
        with set_session(here, "conv-42", user_id="ada"):
            SessionPropagator(W3CBaggagePropagator()).inject(carrier := {})
        found.append(carrier)
    assert found == [{}, {"baggage": IDS}]


def test_where_the_api_keeps_baggage_elsewhere_all_is_the_same(pipeline, monkeypatch):
    monkeypatch.setattr("otel_sessions._context.baggage.CONTEXT_KEY", None)
    with calling(pipeline, OWN):
        token = context.attach(baggage.set_baggage("x", "1"))
        with set_session("conv-42", user_id="ada"):
            SessionPropagator(w3c()).inject(carrier := {})
        context.detach(token)
    assert carrier["baggage"] == f"{IDS},x=1"


@pytest.mark.warned_of("baggage of others")
def test_a_full_header_of_ours_and_others_loses_the_last(pipeline):
    propagator = SessionPropagator(w3c())
    full = context.get_current()
    for number in range(179):
        full = baggage.set_baggage(f"k{number}", "v", full)
    with calling(pipeline, OWN), set_session(full, "conv-42", user_id="ada"):
        token = context.attach(set_span_in_context(trace.get_current_span(), context.get_current()))
        propagator.inject(carrier := {})
        context.detach(token)
    assert carrier["baggage"].startswith(IDS + ",k0=v,")
    assert carrier["baggage"].count(",") == 179
