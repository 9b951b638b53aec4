"""Requests that wait together are kept together, and each has its own answer."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otel_sessions.view.receiving.intake import Intake
from otel_sessions.view.store.interface import StoreFullError
from otel_sessions.view.store.sqlite import SQLiteStore
from otel_sessions.view.wire.batch import Batch, joined
from otel_sessions.view.wire.reading import InvalidOTLPError, read_logs, read_traces
from otlp_requests import logs, metrics, span, text, traces

FULL = StoreFullError("full")


def a_request(number: int, service: str = "shop", **fields) -> bytes:
    return traces(span(span_id=bytes([number] * 8), **fields), service=service).SerializeToString()


class _Writing:
    """Keeps what it is given; what comes first waits for ``go_on``."""

    def __init__(self, refused: bytes = b"") -> None:
        self.batches: list[Batch] = []
        self.has_begun = threading.Event()
        self.go_on = threading.Event()
        self._refused = refused

    def write(self, batch: Batch) -> None:
        self.has_begun.set()
        assert self.go_on.wait(60)
        if any(each.span_id == self._refused for each in batch.spans):
            raise FULL
        self.batches.append(batch)

    @property
    def numbers(self) -> list[list[int]]:
        return [[each.span_id[0] for each in batch.spans] for batch in self.batches]


def answers_to(writing: _Writing, *waiting: tuple[str, bytes]) -> list[object]:
    """Return what requests are answered that wait while another one is written."""
    answers: list[object] = [None] * len(waiting)

    def answering(place: int):
        def done(rejected, error) -> None:
            answers[place] = error or (rejected and rejected.reason) or "kept"

        return done

    with closing(Intake(writing.write)) as intake:
        intake.submit("traces", "protobuf", "identity", a_request(1), lambda *_: None)
        assert writing.has_begun.wait(60)
        for place, (signal, body) in enumerate(waiting):
            intake.submit(signal, "protobuf", "identity", body, answering(place))
        answered = threading.Event()
        intake.submit("metrics", "protobuf", "identity", b"", lambda *_: answered.set())
        writing.go_on.set()
        assert answered.wait(60)
        # That is answered as it is read, what is to be kept when it is.
        intake.close()
    return answers


def test_requests_that_wait_together_are_kept_together():
    writing = _Writing()
    half_bad = traces(span(span_id=bytes([3] * 8)), span(trace_id=b"")).SerializeToString()
    answers = answers_to(
        writing, ("traces", a_request(2)), ("traces", half_bad), ("metrics", metrics("a").SerializeToString())
    )
    assert answers == ["kept", "1 span has no valid trace id", "kept"]
    assert writing.numbers == [[1], [2, 3]]


def test_what_can_not_be_read_keeps_nothing_beside_it_from_being_kept():
    writing = _Writing()
    first, broken, last = answers_to(writing, ("traces", a_request(2)), ("traces", b"\xff"), ("traces", a_request(3)))
    assert (first, type(broken), last) == ("kept", InvalidOTLPError, "kept")
    assert writing.numbers == [[1], [2, 3]]


def test_where_several_can_not_be_kept_at_once_each_is_tried_for_itself():
    writing = _Writing(refused=bytes([3] * 8))
    answers = answers_to(writing, *(("traces", a_request(number)) for number in (2, 3, 4)))
    assert answers == ["kept", FULL, "kept"]
    assert writing.numbers == [[1], [2], [4]]


def test_what_is_large_does_not_wait_for_what_comes_behind_it():
    writing = _Writing()
    large = a_request(2, attributes=[text("a", "x" * 100_000)])
    answers = answers_to(writing, ("traces", large), ("traces", a_request(3)), ("traces", a_request(4)))
    assert answers == ["kept"] * 3
    assert writing.numbers == [[1], [2], [3, 4]]


@pytest.mark.parametrize("services", [("a", "a"), ("a", "b"), ("b", "a", "b")])
def test_joined_requests_say_of_each_span_and_record_who_has_sent_it(services):
    bodies = [a_request(number, service) for number, service in enumerate(services, 1)]
    records = [logs(LogRecord(time_unix_nano=1, severity_text=each), service=each) for each in services]
    batches = [*map(read_traces, bodies), *(read_logs(each.SerializeToString()) for each in records)]
    batch = joined(batches)
    assert [(each.raw, batch.sources[each.source]) for each in (*batch.spans, *batch.logs)] == [
        (each.raw, of.sources[each.source]) for of in batches for each in (*of.spans, *of.logs)
    ]
    assert batch.size == sum(of.size for of in batches)
    assert len({*batch.sources}) == len(batch.sources)


def test_requests_that_were_kept_together_are_found_in_the_store():
    bodies = [
        a_request(number, service, attributes=[text("session.id", service)]) for number, service in ((1, "a"), (2, "b"))
    ]
    with closing(SQLiteStore.open(None)) as store:
        store.write(joined(map(read_traces, bodies)))
        assert store.session("a") is not None
        whole = store.trace(bytes(range(1, 17)))
        assert whole is not None
        assert sorted(each.span_id[0] for each, _ in whole.spans) == [1, 2]
