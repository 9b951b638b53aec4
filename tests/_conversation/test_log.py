"""``log``: a message in its session and in its turn, whatever it is given."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from enum import IntEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context
from opentelemetry._logs import NoOpLoggerProvider, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otel_sessions import Session, bind_session, clear_session, log, set_session, to_carrier
from otel_sessions._context.log_values import logged, text_of
from otel_sessions._context.providers import PROVIDERS
from otel_sessions._conversation.handles import handle_in
from otel_sessions._pipeline.log_processor import SessionLogRecordProcessor
from otel_sessions._settings.settings import Settings, use_in_process
from otel_sessions._setup.log_pipeline import put_first
from records import KeptRecords


class Logs(KeptRecords):
    """A logger provider that keeps what it is given."""

    def __init__(self, logs=None) -> None:
        super().__init__()
        if logs is not None:
            put_first(self.provider, SessionLogRecordProcessor(logs=logs))
        PROVIDERS.use(None, self.provider)


@pytest.fixture
def logs():
    return Logs()


def test_a_message_is_in_the_session_and_in_the_span(logs, pipeline):
    with pipeline.tracer.start_as_current_span("turn") as span, set_session("conv-42", user_id="ada"):
        log("plan chosen", plan="b", response_id="resp-1")
    record = logs.record()
    assert (record.body, record.severity_number, record.severity_text) == ("plan chosen", SeverityNumber.INFO, "INFO")
    assert (record.trace_id, record.span_id) == (span.context.trace_id, span.context.span_id)
    assert record.event_name is None
    assert logs.told() == {
        "plan": "b",
        "gen_ai.response.id": "resp-1",
        "session.id": "conv-42",
        "user.id": "ada",
    }


def test_without_a_span_and_a_session_it_is_written_all_the_same(logs):
    log("hello")
    with clear_session():
        log("hello")
    assert [(record.span_id, dict(record.attributes)) for record in logs.records()] == [(0, {}), (0, {})]


def test_what_a_trace_is_bound_to_is_its_session(logs, pipeline):
    with pipeline.tracer.start_as_current_span("turn"):
        bind_session("conv-42")
        log("hello")
    assert logs.told() == {"session.id": "conv-42"}


@pytest.mark.parametrize("named", ["other", Session("other")], ids=type)
def test_another_session_can_be_named(logs, pipeline, named):
    with pipeline.tracer.start_as_current_span("turn") as span, set_session("conv-42"):
        log("hello", session=named)
    assert (logs.told(), logs.record().span_id) == ({"session.id": "other"}, span.context.span_id)


@pytest.mark.parametrize("name_it", [lambda: handle_in(context.get_current()), to_carrier], ids=["handle", "carrier"])
def test_another_turn_can_be_named(logs, pipeline, name_it):
    with pipeline.tracer.start_as_current_span("turn") as span, set_session("conv-42"):
        named = name_it()
    with pipeline.tracer.start_as_current_span("later"), set_session("other"):
        log("hello", session=named)
    assert (logs.told(), logs.record().span_id) == ({"session.id": "conv-42"}, span.context.span_id)


def test_its_own_attributes_go_before_those_of_the_session(logs):
    with set_session("conv-42"):
        log("hello", **{"session.id": "mine"})
    assert logs.told() == {"session.id": "mine"}


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("trace", SeverityNumber.TRACE),
        ("DEBUG", SeverityNumber.DEBUG),
        (" Info ", SeverityNumber.INFO),
        ("warn", SeverityNumber.WARN),
        ("warning", SeverityNumber.WARN),
        ("error", SeverityNumber.ERROR),
        ("fatal", SeverityNumber.FATAL),
        ("critical", SeverityNumber.FATAL),
        ("debug3", SeverityNumber.DEBUG3),
        (SeverityNumber.ERROR2, SeverityNumber.ERROR2),
    ],
)
def test_a_severity_has_the_names_of_opentelemetry(logs, warnings, given, number):
    log("hello", severity=given)
    assert (logs.record().severity_number, logs.record().severity_text) == (number, number.name)
    assert warnings() == []


@pytest.mark.parametrize("wrong", ["loud", 20, None])
def test_another_severity_is_info(logs, warnings, wrong):
    log("hello", severity=wrong)
    assert logs.record().severity_number == SeverityNumber.INFO
    (said,) = warnings()
    assert said.startswith("otel_sessions: severity: none of trace, debug, info, warn, error, fatal was given")
    assert "loud" not in said


def test_a_message_may_have_parts(logs):
    log({"event": "x", "n": [1]})
    assert logs.record().body == {"event": "x", "n": [1]}


def test_none_is_not_given_and_more_than_64_are_not_kept(logs, warnings):
    log("hello", response_id=[], a=None, **{f"k{number}": number for number in range(70)})
    assert list(logs.told()) == [f"k{number}" for number in range(64)]
    assert ["response_id: expected" in said or "attributes: more than 64" in said for said in warnings()] == [True] * 2


def test_switched_off_nothing_is_written_and_nothing_said(logs, warnings):
    use_in_process(Settings(disabled=True))
    log("hello", severity="loud")
    assert (logs.records(), warnings()) == ([], [])


def test_an_exporter_at_work_writes_nothing(logs):
    token = context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))
    log("hello")
    context.detach(token)
    assert logs.records() == []


@pytest.mark.parametrize("provider", [None, NoOpLoggerProvider()], ids=["none", "of the API"])
def test_without_an_sdk_it_says_once_what_to_do(warnings, provider):
    PROVIDERS.use(None, provider)
    for _ in range(2):
        log("hello")
    (said,) = warnings()
    assert (
        "there is no SDK LoggerProvider, so nothing is written; call opentelemetry._logs.set_logger_provider()" in said
    )


class NoProvider:
    """It is one by its name alone."""

    def get_logger(self, *_):
        raise AttributeError


def test_it_never_raises(warnings):
    provider = NoProvider()
    PROVIDERS.use(None, provider)
    for _ in range(2):
        log("hello")
    (said,) = warnings()
    assert said.startswith("otel_sessions: log: writing raised AttributeError, so nothing is written")


def test_of_a_trace_that_is_dropped_the_messages_are_too_where_that_is_asked_for(make_pipeline):
    logs = Logs("sampled")
    with make_pipeline(sampler=ALWAYS_OFF).tracer.start_as_current_span("turn"), set_session("conv-42"):
        log("dropped")
    with make_pipeline().tracer.start_as_current_span("turn"), set_session("conv-42"):
        log("kept")
    assert [record.body for record in logs.records()] == ["kept"]


# What can be logged


class Broken:
    def __str__(self):
        raise RuntimeError


class BrokenMapping(Mapping):
    def __getitem__(self, key):
        raise KeyError

    def __len__(self):
        return 1

    def __iter__(self):
        raise RuntimeError


class Endless(list):
    def __iter__(self):
        return itertools.count()


class Level(IntEnum):
    HIGH = 3


CYCLE = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (Level.HIGH, 3),
        (1.5, 1.5),
        (b"\xff", b"\xff"),
        (bytearray(b"a"), b"a"),
        ("ä", "ä"),
        ("a\ud800", "a?"),
        ("a" * 70_000, "a" * 65_535 + "…"),
        (2**63, "9223372036854775808"),
        (-(2**63), "-9223372036854775808"),
        ((1, [2, {3}]), [1, [2, [3]]]),
        ({"a": {1: None}, "": 1}, {"a": {"1": None}}),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (ValueError("why"), "why"),
        (Broken(), "<Broken>"),
        ({Broken: 1}.keys(), "dict_keys([<class 'test_log.Broken'>])"),
        (BrokenMapping(), "<BrokenMapping>"),
        ([Broken()], ["<Broken>"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_kept_or_is_a_text(value, expected):
    assert logged(value) == expected
    assert type(logged(value)) is type(expected)


def test_a_number_of_very_many_digits_is_no_text():
    assert text_of(10**5000) in {"<int>", str(10**9)[:1] + "0" * 5000}


def test_of_very_much_text_as_much_as_one_record_may_have_is_kept():
    kept = logged(["x" * 10**6] * 1000)
    assert [len(text) for text in kept[:5]] == [65_536] * 4 + [1]
    assert sum(map(len, kept)) == 262_144 + 996
    assert set(kept[4:]) == {"…"}


def test_names_and_bytes_count_as_text():
    kept = logged([b"x" * 65_536] * 4 + [b"x", "x"])
    assert [len(each) for each in kept] == [65_536] * 4 + [0, 1]
    kept = logged([b"x" * 65_536] * 3 + [b"x" * 65_530, {"a" * 100: 7}])
    assert kept[-1] == {"aaaaa…": 7}


def test_a_record_has_as_much_text_as_a_value_may_have(logs):
    log("x" * 10**6, **{f"key{number}": "x" * 10**6 for number in range(64)})
    record = logs.record()
    assert len(record.body) + sum(map(len, record.attributes.values())) == 262_144 + 61


def test_an_attribute_may_have_the_name_of_the_first_argument(logs):
    log("got", message="hi", plan="b")
    assert (logs.record().body, logs.told()) == ("got", {"message": "hi", "plan": "b"})


def depth(value):
    return 1 + depth(value[0]) if isinstance(value, list) else 0


def test_what_holds_itself_and_what_is_endless_is_cut():
    assert depth(logged(CYCLE)) == 16
    assert len(logged(Endless())) == 1023
    wide = [CYCLE] * 100
    wide[0] = wide
    assert str(logged(wide)).count("…") <= 1024


def test_a_wide_value_is_cut_where_enough_is_read():
    many = logged({"a": list(range(2000)), "b": [1]})
    assert (len(many["a"]), "b" in many) == (1022, False)
    assert logged([list(range(1021)), [1]]) == [list(range(1021)), "…"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.uuids(),
    lambda below: st.lists(below) | st.dictionaries(st.text() | st.integers(), below) | st.tuples(below),
)


@given(values)
def test_whatever_is_logged_an_exporter_can_write(value):
    logs = Logs()
    log(value, value=value)
    assert encode_logs(logs.exporter.get_finished_logs()).SerializeToString()
