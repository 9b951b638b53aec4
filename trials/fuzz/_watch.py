"""Looks at what is logged: by OpenTelemetry nothing at all, and by nobody a secret."""

from __future__ import annotations

import logging

from otel_sessions import _diagnostics
from trials import _log

from ._grammar import SECRET


class Log(_log.Log):
    """Counts the records that should not be, and keeps some."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.is_writing = False
        for name in ("", "opentelemetry", "otel_sessions"):
            logging.getLogger(name).setLevel(logging.DEBUG)

    def emit(self, record: logging.LogRecord) -> None:
        """Judge ``record``."""
        shown = _log.said(record)
        if self.is_writing and _is_of_limits(record):
            self.counts["limits"] += 1
            return
        if SECRET in shown:
            self.note("secrets", shown)
        if record.name.startswith("opentelemetry"):
            self.note("of OpenTelemetry", shown)
        elif record.levelno >= logging.ERROR:
            self.note("errors", shown)
        elif "raised" in shown and "whose reading raised" not in shown:
            self.note("raised inside", shown)

    def taken(self) -> list[str]:
        """Return the first that were found since the last time."""
        found, self.shown = self.shown, []
        return [f"record ({each[:300]})" for each in found]


def _is_of_limits(record: logging.LogRecord) -> bool:
    """Tell whether the API's propagator says that foreign baggage, written as it does, is more than it sends."""
    return record.name == "opentelemetry.baggage.propagation" and "exceeded the maximum number" in str(record.msg)


def forget() -> None:
    """Let the library warn again of what it has warned of."""
    _diagnostics.reset()
