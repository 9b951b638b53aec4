"""One thread that reads requests and hands them to the store, and a bound for what waits for it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from otel_sessions.view.wire.batch import Batch, joined
from otel_sessions.view.wire.json_form import count_metrics_in_json, logs_from_json, traces_from_json
from otel_sessions.view.wire.reading import count_metrics, read_logs, read_traces

from .answers import rejected_of
from .unpacking import MAX_BODY_SIZE, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .answers import Form, Rejected, Signal

    Done: TypeAlias = Callable[[Rejected | None, Exception | None], None]

# Of bodies as they came: two of the largest.
MAX_WAITING = 2 * MAX_BODY_SIZE

# Requests that wait together are kept together, up to so many bytes: a commit takes as much as some dozen spans.
_TOGETHER = 65_536

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
        write: Keeps a batch, and returns when it is kept. Small requests that wait together are one batch; where that can't
            be kept, each is tried for itself.
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
        """End when what is being written is kept; requests that still wait are not."""
        with self._lock:
            self._is_closed = True
            self._jobs.put(None)
        self._writer.join()

    def _work(self) -> None:
        while read := self._next():
            if len(read) > 1 and self._are_kept([batch for _, batch in read]):
                for job, batch in read:
                    job.done(rejected_of(batch), None)
            else:
                for job, batch in read:
                    self._keep(job, batch)

    def _next(self) -> list[tuple[_Job, Batch]]:
        """Return the next request, with what waits behind it as long as that is small; nothing at the end."""
        read: list[tuple[_Job, Batch]] = []
        size = 0
        with suppress(Empty):
            while size <= _TOGETHER:
                job = self._jobs.get(block=not read)
                if job is None:
                    self._jobs.put(None)  # it comes behind these
                    break
                batch = self._read(job)
                if batch is not None:
                    read.append((job, batch))
                    size += batch.size
        return read

    def _read(self, job: _Job) -> Batch | None:
        """Return what is to be kept of a request, ``None`` for nothing: then it is answered."""
        try:
            batch = self._batch_of(job)
        except Exception as error:  # noqa: BLE001  # one request keeps no other from being kept
            job.done(None, error)
            return None
        if batch.spans or batch.logs:
            return batch
        job.done(rejected_of(batch), None)
        return None

    def _batch_of(self, job: _Job) -> Batch:
        if self._is_closed:
            raise ClosedError(_ENDING)
        content = unpacked(job.body, job.encoding)
        if job.signal == "metrics":
            self._metrics += count_metrics(content) if job.form == "protobuf" else count_metrics_in_json(content)
            return Batch()
        return _READERS[job.signal, job.form](content)

    def _are_kept(self, batches: Sequence[Batch]) -> bool:
        """Keep several at once; tell whether that could be done."""
        try:
            self._write(joined(batches))
        except Exception:  # noqa: BLE001  # whatever the store raises: each is tried for itself then, and told
            return False
        return True

    def _keep(self, job: _Job, batch: Batch) -> None:
        try:
            self._write(batch)
        except Exception as error:  # noqa: BLE001  # whatever the store raises
            job.done(None, error)
        else:
            job.done(rejected_of(batch), None)
