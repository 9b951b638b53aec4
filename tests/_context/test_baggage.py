"""What comes in from outside: validated, bounded, dropped with one warning, and never raised over (rule 10)."""

from __future__ import annotations

import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import baggage, context
from opentelemetry.baggage.propagation import W3CBaggagePropagator

from otel_sessions import Session, _diagnostics, get_session, set_session, step
from otel_sessions._context.baggage import CONTEXT_KEY, context_key
from otel_sessions._session.ids import is_plain_id, is_plain_text
from otel_sessions._session.session import WIRE_KEYS


def in_baggage(**entries: object) -> context.Context:
    ctx = context.Context()
    for key, value in entries.items():
        ctx = baggage.set_baggage(key.replace("__", "."), value, ctx)
    return ctx


def test_a_session_of_a_remote_caller_is_on_every_span(pipeline):
    ctx = W3CBaggagePropagator().extract(
        {"baggage": "session.id=a%20b,user.id=ada,session.name=N,session.path=%2Fp,session.previous_id=o,x=1"},
        context.Context(),
    )
    pipeline.tracer.start_span("span", context=ctx).end()
    assert get_session(ctx) == Session("a b", "ada", "N", "/p", "o")
    assert pipeline.attributes("span") == {
        "session.id": "a b",
        "user.id": "ada",
        "session.name": "N",
        "session.path": "/p",
        "session.previous_id": "o",
    }


def test_a_session_goes_through_a_header_and_comes_out_equal():
    carrier = {}
    with set_session("conv 42+;,=%", user_id="ada@example.org", name="Création", path="/a b/ç", previous_id="o"):
        W3CBaggagePropagator().inject(carrier)
        inside = get_session()
    assert get_session(W3CBaggagePropagator().extract(carrier, context.Context())) == inside


def test_full_headers_drop_other_entries_and_never_our_ids(pipeline):
    ctx = context.Context()
    for number in range(300):
        ctx = baggage.set_baggage(f"theirs{number}", "v" * 100, ctx)
    carrier = {}
    with set_session(ctx, "s" * 200, user_id="u" * 200), step("a"):
        W3CBaggagePropagator().inject(carrier)
    # Who forwards it need not keep more than this (W3C Baggage, "Limits").
    kept = carrier["baggage"][:8192].rpartition(",")[0]
    received = W3CBaggagePropagator().extract({"baggage": kept}, context.Context())
    pipeline.tracer.start_span("span", context=received).end()
    assert pipeline.attributes("span") == {"session.id": "s" * 200, "user.id": "u" * 200, "session.path": "/a"}


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 201, id="too-long"),
        pytest.param("ç", id="not-ascii"),
        pytest.param("a\x00", id="nul"),
        pytest.param("a\nb", id="newline"),
        pytest.param("\ud800", id="lone-surrogate"),
        pytest.param(object(), id="object"),
        pytest.param(True, id="bool"),
        pytest.param([], id="unhashable"),
    ],
)
def test_a_bad_entry_is_dropped_counted_and_warned_of_once_and_the_others_count(bad, pipeline, warnings):
    ctx = in_baggage(session__id=bad, user__id="ada")
    for _ in range(3):
        pipeline.tracer.start_span("span", context=ctx).end()
    assert pipeline.attributes("span") == {"user.id": "ada"}
    assert _diagnostics.counts() == {"dropped baggage session.id": 1}
    (message,) = warnings()
    assert "baggage entry session.id is dropped" in message


@pytest.mark.warned_of("dropped")
@pytest.mark.parametrize(("name", "kept"), [("n" * 200, "n" * 200), ("n" * 201, None), ("", None), ("a\x00", None)])
def test_a_text_of_a_remote_caller_is_kept_as_it_is_or_dropped(name, kept):
    assert get_session(in_baggage(session__id="a", session__name=name)) == Session("a", name=kept)


def test_an_int_or_a_uuid_that_local_code_put_into_baggage_counts():
    assert get_session(in_baggage(session__id=42)) == Session("42")


