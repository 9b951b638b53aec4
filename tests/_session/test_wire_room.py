"""What of a session is sent can be read, by any reader of W3C Baggage; and what has no room is said, with its name."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from otel_sessions import Session, _diagnostics, from_carrier, get_session, set_session, step, to_carrier
from otel_sessions._session.ids import MAX_LENGTH
from otel_sessions._session.session import MAX_ITEMS
from otel_sessions._settings.settings import Settings, use_in_process
from otel_sessions.sdk import SessionPropagator

CJK, EMOJI = "\u540d", "\U0001f600"  # three and four octets of UTF-8
LONG_KEY = "\u9375" * MAX_LENGTH
KEYS = ["plan", "tenant", LONG_KEY, "session.tags"]
ROOM = "has no room in a baggage header (8192 characters in all, encoded, 4096 of one entry)"

pytestmark = pytest.mark.usefixtures("no_error_of_anybody")


@pytest.fixture(autouse=True)
def _listed():
    use_in_process(Settings.resolved(metadata_on_wire=[*KEYS, *map(str, range(MAX_ITEMS))]))


def injected(propagator):
    def header():
        carrier = {}
        propagator.inject(carrier)
        return carrier["baggage"]

    return header


WAYS = [
    pytest.param(injected(SessionPropagator(W3CBaggagePropagator(), propagate_to="all")), id="guarded"),
    pytest.param(injected(W3CBaggagePropagator()), id="plain"),
    pytest.param(lambda: to_carrier()["baggage"], id="carrier"),
    pytest.param(lambda: to_carrier(environ=True)["BAGGAGE"], id="environment"),
]
each_way = pytest.mark.parametrize("header_in", WAYS)
each_guarded_way = pytest.mark.parametrize("header_in", [WAYS[0], *WAYS[2:]])  # older SDKs put in whatever there is


def sizes(header):
    return [len(member) for member in header.split(",")]


def read_plainly(header):
    """Return what OpenTelemetry alone reads, as a session."""
    return get_session(W3CBaggagePropagator().extract({"baggage": header}, Context()))


def read(header):
    with from_carrier({"baggage": header}) as session:
        return session


def full(*, tags=(), others=0, **metadata):
    context = Context()
    for number in range(others):
        context = baggage.set_baggage(f"other{number}", "x" * 100, context)
    return set_session(context, "ours", user_id="ada", tags=tags, metadata=metadata)


TAGS = [f"{number:02}{CJK * 20}" for number in range(20)]


@each_way
def test_twenty_tags_of_another_script_arrive(header_in, warnings):
    with full(tags=TAGS):
        header = header_in()
    assert read(header) == read_plainly(header) == Session("ours", "ada", tags=tuple(TAGS))
    assert [text for text in warnings() if "room" in text] == []


@each_way
def test_of_more_tags_the_first_that_have_room_arrive_and_that_is_said_once(header_in, pipeline, warnings):
    tags = [f"{number:02}{CJK * 20}" for number in range(40)]
    for _ in range(2):
        with full(tags=tags):
            header = header_in()
            pipeline.tracer.start_span("here").end()
    assert 3900 < max(sizes(header)) <= 4096
    session = read(header)
    assert session == read_plainly(header)
    assert 20 <= len(session.tags) < 40
    assert session.tags == tuple(tags[: len(session.tags)])
    assert pipeline.attributes("here")["session.tags"] == tuple(tags)
    (said,) = [text for text in warnings() if "room" in text]
    assert said == (
        f"otel_sessions: session.tags, which OTEL_SESSION_METADATA_ON_WIRE lists, {ROOM}: only the first of them are sent; "
        "make what is listed shorter, or less"
    )
    assert _diagnostics.counts()["no room for session.tags"] == 2


@each_way
def test_metadata_under_a_key_that_takes_too_much_is_not_sent_and_that_is_said(header_in, pipeline, warnings):
    with full(plan="gold", **{LONG_KEY: EMOJI * MAX_LENGTH}):
        header = header_in()
        pipeline.tracer.start_span("here").end()
    assert read(header) == Session("ours", "ada", metadata={"plan": "gold"})
    assert f"session.metadata.{LONG_KEY}" in pipeline.attributes("here")
    (said,) = [text for text in warnings() if "room" in text]
    assert said.startswith(f"otel_sessions: session.metadata.{LONG_KEY[:40]}")
    assert said.endswith("it is not sent, and stays on the spans of this process; make what is listed shorter, or less")


@each_guarded_way
@pytest.mark.parametrize("others", [0, 100, 200])
def test_what_together_takes_more_than_a_header_is_sent_as_far_as_it_has_room(header_in, others, warnings):
    metadata = {str(number): CJK * MAX_LENGTH for number in range(8)}
    with full(others=others, tags=["short", CJK * MAX_LENGTH], **metadata):
        header = header_in()
    assert 7000 < len(header) <= 8192
    session = read(header)
    assert session == read_plainly(header)
    assert (session.id, session.user_id, session.tags) == ("ours", "ada", ("short",))
    assert session.metadata == {str(number): CJK * MAX_LENGTH for number in range(4)}
    said = [text for text in warnings() if ROOM in text]
    lost = [*(f"session.metadata.{number}," for number in range(4, 8)), "session.tags,"]
    assert [text.split()[1] for text in said] == lost
    assert CJK not in str(said)


@pytest.mark.warned_of("baggage of others")
@each_guarded_way
def test_a_session_has_room_before_what_is_of_others(header_in):
    with full(others=100, plan=CJK * MAX_LENGTH, tags=TAGS[:10]):
        header = header_in()
    assert 7000 < len(header) <= 8192
    assert read(header) == Session("ours", "ada", metadata={"plan": CJK * MAX_LENGTH}, tags=tuple(TAGS[:10]))


@pytest.mark.warned_of("no room")
def test_what_has_room_has_it_without_the_guard_too():
    with full(tags=["short"], **{str(number): CJK * MAX_LENGTH for number in range(8)}):
        header = injected(W3CBaggagePropagator())()
    assert 7000 < len(header) <= 8192
    assert read(header) == read_plainly(header)


def test_what_others_have_no_room_for_is_said_once(warnings):
    context = Context()
    for number in range(100):
        context = baggage.set_baggage(f"k{number:03}", "x" * 74, context)
    with set_session(context, "ours", name="a " * 60 + "b"):
        for header_in in (WAYS[0].values[0], WAYS[2].values[0]):
            assert len(header_in()) <= 8192
    said = (
        "baggage of others, which stands behind the session's, is left out of a call: a header has room for 180 entries "
        "and 8192 characters; put less into baggage"
    )
    assert warnings() == [f"otel_sessions: {said}"]


LONGEST = {
    "session_id": "%" * MAX_LENGTH,
    "user_id": "%" * MAX_LENGTH,
    "previous_id": "/" * MAX_LENGTH,
    "name": EMOJI * MAX_LENGTH,
}


def test_the_longest_ids_name_and_path_always_have_room(warnings):
    with set_session(**LONGEST), step(EMOJI * (MAX_LENGTH - 1)) as session:
        header = to_carrier()["baggage"]
    assert max(sizes(header)) <= 4096
    assert len(header) <= 8192
    assert read(header) == session
    assert warnings() == []


@pytest.mark.warned_of("no room")
def test_no_room_is_left_where_ids_and_texts_take_it_all():
    extras = {"metadata": {"plan": "gold", "tenant": EMOJI * MAX_LENGTH}, "tags": [EMOJI * MAX_LENGTH, "a"]}
    with set_session(**LONGEST, **extras), step(EMOJI * (MAX_LENGTH - 1)):
        header = to_carrier()["baggage"]
    assert len(header) <= 8192
    session = read(header)
    assert (session.name, session.metadata, session.tags) == (LONGEST["name"], {"plan": "gold"}, ())


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("session.tags=a%252Cb%2Cc%2520d%2C%25C3%25A9", id="of-0.1.0"),
        pytest.param("session.tags=a%252Cb%2Cc%20d%2C%C3%A9", id="of-now"),
    ],
)
def test_tags_of_older_services_are_read_as_well(header):
    assert read(f"session.id=ours,{header}").tags == ("a,b", "c d", "é")


TEXT = st.text(st.sampled_from(f",%+ ;=/a{CJK}{EMOJI}"), min_size=1, max_size=MAX_LENGTH).map(str.strip).filter(bool)


@given(st.lists(TEXT, max_size=MAX_ITEMS, unique=True), st.dictionaries(st.sampled_from(KEYS[:3]), TEXT))
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_whatever_is_listed_is_read_or_is_said_to_be_lost(tags, metadata):
    _diagnostics.reset()
    with set_session(session_id="ours", tags=tags, metadata=metadata) as session:
        header = to_carrier()["baggage"]
    assert max(sizes(header)) <= 4096
    assert len(header) <= 8192
    found = read(header)
    assert found == read_plainly(header)
    assert found.tags == session.tags[: len(found.tags)]
    assert found.metadata.items() <= session.metadata.items()
    lost = {f"session.metadata.{key}"[:60] for key in session.metadata if key not in found.metadata}
    lost |= {"session.tags"} if found.tags != session.tags else set()
    assert {name.removeprefix("no room for ") for name in _diagnostics.counts() if "no room" in name} == lost
