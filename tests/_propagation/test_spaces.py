"""What was a plus stays one, and what was a space stays one, whichever language has sent a session on."""

from __future__ import annotations

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from otel_sessions import Session, from_carrier, get_session
from otel_sessions._session.ids import is_plain_id, is_plain_text
from otel_sessions._session.paths import absolute
from otel_sessions._session.session import METADATA_PREFIX, wire_values
from otel_sessions._session.wire_room import with_extras
from otel_sessions._settings.settings import Settings, use_in_process
from otel_sessions.sdk import SessionPropagator

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
OCTETS = "".join(map(chr, range(0x21, 0x7F)))
BAGGAGE_OCTETS = OCTETS.translate(dict.fromkeys(map(ord, '",;\\')))  # W3C Baggage, section 3.3.1


def by_percent(kept):
    """Return what encodes all octets but those ``kept``."""
    return lambda text: "".join(
        chr(octet) if chr(octet) in kept else f"%{octet:02X}" for octet in text.encode("utf-8", "surrogatepass")
    )


def as_a_form(kept):
    encoded = by_percent(LETTERS + kept + " ")
    return lambda text: encoded(text).replace(" ", "+")


# Those of the newest releases, where no other is said.
BY_PERCENT = {
    "go": by_percent(BAGGAGE_OCTETS.replace("%", "")),  # baggage/baggage.go, shouldEscape
    "rust": by_percent(OCTETS.translate(dict.fromkeys(map(ord, '";,=')))),  # sdk propagation/baggage.rs, FRAGMENT
    "javascript": by_percent(LETTERS + "-_.!~*'()"),  # core/src/baggage/utils.ts: encodeURIComponent
    "java": by_percent(LETTERS + "-._~!$'()*&@:"),  # api/internal/PercentEscaper.java, SAFE_CHARS
    "ruby": by_percent(LETTERS + "*-._"),  # baggage/propagation/text_map_propagator.rb: URI.encode_uri_component
    ".net": by_percent(BAGGAGE_OCTETS.replace("%", "")),  # Context/Propagation/W3CBaggageValueEncoder.cs
    "ours": lambda text: quote(text, ""),
}
AS_A_FORM = {
    "python": quote_plus,  # baggage/propagation/__init__.py, _encode_baggage_pairs
    "c++": as_a_form("-_.~"),  # api baggage/baggage.h, UrlEncode
    "php": as_a_form("-_."),  # API/Baggage/Propagation/BaggagePropagator.php: urlencode
    ".net 1.9": as_a_form("-_.!*()"),  # Context/Propagation/BaggagePropagator.cs: WebUtility.UrlEncode
    "ruby 1.4": as_a_form("*-._~"),  # CGI.escape
}
ENCODERS = BY_PERCENT | AS_A_FORM
LOST_BY_RUST = set("%\\")  # which writes them as they are

each = pytest.mark.parametrize
encoders = st.sampled_from([*ENCODERS])
CHARACTERS = st.sampled_from("+ /:=@!'%C~é界a0") | st.characters(exclude_categories=["C", "Z"])
TEXTS = st.text(CHARACTERS, min_size=1, max_size=40).map(str.strip).filter(is_plain_text)
IDS = st.text(
    st.sampled_from("+/=:%-ab1") | st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40
)


@pytest.fixture(autouse=True)
def _plan_and_tags_travel():
    use_in_process(Settings.resolved(metadata_on_wire=["plan", "c++", "session.tags"]))


def sent(items, encoder):
    return ",".join(f"{quote(key, '')}={ENCODERS[encoder](value)}" for key, value in items.items())


def read(header):
    """Return the session as a request brings it, which is that of a carrier."""
    session = get_session(SessionPropagator(W3CBaggagePropagator()).extract({"baggage": header}, Context()))
    with from_carrier({"baggage": header}) as carried:
        assert carried == (session or Session())
    return session


def items_of(session):
    keys = ("session.id", "user.id", "session.name", "session.path", "session.previous_id")
    items = {key: value for key, value in zip(keys, wire_values(session), strict=True) if value is not None}
    return with_extras(items, session, ["plan", "c++", "session.tags"])


@given(st.builds(Session, IDS, st.none() | IDS, st.none() | TEXTS, TEXTS.map(absolute), st.none() | IDS,
                 st.dictionaries(st.sampled_from(["plan", "c++"]), TEXTS), st.lists(TEXTS, max_size=3, unique=True).map(tuple)),
       encoders)  # fmt: skip
@example(Session("a+b", "ada+1@example.org", "C++ help", "/c++/x y", None, {"plan": "a+b c"}, ("c++", "a, b")), "go")
@example(Session("a", name="a b", path="/+"), "python")
@example(Session("a", name="a+b", path="/+"), "python")
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_a_session_that_has_a_path_comes_back_from_any_language(session, encoder):
    """Which tells how all of it was written: a slash is encoded, or it is not."""
    assume(is_plain_text(session.path))
    assume(session.path is None or session.path == absolute(session.path))
    items = items_of(session)
    if encoder == "rust":
        assume(not any(LOST_BY_RUST & set(value) for value in items.values()))
    assert read(sent(items, encoder)) == session