def test_a_path_of_a_remote_caller_is_made_absolute():
    assert get_session(in_baggage(session__id="a", session__path="x//y/")) == Session("a", path="/x/y")


def test_a_user_without_a_session_is_carried_alone():
    assert get_session(in_baggage(user__id="ada")) == Session(user_id="ada")


def test_what_is_not_ours_is_nobodys_session():
    assert get_session(in_baggage(theirs="1")) is None


def test_a_context_without_a_known_place_for_baggage_works_by_the_public_api_alone(monkeypatch, pipeline):
    """The key under which the API keeps baggage is learnt; where it can't be, all works, only slower."""
    monkeypatch.setattr("otel_sessions._context.baggage.CONTEXT_KEY", None)
    token = context.attach(baggage.set_baggage("theirs", "1"))
    with set_session("a", user_id="ada"), set_session("b"):
        pipeline.tracer.start_span("span").end()
        assert list(baggage.get_all().items()) == [("session.id", "b"), ("user.id", "ada"), ("theirs", "1")]
    context.detach(token)
    pipeline.tracer.start_span("remote", context=in_baggage(session__id="a")).end()
    assert pipeline.attributes("span") == {"session.id": "b", "user.id": "ada"}
    assert pipeline.attributes("remote") == {"session.id": "a"}


def test_the_place_of_baggage_is_unknown_where_the_api_keeps_it_otherwise(monkeypatch):
    monkeypatch.setattr(baggage, "get_all", lambda _context: {})
    assert context_key() is None


def test_baggage_that_is_no_dict_is_no_baggage():
    ctx = context.Context({CONTEXT_KEY: "broken"})
    assert get_session(ctx) is None
    with set_session(ctx, "a"):
        assert dict(baggage.get_all()) == {"session.id": "a"}


anything = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.binary(), st.builds(object), st.just([]))


def valid(session: Session | None) -> bool:
    if session is None:
        return True
    ids = (session.id, session.user_id, session.previous_id)
    texts = (session.name, session.path)
    return all(map(is_plain_id, filter(None, ids))) and all(map(is_plain_text, filter(None, texts)))


@pytest.mark.warned_of
@settings(suppress_health_check=[HealthCheck.too_slow])  # the first run makes hypothesis' tables of characters
@given(st.dictionaries(st.sampled_from([*WIRE_KEYS, "theirs", "langfuse_session_id", "langfuse_user_id"]), anything))
def test_arbitrary_baggage_never_raises_and_never_puts_an_invalid_id_on_a_span(entries):
    ctx = context.Context({CONTEXT_KEY: entries})
    assert valid(get_session(ctx))
    with set_session(ctx, "ours"):
        assert valid(get_session())
    assert get_session() is None


header_text = st.one_of(
    st.text(),
    st.binary().map(lambda raw: raw.decode("latin-1")),
    st.from_regex(r"(session|user)\.id=[ -~]{0,250}(,[ -~]{0,40})?", fullmatch=True),
    st.lists(
        st.builds("{}={}".format, st.sampled_from(WIRE_KEYS), st.text().map(lambda text: repr(text)[1:-1])), max_size=8
    ).map(",".join),
)


@pytest.mark.warned_of
@given(header_text)
def test_arbitrary_headers_never_put_an_invalid_id_on_a_span(header):
    logging.getLogger("opentelemetry.baggage.propagation").disabled = True  # it prints what it drops
    try:
        ctx = W3CBaggagePropagator().extract({"baggage": header}, context.Context())
    except UnicodeError:  # the SDK's propagator raises on a lone surrogate; nothing has reached us then
        return
    assert valid(get_session(ctx))


@pytest.mark.warned_of
@given(st.text(min_size=1), st.text(min_size=1))
def test_what_a_scope_carries_survives_the_wire_whatever_was_given(session_id, user_id):
    carrier = {}
    with set_session(None, session_id, user_id=user_id, name=session_id, path=user_id):
        W3CBaggagePropagator().inject(carrier)
        inside = get_session()
    assert get_session(W3CBaggagePropagator().extract(carrier, context.Context())) == inside
