"""One thread that reads requests and hands them to the store, and a bound for what waits for it."""

from __future__ import annotations

from contextlib import contextmanager
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from otel_sessions.view.wire.json_form import count_metrics_in_json, logs_from_json, traces_from_json
from otel_sessions.view.wire.reading import count_metrics, read_logs, read_traces

from .answers import rejected_of
from .unpacking import MAX_BODY_SIZE, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otel_sessions.view.wire.batch import Batch

    from .answers import Form, Rejected, Signal

    Done: TypeAlias = Callable[[Rejected | None, Exception | None], None]

# Of bodies as they came: two of the largest.
MAX_WAITING = 2 * MAX_BODY_SIZE

_READERS: dict[tuple[Signal, Form], Callable[[bytes], Batch]] = {
    ("traces", "protobuf"): read_traces,
    ("traces", "json"): traces_from_json,
    ("logs", "protobuf"): read_logs,
    ("logs", "json"): logs_from_json,
}


_ENDING = "the receiver is ending; send it again"


class BusyError(Exception):
    """As much is waiting as may be: to be sent again later."""


class ClosedError(Exception):
    """The end has come: to be sent again, to who comes next."""


class _Job(NamedTuple):
    signal: Signal
    form: Form
    encoding: str
    body: bytes
    done: Done


class Intake:
    """What all receivers hand their requests to.

    Args:
        write: Keeps a batch, and returns when it is kept.
        max_waiting: Bytes of requests that came and are not answered yet, at most.
    """

    def __init__(self, write: Callable[[Batch], None], *, max_waiting: int = MAX_WAITING) -> None:
        """Start the thread that writes."""
        self._write = write
        self._room = max_waiting
        self._lock = Lock()
        self._is_closed = False
        self._metrics = 0
        # Not an executor: what hands a request over and back costs a third of that.
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._writer = Thread(target=self._work, name="otel-sessions-writer", daemon=True)
        self._writer.start()

    @property
    def metrics(self) -> int:
        """How many metrics came, and were dropped."""
        return self._metrics

    @contextmanager
    def waiting(self) -> Iterator[Callable[[int], None]]:
        """Give a function that counts so many bytes as waiting, until the block ends.

        It raises `BusyError` where there is no room for them.
        """
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            self._take_room(size)
            taken += size

        try:
            yield take
        finally:
            self._take_room(-taken)

    def _take_room(self, size: int) -> None:
        with self._lock:
            if size > self._room:
                message = "more is waiting to be written than may be; send it again"
                raise BusyError(message)
            self._room -= size

    def submit(self, signal: Signal, form: Form, encoding: str, body: bytes, done: Done) -> None:
        """Have a request read and written.

        Args:
            signal: What it is of.
            form: How it is written.
            encoding: How ``body`` is compressed, one of `ENCODINGS`.
            body: As it came.
            done: Called in the thread that writes, when it is kept: with what was refused of it, and with the error
                that kept it from being kept, which is `InvalidOTLPError`, `TooLargeError`, `ClosedError`, or the store's.

        Raises:
            ClosedError: The end has come.
        """
        with self._lock:
            if self._is_closed:
                raise ClosedError(_ENDING)
            self._jobs.put(_Job(signal, form, encoding, body, done))

    def close(self) -> None:
        """End when the request that is being written is kept; those that still wait are not."""
        with self._lock:
            self._is_closed = True
            self._jobs.put(None)
        self._writer.join()

    def _work(self) -> None:
        while job := self._jobs.get():
            rejected: Rejected | None = None
            error: Exception | None = None
            try:
                rejected = self._keep(job)
            except Exception as raised:  # noqa: BLE001  # whatever the store raises
                error = raised
            job.done(rejected, error)

    def _keep(self, job: _Job) -> Rejected | None:
        if self._is_closed:
            raise ClosedError(_ENDING)
        content = unpacked(job.body, job.encoding)
        if job.signal == "metrics":
            self._metrics += count_metrics(content) if job.form == "protobuf" else count_metrics_in_json(content)
            return None
        batch = _READERS[job.signal, job.form](content)
        if batch.spans or batch.logs:
            self._write(batch)
        return rejected_of(batch)
