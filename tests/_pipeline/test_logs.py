"""Log records: each has the session of its own context, its own attributes win, and dropped sessions can be left out."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk._logs._internal import ConcurrentMultiLogRecordProcessor
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otel_sessions import bind_session, clear_session, set_session, step, update_session
from otel_sessions._context import lives
from otel_sessions._pipeline.log_processor import SessionLogRecordProcessor
from otel_sessions._session.ids import digest
from otel_sessions._settings.settings import Settings
from otel_sessions._setup.log_pipeline import put_first
from wire import LogReceiver

OURS = {"session.id": "ours", "user.id": "ada"}
REMOTE = baggage.set_baggage("user.id", "mallory", baggage.set_baggage("session.id", "remote", context.Context()))


class Snapshots(LogRecordExporter):
    """Keeps what a record has at the moment of its export: an exporter that sends it knows no later."""

    def __init__(self) -> None:
        self.seen = []

    def export(self, batch):
        self.seen.extend((record.log_record.body, dict(record.log_record.attributes or {})) for record in batch)

    def shutdown(self):
        pass

    def force_flush(self, timeout_millis=30000):  # noqa: ARG002  # the SDK's signature
        return True


class Logs:
    """A logger provider with a processor of ours before one that exports at once."""

    def __init__(self, *processors, **options) -> None:
        self.exporter = Snapshots()
        self.provider = LoggerProvider(shutdown_on_exit=False, **options)
        for processor in processors or (SessionLogRecordProcessor(),):
            self.provider.add_log_record_processor(processor)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))
        self.logger = self.provider.get_logger("tests")

    def emitted(self, *, attributes=None, in_context=None):
        """Return the attributes with which one record is exported."""
        self.logger.emit(LogRecord(body="body", attributes=attributes, context=in_context))
        return self.exporter.seen[-1][1]


@pytest.fixture
def logs():
    logs = Logs()
    yield logs
    logs.provider.shutdown()


@pytest.fixture
def tracer():
    return TracerProvider(shutdown_on_exit=False).get_tracer("tests")


@pytest.fixture
def unsampled():
    return TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("tests")


def bounded(*, maxlen=None, max_value_len=None, attributes=None):
    """Return a record with limits, whose `LogRecordLimits` are given in another way in each version of the SDK."""
    record = ReadWriteLogRecord(LogRecord(attributes=attributes))
    record.log_record.attributes.maxlen = maxlen
    record.log_record.attributes.max_value_len = max_value_len
    return record


def stamped(record):
    SessionLogRecordProcessor().on_emit(record)
    return dict(record.log_record.attributes)


# What is stamped


def test_a_record_has_the_session_it_is_written_in(logs):
    with set_session("ours", user_id="ada", name="n", metadata={"k": "v"}, tags=["t"]), step("s"):
        assert logs.emitted() == {
            **OURS,
            "session.name": "n",
            "session.path": "/s",
            "session.metadata.k": "v",
            "session.tags": ("t",),
        }


def test_the_keywords_of_emit_are_stamped_as_a_record_is(logs):
    with set_session("ours", user_id="ada"):
        logs.logger.emit(body="b", severity_number=SeverityNumber.INFO, event_name="my.event", attributes={"x": 1})
    assert logs.exporter.seen == [("b", {"x": 1, **OURS})]


def test_without_a_session_there_is_nothing_on_a_record(logs):
    assert logs.emitted(attributes={"x": 1}) == {"x": 1}


def test_a_cleared_session_is_on_no_record(logs):
    with set_session("ours", user_id="ada"), clear_session():
        assert logs.emitted() == {}


def test_the_context_of_the_record_counts_and_not_the_current_one(logs):
    with set_session("current"):
        assert logs.emitted(in_context=set_session("ours", user_id="ada").context) == OURS
        assert logs.emitted(in_context=clear_session().context) == {}


def test_without_a_context_the_current_one_counts():
    record = ReadWriteLogRecord(LogRecord())
    record.log_record.context = None
    with set_session("ours", user_id="ada"):
        assert stamped(record) == OURS


def test_a_remote_session_is_on_records(logs):
    assert logs.emitted(in_context=REMOTE) == {"session.id": "remote", "user.id": "mallory"}


def test_a_user_alone_is_on_records(logs):
    with update_session(user_id="ada"):
        assert logs.emitted() == {"user.id": "ada"}


@pytest.mark.warned_of("propagators")
def test_a_bound_trace_has_its_session_on_records_in_any_thread(logs, tracer):
    with tracer.start_as_current_span("server"):
        assert logs.emitted() == {}
        bind_session("ours", user_id="ada")
        assert logs.emitted() == OURS
        carried = context.get_current()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(logs.emitted, in_context=carried).result() == OURS


def test_a_trace_that_is_bound_while_it_is_not_recorded_has_its_session_on_records(logs, unsampled):
    with unsampled.start_as_current_span("server"):
        bind_session("ours", user_id="ada")
        assert logs.emitted() == OURS
    lives.forget()


def test_the_user_is_shown_as_the_settings_say(logs, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_USER_PRIVACY", "drop")
    with set_session("ours", user_id="ada"):
        assert logs.emitted() == {"session.id": "ours"}


# Who wins


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param({"user.id": "bob"}, {"session.id": "ours", "user.id": "bob"}, id="user"),
        pytest.param({"session.id": "ours"}, OURS, id="same"),
        pytest.param({"session.id": "other"}, {"session.id": "other", "user.id": "ada"}, id="another"),
        pytest.param({"session.id": ""}, {"session.id": "", "user.id": "ada"}, id="empty"),
        pytest.param({"x": 1}, {"x": 1, **OURS}, id="foreign"),
    ],
)
def test_what_a_record_has_itself_stays(logs, own, expected):
    with set_session("ours", user_id="ada"):
        assert logs.emitted(attributes=own) == expected


def test_a_record_of_another_session_gets_nothing_of_ours_but_the_user(logs):
    with set_session("ours", user_id="ada", name="n", metadata={"k": "v"}), step("s"):
        assert logs.emitted(attributes={"session.id": "other"}) == {"session.id": "other", "user.id": "ada"}


def test_a_record_of_another_session_gets_no_remote_user(logs):
    assert logs.emitted(attributes={"session.id": "mine"}, in_context=REMOTE) == {"session.id": "mine"}


def test_a_user_alone_joins_a_record_of_any_session(logs):
    with update_session(user_id="ada", name="n"):
        assert logs.emitted(attributes={"session.id": "mine"}) == {
            "session.id": "mine",
            "user.id": "ada",
            "session.name": "n",
        }


def test_a_number_is_the_same_id_as_its_digits(logs):
    with set_session(42, user_id="ada", name="n"):
        assert logs.emitted(attributes={"session.id": 42}) == {"session.id": 42, "user.id": "ada", "session.name": "n"}


def test_two_of_them_stamp_as_one_does():
    logs = Logs(SessionLogRecordProcessor(), SessionLogRecordProcessor())
    with set_session("ours", user_id="ada"):
        assert logs.emitted() == OURS


# Limits


@pytest.mark.warned_of("not all of its session")
def test_its_own_attributes_are_never_evicted_and_ours_fill_the_room_that_is_left():
    with set_session("ours", user_id="ada", name="n", path="/p"):
        own = {f"k{number}": number for number in range(4)}
        assert stamped(bounded(maxlen=4, attributes=own)) == own
        assert stamped(bounded(maxlen=5, attributes=own)) == {**own, "session.id": "ours"}
        assert stamped(bounded(maxlen=6, attributes=own)) == {**own, **OURS}
        assert stamped(bounded(maxlen=7, attributes=own)) == {**own, "session.name": "n", **OURS}


def test_what_is_added_later_evicts_the_ids_last():
    with set_session("ours", user_id="ada", name="n"):
        record = bounded(maxlen=4, attributes={"old": 1})
        stamped(record)
    record.log_record.attributes["late"] = 1
    assert dict(record.log_record.attributes) == {"session.name": "n", **OURS, "late": 1}


def test_a_full_record_is_said_once_and_the_sdk_has_nothing_to_say(warnings, caplog):
    with set_session("ours"):
        for _ in range(3):
            assert stamped(bounded(maxlen=1, attributes={"x": 1})) == {"x": 1}
            assert stamped(bounded(maxlen=0)) == {}
    assert len(warnings()) == len(caplog.records) == 1
    assert "limit of 1 allows" in warnings()[0]


def test_a_full_record_of_the_same_session_is_no_complaint(warnings):
    with set_session("ours"):
        assert stamped(bounded(maxlen=1, attributes={"session.id": "ours"})) == {"session.id": "ours"}
    assert warnings() == []


@pytest.mark.warned_of("digest", "not all of its session")
def test_the_limits_of_the_environment_hold(monkeypatch):
    monkeypatch.setenv("OTEL_ATTRIBUTE_COUNT_LIMIT", "3")
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "20")
    with set_session("s" * 30, user_id="ada"):
        attributes = Logs().emitted(attributes={"a": 1, "b": 2})
    assert attributes == {"a": 1, "b": 2, "session.id": digest("s" * 30, 20)}


@pytest.mark.warned_of("digest")
def test_an_id_over_the_value_limit_is_its_digest_and_a_text_is_cut():
    with set_session("s" * 40, user_id="ada", name="n" * 40, tags=["t" * 40]):
        assert stamped(bounded(max_value_len=30)) == {
            "session.id": digest("s" * 40, 30),
            "user.id": "ada",
            "session.name": "n" * 30,
            "session.tags": ("t" * 30,),
        }
        cut = bounded(max_value_len=30, attributes={"session.id": "s" * 30})  # as the SDK cuts it
        assert stamped(cut)["session.name"] == "n" * 30


def test_a_value_limit_of_nothing_leaves_nothing():
    with set_session("ours"):
        assert stamped(bounded(max_value_len=0)) == {}


# It never fails, and never ends in a loop


@pytest.mark.parametrize("attributes", [None, {}])
def test_a_processor_before_may_have_put_other_attributes_there(attributes):
    with set_session("ours", user_id="ada"):
        record = ReadWriteLogRecord(LogRecord())
        record.log_record.attributes = attributes
        assert stamped(record) == OURS


def test_it_never_raises(warnings):
    with set_session("ours"):
        record = ReadWriteLogRecord(LogRecord())
        record.log_record.attributes = ()
        for log_record in (record, None, record):
            SessionLogRecordProcessor().on_emit(log_record)
    said = [f"otel_sessions: stamping a log record raised {error}" for error in ("TypeError", "AttributeError")]
    assert warnings() == said


@pytest.mark.warned_of("raised AttributeError")
def test_what_is_behind_gets_the_record_all_the_same_where_stamping_fails():
    seen = Seen()
    SessionLogRecordProcessor(seen).on_emit("no record")
    assert seen.records == ["no record"]


def bridged(provider):
    return LoggingHandler(logger_provider=provider)


def bridged_by_the_sdk(provider):
    from opentelemetry.sdk._logs import LoggingHandler

    return LoggingHandler(logger_provider=provider)


@pytest.fixture(params=[bridged, bridged_by_the_sdk])
def bridge(request):
    """Return a function that lets the records of the standard library go to a provider, by the official bridges."""
    attached = []

    def attach(provider):
        handler = request.param(provider)
        attached.append(handler)
        logging.getLogger().addHandler(handler)

    yield attach
    for handler in attached:
        logging.getLogger().removeHandler(handler)


# The bridge of the SDK is deprecated since 1.40, and still what its own auto-configuration installs.
sdk_bridge = pytest.mark.filterwarnings("ignore:.*LoggingHandler:DeprecationWarning")


@sdk_bridge
def test_the_standard_library_writes_records_with_the_session(logs, bridge):
    bridge(logs.provider)
    log = logging.getLogger("app")
    with set_session("ours", user_id="ada"):
        log.warning("hello %s", "world")
        log.warning("mine", extra={"session.id": "mine"})
    log.warning("outside")
    ids = [(body, found.get("session.id"), found.get("user.id")) for body, found in logs.exporter.seen]
    assert ids == [("hello world", "ours", "ada"), ("mine", "mine", "ada"), ("outside", None, None)]


@sdk_bridge
def test_a_warning_of_ours_that_comes_back_as_a_record_ends_there(bridge, warnings):
    logs = Logs(SessionLogRecordProcessor(logs="sampled", keeps=lambda _: 1 / 0))
    bridge(logs.provider)
    with set_session("ours"):
        logging.getLogger("app").warning("hello")
        logging.getLogger("app").warning("again")
    assert len(warnings()) == 1
    ours = [body for body, _ in logs.exporter.seen if body not in {"hello", "again"}]
    assert ours in ([], warnings())  # a bridge may refuse a record that comes of another
    assert {found["session.id"] for _, found in logs.exporter.seen} == {"ours"}


def test_a_long_id_is_warned_of_once_where_the_warning_is_a_record_too(warnings, monkeypatch):
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "30")
    logs, root = Logs(), logging.getLogger()
    handler = bridged(logs.provider)
    root.addHandler(handler)
    with set_session("s" * 40):
        logging.getLogger("app").warning("hello")
    root.removeHandler(handler)
    assert len(warnings()) == 1
    assert {found["session.id"] for _, found in logs.exporter.seen} == {digest("s" * 40, 30)}


@sdk_bridge
def test_what_logs_each_time_that_it_is_asked_ends(bridge):
    asked = []

    def keeps(session_id):
        asked.append(session_id)
        logging.getLogger("app").warning("asked")
        return True

    logs = Logs(SessionLogRecordProcessor(logs="sampled", keeps=keeps))
    bridge(logs.provider)
    with set_session("ours"):
        logging.getLogger("app").warning("hello")
    assert [body for body, _ in logs.exporter.seen].count("hello") == 1
    assert 1 <= len(asked) <= 3


# Switched on and off


@pytest.mark.parametrize(("logs", "disabled"), [("false", None), (False, None), (None, True), ("sampled", True)])
def test_switched_off_it_does_nothing(logs, disabled):
    with set_session("ours", user_id="ada"):
        assert Logs(SessionLogRecordProcessor(logs=logs, disabled=disabled)).emitted() == {}


@pytest.mark.parametrize(("variable", "word"), [("LOGS", "false"), ("DISABLED", "true")])
def test_the_environment_switches_it_off(monkeypatch, variable, word):
    monkeypatch.setenv(f"OTEL_SESSION_{variable}", word)
    with set_session("ours"):
        assert Logs().emitted() == {}


def test_it_is_switched_where_it_stands():
    processor = SessionLogRecordProcessor()
    logs = Logs(processor)
    with set_session("ours"):
        processor.apply(Settings(disabled=True))
        assert logs.emitted() == {}
        processor.apply(Settings())
        assert logs.emitted() == {"session.id": "ours"}


def test_its_repr_shows_the_settings():
    assert repr(SessionLogRecordProcessor(logs="sampled")) == "SessionLogRecordProcessor(Settings(logs='sampled'))"


# The order of processors


def simple_first(provider, exporter):
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    assert put_first(provider, SessionLogRecordProcessor())


def batch_first(provider, exporter):
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_queue_size=50_000))
    assert put_first(provider, SessionLogRecordProcessor())


def simple_later(provider, exporter):
    assert put_first(provider, SessionLogRecordProcessor())
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))


def batch_later(provider, exporter):
    assert put_first(provider, SessionLogRecordProcessor())
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_queue_size=50_000))


def added_by_hand(provider, exporter):
    provider.add_log_record_processor(SessionLogRecordProcessor())
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_queue_size=50_000))


def behind_ours(provider, exporter):
    batch = BatchLogRecordProcessor(exporter, max_queue_size=50_000)
    provider.add_log_record_processor(SessionLogRecordProcessor(batch))


def added_by_hand_too_late(provider, exporter):
    processor = SessionLogRecordProcessor()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.add_log_record_processor(processor)
    assert put_first(provider, processor)


SET_UPS = [simple_first, batch_first, simple_later, batch_later, added_by_hand, behind_ours, added_by_hand_too_late]
THREADS, RECORDS = 8, 2500  # 20,000 records


@pytest.mark.warned_of("placeholder")
@pytest.mark.parametrize("set_up", SET_UPS)
def test_no_record_of_busy_threads_is_exported_without_its_session(set_up):
    exporter, provider = Snapshots(), LoggerProvider(shutdown_on_exit=False)
    set_up(provider, exporter)
    logger = provider.get_logger("tests")

    def busy(number):
        with set_session(f"session-{number}"):
            for _ in range(RECORDS):
                logger.emit(body=f"session-{number}")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(busy, range(THREADS)))
    provider.force_flush()
    provider.shutdown()
    assert len(exporter.seen) == THREADS * RECORDS
    assert [found for found in exporter.seen if found != (found[0], {"session.id": found[0]})] == []


def test_a_multi_processor_that_runs_all_at_once_runs_ours_first():
    exporter = Snapshots()
    multi = ConcurrentMultiLogRecordProcessor(3)
    provider = LoggerProvider(shutdown_on_exit=False, multi_log_record_processor=multi)
    for _ in range(3):
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    assert put_first(provider, SessionLogRecordProcessor())
    with set_session("ours", user_id="ada"):
        for _ in range(100):
            provider.get_logger("tests").emit(body="b")
    assert provider.force_flush()
    provider.shutdown()
    assert exporter.seen == [("b", OURS)] * 300


class Seen(LogRecordProcessor):
    """Keeps the records that it is given, and what else it is told."""

    def __init__(self, *, takes=True, flushes=True) -> None:
        self.records, self.told = [], []
        self.takes, self.flushes = takes, flushes

    def on_emit(self, log_record):
        self.records.append(log_record)

    def enabled(self, **question):
        self.told.append(question)
        return self.takes

    def force_flush(self, timeout_millis=30000):
        self.told.append(timeout_millis)
        return self.flushes

    def shutdown(self):
        self.told.append("shutdown")


def emit(provider, count=1):
    for _ in range(count):
        provider.get_logger("tests").emit(body="b")


def test_put_first_again_it_stays_once_and_takes_in_what_came_since():
    provider, first, second = LoggerProvider(shutdown_on_exit=False), Seen(), Seen()
    processor = SessionLogRecordProcessor(logs="sampled", keeps=lambda session_id: session_id != "dropped")
    provider.add_log_record_processor(first)
    assert put_first(provider, processor)
    assert put_first(provider, processor)
    emit(provider)
    provider.add_log_record_processor(second)
    with set_session("dropped"):
        emit(provider)
    assert (len(first.records), len(second.records)) == (1, 1)
    assert put_first(provider, processor)
    with set_session("dropped"):
        emit(provider)
    emit(provider)
    assert (len(first.records), len(second.records)) == (2, 2)


def test_one_with_processors_of_its_own_keeps_them_where_it_is_put_first():
    own, other = Seen(), Seen()
    provider, processor = LoggerProvider(shutdown_on_exit=False), SessionLogRecordProcessor(own)
    provider.add_log_record_processor(other)
    provider.add_log_record_processor(processor)
    assert put_first(provider, processor)
    emit(provider)
    assert (len(own.records), len(other.records)) == (1, 1)
    assert repr(provider._multi_log_record_processor._log_record_processors) == (
        "(<SessionLogRecordProcessor(Settings()) before 1>,)"
    )


def test_two_that_are_put_first_stand_one_behind_the_other():
    provider, seen = LoggerProvider(shutdown_on_exit=False), Seen()
    provider.add_log_record_processor(seen)
    for _ in range(2):
        assert put_first(provider, SessionLogRecordProcessor())
    with set_session("ours"):
        emit(provider)
    assert [dict(record.log_record.attributes) for record in seen.records] == [{"session.id": "ours"}]


def test_while_it_is_put_first_no_record_is_lost_or_sent_twice():
    provider, seen = LoggerProvider(shutdown_on_exit=False), Seen()
    provider.add_log_record_processor(seen)
    processor, others = SessionLogRecordProcessor(), [SessionLogRecordProcessor() for _ in range(50)]
    started = threading.Barrier(3)

    def busy():
        started.wait()
        emit(provider, 3000)

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    started.wait()
    for other in others:
        provider.add_log_record_processor(other)
        assert put_first(provider, processor)
    for thread in threads:
        thread.join()
    assert len(seen.records) == 6000


class Foreign:
    """A logger provider of another make, that takes processors and does not show them."""

    def __init__(self) -> None:
        self.processors = []

    def add_log_record_processor(self, processor):
        self.processors.append(processor)


def test_where_the_processors_cant_be_reached_it_is_added_last_once_and_says_the_remedy(warnings):
    provider, processor = Foreign(), SessionLogRecordProcessor()
    assert [put_first(provider, processor), put_first(provider, processor)] == [False, False]
    assert provider.processors == [processor]
    assert len(warnings()) == 1
    assert "pass SessionLogRecordProcessor() to its add_log_record_processor before any other" in warnings()[0]


def test_an_sdk_that_keeps_them_in_another_way_gets_it_last(warnings, monkeypatch):
    provider, seen = LoggerProvider(shutdown_on_exit=False), Seen()
    provider.add_log_record_processor(seen)
    monkeypatch.delattr(provider._multi_log_record_processor, "_log_record_processors")
    monkeypatch.setattr(provider, "add_log_record_processor", seen.records.append)
    assert not put_first(provider, SessionLogRecordProcessor())
    assert len(seen.records) == len(warnings()) == 1


def test_a_provider_without_an_sdk_is_left_as_it_is(warnings):
    assert not put_first(trace.get_tracer_provider(), SessionLogRecordProcessor())
    assert warnings() == []


def test_putting_it_first_never_raises(warnings):
    class Broken:
        @property
        def add_log_record_processor(self):
            raise RuntimeError

    assert not put_first(Broken(), SessionLogRecordProcessor())
    assert "adding a log processor raised RuntimeError" in warnings()[0]


# What is behind


def test_alone_it_has_nothing_to_flush_and_writes_nothing():
    processor = SessionLogRecordProcessor()
    assert processor.force_flush() is True
    assert processor.force_flush(0) is True
    assert processor.enabled() is False
    processor.shutdown()


def test_what_is_behind_is_flushed_asked_and_shut_down():
    silent, takes, refuses = Seen(flushes=None), Seen(), Seen(takes=False, flushes=False)
    assert SessionLogRecordProcessor(silent, takes).force_flush(1000) is True
    assert SessionLogRecordProcessor(refuses, takes).force_flush(1000) is False
    assert SessionLogRecordProcessor(silent).force_flush(0) is False
    assert SessionLogRecordProcessor(refuses, takes).enabled(event_name="e") is True
    assert SessionLogRecordProcessor(refuses).enabled(event_name="e") is False
    SessionLogRecordProcessor(silent, takes).shutdown()
    assert [type(told) for told in silent.told] == [int, str]
    assert [told for told in takes.told if not isinstance(told, int)] == [{"event_name": "e"}, "shutdown"]
    assert refuses.told[1:] == [{"event_name": "e"}] * 2


def test_what_is_behind_and_of_an_older_make_takes_every_record():
    class Older:
        def on_emit(self, log_record):
            raise NotImplementedError

    assert SessionLogRecordProcessor(Older()).enabled() is True


# Logs of dropped sessions


@pytest.fixture
def kept():
    """Return a function that tells whether a record written here passes a processor that keeps no "dropped"."""
    seen = Seen()
    processor = SessionLogRecordProcessor(seen, logs="sampled", keeps=lambda session_id: session_id != "dropped")

    def told(**record):
        before = len(seen.records)
        processor.on_emit(ReadWriteLogRecord(LogRecord(**record)))
        return len(seen.records) - before == 1

    return told


def test_in_a_trace_the_verdict_of_the_trace_counts(kept, tracer, unsampled):
    with set_session("dropped"), tracer.start_as_current_span("span"):
        assert kept()
    with set_session("ours"), unsampled.start_as_current_span("span"):
        assert not kept()
    with unsampled.start_as_current_span("span"):
        assert not kept()


def test_outside_of_a_trace_the_verdict_on_the_session_counts(kept):
    with set_session("ours"):
        assert kept()
        assert not kept(attributes={"session.id": "dropped"})
    with set_session("dropped"):
        assert not kept()
        assert kept(attributes={"session.id": "ours"})
        with clear_session():
            assert kept()
    assert kept()


@pytest.mark.warned_of("digest")
def test_the_verdict_is_on_the_id_itself_and_not_on_what_is_shown(monkeypatch):
    asked = []
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "30")
    with set_session("s" * 40):
        Logs(SessionLogRecordProcessor(logs="sampled", keeps=asked.append)).emitted()
    assert asked == ["s" * 40]


def test_where_nobody_tells_of_sessions_their_records_are_kept():
    seen = Seen()
    with set_session("ours"):
        SessionLogRecordProcessor(seen, logs="sampled").on_emit(ReadWriteLogRecord(LogRecord()))
    assert len(seen.records) == 1


def test_where_the_verdict_fails_the_record_is_kept(warnings):
    seen = Seen()
    processor = SessionLogRecordProcessor(seen, logs="sampled", keeps=lambda _: 1 / 0)
    with set_session("ours"):
        processor.on_emit(ReadWriteLogRecord(LogRecord()))
    assert len(seen.records) == 1
    assert warnings() == ["otel_sessions: stamping a log record raised ZeroDivisionError"]


def test_unless_it_is_asked_for_nothing_is_dropped(logs, unsampled):
    with set_session("ours"), unsampled.start_as_current_span("span"):
        assert logs.emitted() == {"session.id": "ours"}


# On the wire, and in another process


@pytest.mark.parametrize("set_up", SET_UPS)
def test_the_bytes_of_every_record_have_both_ids(set_up, tracer):
    with LogReceiver() as receiver:
        provider = LoggerProvider(shutdown_on_exit=False)
        set_up(provider, OTLPLogExporter(endpoint=receiver.url + "/v1/logs"))
        with set_session("ours", user_id="ada", tags=["t"]), tracer.start_as_current_span("turn") as span:
            for _ in range(5):
                provider.get_logger("tests").emit(body="hello")
        provider.force_flush()
        provider.shutdown()
        records = receiver.records()
    found = [record.attributes for record in records]
    assert [(ids["session.id"], ids["user.id"]) for ids in found] == [("ours", "ada")] * 5
    assert found[0]["session.tags"] == ["t"]
    assert {int(record.trace_id, 16) for record in records} == {span.get_span_context().trace_id}


FORKS = """
import os, sys, threading
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from otel_sessions import set_session
from otel_sessions._setup.log_pipeline import put_first
from otel_sessions._pipeline.log_processor import SessionLogRecordProcessor

class Seen(LogRecordProcessor):
    ids = None
    def on_emit(self, log_record): Seen.ids = dict(log_record.log_record.attributes)
    def shutdown(self): pass
    def force_flush(self, timeout_millis=30000): return True

provider = LoggerProvider(shutdown_on_exit=False)
provider.add_log_record_processor(Seen())
put_first(provider, SessionLogRecordProcessor())
logger = provider.get_logger("forks")
stop = threading.Event()

def busy():
    with set_session("busy"):
        while not stop.is_set():
            logger.emit(body="b")

thread = threading.Thread(target=busy)
thread.start()
with set_session("ours"):
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            logger.emit(body="b")
            os._exit(0 if Seen.ids == {"session.id": "ours"} else 1)
        if os.waitpid(pid, 0)[1]:
            print("bad")
stop.set()
thread.join()
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on Windows")
def test_a_fork_in_the_middle_of_it_goes_on_stamping():
    """Not measured: the coverage has locks of its own, which do not survive a fork."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
    command = [sys.executable, "-W", "ignore", "-c", FORKS]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout == "done\n"
