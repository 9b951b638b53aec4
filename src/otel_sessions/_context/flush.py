"""A bounded flush, for where a process is frozen or ends as soon as the answer is given: serverless, notebooks.

The SDK's batch processors take as long to flush as their exporter does, whatever timeout they are
given, so it is done in a thread, one for the process, and who asks waits no longer than the setting
says. Where the flush before has not come back in that time, nobody waits until it has.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from otel_sessions import _diagnostics
from otel_sessions._forks import ForkSafeLock, after_fork_in_child
from otel_sessions._settings.settings import in_process

from .providers import PROVIDERS

if TYPE_CHECKING:
    from concurrent.futures import Future

_MILLI = 0.001


class _Flusher:
    """The thread that flushes: one flush at a time, and one more for all who ask meanwhile."""

    __slots__ = ("_asked", "_lock", "_since")

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._begin()
        after_fork_in_child(self._begin)

    def _begin(self) -> None:
        self._asked: Future[None] | None = None
        self._since: float | None = None  # when the flush began that is at work

    def ask(self, milliseconds: int) -> Future[None] | None:
        """Have what is recorded by now flushed; ``None`` where that would only wait for one that hangs."""
        from concurrent.futures import Future  # noqa: PLC0415  # for the few who ask for a flush

        with self._lock:
            asked = self._asked
            if asked is None:
                asked = self._asked = Future()
                if self._since is None:
                    self._start(milliseconds)
            hangs = self._since is not None and monotonic() - self._since > milliseconds * _MILLI
        return None if hangs else asked

    def _start(self, milliseconds: int) -> None:
        self._since = monotonic()
        try:
            # In an empty context: it flushes for everybody, and Python (-X thread_inherit_context) or an
            # instrumentation may take along the session of who happens to be the first to ask.
            work = contextvars.Context().run
            threading.Thread(
                target=work, args=(self._work, milliseconds), name="otel-sessions-flush", daemon=True
            ).start()
        except RuntimeError:  # the interpreter is on its way out, or there are too many
            self._begin()
            raise

    def _work(self, milliseconds: int) -> None:
        while True:
            with self._lock:
                asked, self._asked = self._asked, None
                self._since = None if asked is None else monotonic()
            if asked is None:
                return
            try:
                _force_flush(milliseconds)
            finally:
                asked.set_result(None)


_FLUSHER = _Flusher()


def is_asked_for() -> bool:
    """Tell whether there is to be a flush at the end of turns and streams."""
    return in_process().flush > 0


def flush() -> None:
    """Flush spans and logs, and wait for it as long as the setting says; do nothing where none is asked for.

    In a thread that runs an event loop nobody waits: all its tasks would.
    """
    milliseconds = in_process().flush
    asked = _asked(milliseconds)
    if asked is not None and not _runs_a_loop():
        from concurrent.futures import TimeoutError as FutureTimeoutError  # noqa: PLC0415  # the builtin one from 3.11 on

        with contextlib.suppress(FutureTimeoutError):
            asked.result(milliseconds * _MILLI)


def begin_flush() -> None:
    """Have spans and logs flushed, and don't wait for it."""
    _asked(in_process().flush)


async def flushed(error: BaseException | None = None) -> None:
    """Do as `flush` does, and leave the event loop to others meanwhile; what ``error`` cancels does not wait."""
    milliseconds = in_process().flush
    asked = _asked(milliseconds)
    if asked is None or not (error is None or isinstance(error, Exception)):
        return
    import asyncio  # noqa: PLC0415  # it is slow to load, and there where there is an event loop of its make

    try:
        waiting = asyncio.wrap_future(asked, loop=asyncio.get_running_loop())
    except RuntimeError:  # an event loop of another make: it goes on without waiting
        return
    await asyncio.wait({waiting}, timeout=milliseconds * _MILLI)


def _runs_a_loop() -> bool:
    import asyncio  # noqa: PLC0415  # as in `flushed`

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _asked(milliseconds: int) -> Future[None] | None:
    if milliseconds <= 0:
        return None
    try:
        return _FLUSHER.ask(milliseconds)
    except Exception as error:  # noqa: BLE001  # no thread can be started: the interpreter may be on its way out
        _warn(error)
        return None


def _force_flush(milliseconds: int) -> None:
    for provider in PROVIDERS.all():
        force_flush: Any = getattr(provider, "force_flush", None)
        if force_flush is None:
            continue
        try:
            force_flush(milliseconds)
        except BaseException as error:  # noqa: BLE001  # of the exporter; in this thread there is nobody else to tell
            _warn(error)


def _warn(error: BaseException) -> None:
    found = type(error).__name__
    _diagnostics.warn_once(("flush", found), "otel_sessions: flushing raised %s", found)
