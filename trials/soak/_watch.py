"""Looks at the process from outside of the workload: its log, its memory, and what is left of the library's objects."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

from otel_sessions._context import entry, local_trace
from trials import _log

if TYPE_CHECKING:
    from collections.abc import Callable


class Log(_log.Log):
    """Counts what is logged at ERROR by anybody, at WARNING by the library, and exceptions that reach nobody."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        logging.getLogger("opentelemetry.attributes").setLevel(logging.ERROR)  # says that a span is full, each time
        sys.unraisablehook = self._hook("unraisable")
        threading.excepthook = self._hook("in a thread")

    def emit(self, record: logging.LogRecord) -> None:
        """Count ``record``."""
        if record.levelno >= logging.ERROR:
            self.note("errors", _log.said(record))
        elif record.name == "otel_sessions":
            self.note("warnings", record.getMessage())

    def failed(self, where: str, error: BaseException) -> None:
        """Count an exception that a workload did not mean to raise."""
        self.note("errors", f"{where}: {error!r}")

    def _hook(self, what: str) -> Callable[[Any], None]:
        return lambda args: self.failed(what, args.exc_value)


def left() -> dict[str, int]:
    """Return how many objects of the library there are that belong to open or bound spans and to scopes."""
    for _ in range(3):
        gc.collect()
    kinds = (local_trace.LocalTrace, local_trace.Note, entry.Entry)
    found = {kind.__name__: [thing for thing in gc.get_objects() if type(thing) is kind] for kind in kinds}
    counts = {name: len(things) for name, things in found.items()}
    open_spans = sum(len(trace.open) for trace in found["LocalTrace"])
    return {"open spans": open_spans, **counts}