@given(IDS, IDS, st.sampled_from([*BY_PERCENT]))
@example("a+b", "a%2Bb+c", "go")
def test_an_id_comes_back_from_any_language(session_id, user_id, encoder):
    assume(encoder != "rust" or not LOST_BY_RUST & {*session_id, *user_id})
    items = {"session.id": session_id, "user.id": user_id}
    assert read(sent(items, encoder)) == Session(session_id, user_id)


@given(IDS, st.sampled_from([*AS_A_FORM]))
@example("a b+c", "python")
@example("a b+c", "c++")
def test_an_id_comes_back_from_a_form_too(session_id, encoder):
    assert read(sent({"session.id": session_id}, encoder)) == Session(session_id)


@given(st.lists(st.text(st.sampled_from(LETTERS + ".-_é界"), min_size=1, max_size=8), min_size=1, max_size=4), encoders)
def test_words_come_back_from_any_language_without_a_path(words, encoder):
    name = " ".join(words)
    assert read(sent({"session.id": "s", "session.name": name}, encoder)) == Session("s", name=name)


@given(TEXTS, st.sampled_from(" /"), TEXTS, st.sampled_from([*BY_PERCENT]))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_text_with_a_space_or_a_slash_comes_back_without_a_path(before, sign, after, encoder):
    name = f"{before}{sign}{after}"
    assume(encoder != "rust" or not LOST_BY_RUST & set(name))
    assert read(sent({"session.id": "s", "session.name": name}, encoder)) == Session("s", name=name)


@each(
    ("header", "name"),
    [
        pytest.param("session.name=Course+Creation", "Course Creation", id="as-a-form"),
        pytest.param("session.name=a+b%20c", "a+b c", id="an-encoded-space-in-it"),
        pytest.param("session.name=a+b/c", "a+b/c", id="a-slash-in-it"),
        pytest.param("session.name=a+b%2Bc", "a b+c", id="an-encoded-plus-in-it"),
        pytest.param("session.name=a+b%2Fc%20d", "a+b/c d", id="a-space-is-surer-than-all"),
        pytest.param("session.name=a+b,session.path=/c", "a+b", id="a-slash-beside-it"),
        pytest.param("session.path=%2Fc,session.name=a++b", "a  b", id="an-encoded-slash-beside-it"),
        pytest.param("session.name=a+b,session.metadata.plan=c%20d", "a+b", id="an-encoded-space-beside-it"),
        pytest.param("session.name=a+b,theirs=/c", "a b", id="others-may-have-another-writer"),
        pytest.param("session.name=C++", "C++", id="two-and-at-the-end"),
        pytest.param("session.name=%C3%A9+", "é+", id="at-the-end"),
        pytest.param("session.name=+1", "+1", id="at-the-beginning"),
        pytest.param("session.name=C++-Kurs", "C++-Kurs", id="two"),
        pytest.param("session.name=%C3%A9+%C3%A9", "é é", id="another-script"),
        pytest.param("session.name=a+b;p=/", "a b", id="properties-tell-nothing"),
    ],
)  # fmt: skip
def test_a_value_tells_who_has_written_it_or_what_is_beside_it_does(header, name):
    assert read(f"session.id=s,{header}").name == name


@pytest.mark.warned_of("dropped", "left out")
@each("encoder", ["go", "rust", "ours", "javascript", "python"])
def test_a_key_of_metadata_may_have_a_plus(encoder):
    value = ENCODERS[encoder]("a/b c")
    for key in ("session.metadata.c++", "session.metadata.c%2B%2B"):
        assert read(f"session.id=s,{key}={value}").metadata == {"c++": "a/b c"}
        assert read(f"session.id=s,{key}=,{key}=gold").metadata == {"c++": "gold"}
        assert read(f"session.id=s,{key}=").metadata == {}


def test_a_key_may_have_a_space_that_is_a_plus():
    use_in_process(Settings.resolved(metadata_on_wire=["my plan"]))
    for key in ("my+plan", "my%20plan"):
        assert read(f"session.id=s,{METADATA_PREFIX}{key}=gold").metadata == {"my plan": "gold"}


def test_what_is_not_ours_is_read_as_without_us():
    header = "theirs=a+b/c,session.id=s,session.name=a+b/c"
    context = SessionPropagator(W3CBaggagePropagator()).extract({"baggage": header}, Context())
    plain = W3CBaggagePropagator().extract({"baggage": header}, Context())
    assert baggage.get_baggage("theirs", context) == baggage.get_baggage("theirs", plain)


@pytest.mark.warned_of
@given(st.text(st.sampled_from("+%2BbF0/ c,;="), max_size=60), st.text(st.sampled_from("+%2F/ c"), max_size=20))
def test_whatever_is_sent_what_is_read_is_an_id_or_a_text(value, beside):
    session = read(f"session.id={value},session.name={value},session.path={beside}") or Session()
    assert session.id is None or is_plain_id(session.id)
    assert all(text is None or is_plain_text(text) for text in (session.name, session.path))
