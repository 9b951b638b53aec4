"""How much of a session is shown outside of the process: user ids, metadata on the wire, and nothing where it is switched off."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from openinference.instrumentation import using_user
from opentelemetry import baggage, context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace import set_span_in_context

from otel_sessions import (
    bind_session,
    from_carrier,
    get_session,
    set_session,
    to_carrier,
    update_session,
)
from otel_sessions.sdk import SessionPropagator, SessionSpanProcessor, instrument, uninstrument

KEY = "key-of-sixteen-c"
HASH = "hmac-sha256-" + hmac.new(KEY.encode(), b"ada", hashlib.sha256).hexdigest()


@pytest.fixture
def seen(pipeline):
    """Return a function that tells the user on a span and in two kinds of baggage, in a scope."""

    def by(scope):
        with scope, pipeline.tracer.start_as_current_span("span") as span:
            SessionPropagator(W3CBaggagePropagator()).inject(carrier := {})
            sent = [W3CBaggagePropagator().extract(each, Context()) for each in (carrier, to_carrier())]
            in_process = baggage.get_baggage("user.id")
        return {span.attributes.get("user.id"), in_process, *(baggage.get_baggage("user.id", each) for each in sent)}

    return by


@pytest.mark.warned_of("TracerProvider")
@pytest.mark.parametrize(
    ("settings", "shown"),
    [({}, "ada"), ({"user_privacy": "hash", "user_hash_key": KEY}, HASH), ({"user_privacy": "drop"}, None)],
    ids=["plain", "hash", "drop"],
)
def test_a_user_id_appears_in_the_same_way_everywhere(seen, settings, shown):
    instrument(**settings)
    assert seen(set_session("conv-42", user_id="ada")) == {shown}
    assert seen(update_session(user_id="ada")) == {shown}
    with set_session("conv-42", user_id="ada"):
        assert get_session().user_id == "ada"


def test_the_environment_says_so_too(seen, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_USER_PRIVACY", "hash")
    monkeypatch.setenv("OTEL_SESSION_USER_HASH_KEY", KEY)
    assert seen(set_session("conv-42", user_id="ada")) == {HASH}


@pytest.mark.warned_of("TracerProvider")
def test_a_user_that_came_plain_goes_on_hashed_and_one_that_came_hashed_as_it_is(seen):
    instrument(user_privacy="hash", user_hash_key=KEY)
    for given in ("ada", HASH):
        assert seen(from_carrier({"baggage": f"session.id=conv-42,user.id={given}"})) == {HASH}


@pytest.mark.warned_of("TracerProvider")
def test_a_session_that_was_bound_and_one_of_a_parent_span_show_the_user_so_too(pipeline):
    instrument(user_privacy="hash", user_hash_key=KEY)
    with pipeline.tracer.start_as_current_span("bound") as span:
        bind_session("conv-42", user_id="ada")
        pipeline.tracer.start_span("lost", context=set_span_in_context(span, Context())).end()
    assert [pipeline.attributes(name)["user.id"] for name in ("bound", "lost")] == [HASH, HASH]


@pytest.mark.warned_of("TracerProvider")
def test_another_call_of_instrument_counts_for_sessions_that_are_set_from_then_on(seen):
    assert seen(set_session("conv-42", user_id="ada")) == {"ada"}
    instrument(user_privacy="drop")
    assert seen(set_session("conv-42", user_id="ada")) == {None}
    uninstrument()
    assert seen(set_session("conv-42", user_id="ada")) == {"ada"}


def test_no_message_shows_an_id_or_the_key(caplog):
    caplog.set_level(0)
    instrument(user_privacy="s3cret-user", user_hash_key="s3cret-key")
    with set_session("s3cret" * 50, user_id="s3cret" * 50), from_carrier({"baggage": "user.id=" + "s3cret" * 50}):
        pass
    told = [record.getMessage() for record in caplog.records if record.name == "otel_sessions"]
    assert len(told) >= 3
    assert "s3cret" not in " ".join(told)


def test_scopes_that_were_made_before_follow_what_holds_when_they_are_entered(seen, pipeline):
    scope, carried = set_session("conv-42", user_id="ada"), from_carrier({"baggage": "session.id=theirs,user.id=eve"})

    @set_session("conv-42", user_id="ada")
    def decorated():
        return baggage.get_baggage("user.id")

    instrument(pipeline.provider, user_privacy="drop", trust_incoming=False)
    assert seen(scope) == {None}
    assert decorated() is None
    with carried:
        assert get_session() is None
    instrument(pipeline.provider, disabled=True)
    with scope:
        assert baggage.get_all() == {}


@pytest.mark.warned_of("TracerProvider")
def test_the_user_of_a_request_is_in_baggage_as_it_may_be_shown():
    instrument(user_privacy="hash", user_hash_key=KEY, incoming_headers="user.id=x-user-id")
    propagator = SessionPropagator(W3CBaggagePropagator())
    headers = [{"baggage": "session.id=a,user.id=ada,x=1"}, {"x-user-id": "ada", "baggage": "session.id=a,x=1"}]
    found = [baggage.get_all(propagator.extract(each, Context())) for each in headers]
    assert found == [{"session.id": "a", "user.id": HASH, "x": "1"}] * 2
    instrument(user_privacy="drop")
    assert baggage.get_all(propagator.extract(headers[0], Context())) == {"session.id": "a", "x": "1"}


@pytest.mark.warned_of("TracerProvider")
def test_the_tracers_of_openinference_get_the_user_as_it_may_be_shown():
    instrument(user_privacy="drop")
    with using_user("theirs"), set_session("conv-42", user_id="ada"):
        assert (context.get_value("session.id"), context.get_value("user.id")) == ("conv-42", None)
    instrument(disabled=True)
    with using_user("theirs"), set_session("conv-42", user_id="ada"):
        assert (context.get_value("session.id"), context.get_value("user.id")) == (None, "theirs")


@pytest.mark.warned_of("TracerProvider")
@pytest.mark.parametrize(("mode", "shown"), [("hash", HASH), ("drop", None)])
def test_a_user_that_a_span_has_started_with_is_not_spread_to_other_names_in_plain(make_pipeline, mode, shown):
    instrument(user_privacy=mode, user_hash_key=KEY)
    pipeline = make_pipeline(SessionSpanProcessor(dialects="langfuse"))
    with set_session("conv-42", user_id="bob"):
        pipeline.tracer.start_span("span", attributes={"user.id": "ada"}).end()
    attributes = pipeline.attributes("span")
    assert (attributes["user.id"], attributes.get("langfuse.user.id")) == ("ada", shown)


def test_the_settings_of_one_pipeline_outlast_the_end_of_another(make_pipeline):
    first, second = make_pipeline(), make_pipeline()
    for pipeline in (first, second):
        instrument(pipeline.provider, user_privacy="drop")
    uninstrument(first.provider)
    with set_session("conv-42", user_id="ada"):
        assert to_carrier() == {"baggage": "session.id=conv-42"}
    uninstrument(second.provider)
    with set_session("conv-42", user_id="ada"):
        assert to_carrier() == {"baggage": "session.id=conv-42,user.id=ada"}


# Metadata and tags


FULL = {"metadata": {"tenant": "acme", "plan": "free"}, "tags": ["a,b", "c"]}


def test_metadata_and_tags_stay_in_the_process_unless_listed():
    with set_session("conv-42", **FULL):
        assert to_carrier() == {"baggage": "session.id=conv-42"}


@pytest.mark.warned_of("TracerProvider")
def test_what_is_listed_travels_and_is_taken_where_it_is_listed_too(pipeline):
    instrument(metadata_on_wire="tenant,session.tags")
    with set_session("conv-42", **FULL):
        carrier = to_carrier()
    with from_carrier(carrier) as session:
        pipeline.tracer.start_span("span").end()
    assert (session.metadata, session.tags) == ({"tenant": "acme"}, ("a,b", "c"))
    assert pipeline.attributes("span") == {
        "session.id": "conv-42",
        "session.metadata.tenant": "acme",
        "session.tags": ("a,b", "c"),
    }
    uninstrument()
    with from_carrier(carrier) as session:
        assert (session.metadata, session.tags) == ({}, ())


def test_what_is_listed_and_comes_with_a_request_is_bounded_and_checked(warnings, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_METADATA_ON_WIRE", "tenant,session.tags")
    tags = "%252C".join(["%00"] + [f"t{number}" for number in range(100)]).replace("%252C", "%2C")
    request = {"baggage": f"session.id=conv-42,session.metadata.tenant={'x' * 300},session.tags={tags}"}
    session = get_session(SessionPropagator(W3CBaggagePropagator()).extract(request, Context()))
    assert session.metadata == {}
    assert session.tags == tuple(f"t{number}" for number in range(63))
    assert len(warnings()) == 2


@pytest.mark.warned_of("TracerProvider")
def test_metadata_of_one_session_does_not_go_along_with_another():
    instrument(metadata_on_wire="tenant")
    with set_session("conv-42", metadata={"tenant": "acme"}), set_session("other"):
        assert to_carrier() == {"baggage": "session.id=other"}


# Strangers


def test_of_a_caller_that_is_not_trusted_nothing_is_taken_by_whatever_way(monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_TRUST_INCOMING", "false")
    monkeypatch.setenv("OTEL_SESSION_INCOMING_HEADERS", "session.id=x-session-id")
    request = {"baggage": "session.id=a,user.id=eve,langfuse_session_id=a,x=1", "x-session-id": "a"}
    guarded = SessionPropagator(W3CBaggagePropagator()).extract(request, Context())
    assert get_session(guarded) is None
    assert baggage.get_all(guarded) == {"x": "1"}
    assert get_session(W3CBaggagePropagator().extract(request, Context())) is None
    with from_carrier(request):
        assert get_session() is None
        assert baggage.get_all() == {"x": "1"}


def test_a_session_of_this_process_stays_where_a_request_of_a_stranger_comes_in():
    propagator = SessionPropagator(W3CBaggagePropagator(), trust_incoming=False)
    with set_session("ours"):
        received = propagator.extract({"baggage": "session.id=theirs,user.id=eve,x=1"})
    assert get_session(received).id == "ours"
    assert baggage.get_all(received) == {"session.id": "ours", "x": "1"}


# Switched off


def test_switched_off_nothing_is_shown_anywhere(seen, pipeline, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_DISABLED", "true")
    assert seen(set_session("conv-42", user_id="ada", metadata={"a": "b"})) == {None}
    assert pipeline.spans()["span"].attributes == {}
    with set_session("conv-42"):
        assert get_session().id == "conv-42"
        assert baggage.get_all() == {}
        assert to_carrier() == {}
