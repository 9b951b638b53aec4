"""Looks at what is logged: by OpenTelemetry nothing at all, and by nobody a secret."""

from __future__ import annotations

import logging
from collections import Counter

from otel_sessions import _diagnostics

from ._grammar import SECRET


class Log(logging.Handler):
    """Counts the records that should not be, and keeps some."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.counts: Counter[str] = Counter()
        self.found: list[str] = []
        self.is_writing = False
        root = logging.getLogger()
        root.addHandler(self)
        for name in ("", "opentelemetry", "otel_sessions"):
            logging.getLogger(name).setLevel(logging.DEBUG)

    def emit(self, record: logging.LogRecord) -> None:
        """Judge ``record``."""
        shown = f"{record.name}: {record.getMessage()} {record.exc_info and record.exc_info[1]!r}"
        if self.is_writing and _is_of_limits(record):
            self.counts["limits"] += 1
            return
        if SECRET in shown:
            self._note("secrets", shown)
        if record.name.startswith("opentelemetry"):
            self._note("of OpenTelemetry", shown)
        elif record.levelno >= logging.ERROR:
            self._note("errors", shown)
        elif "raised" in shown and "whose reading raised" not in shown:
            self._note("raised inside", shown)

    def taken(self) -> list[str]:
        """Return what was found since the last time."""
        found, self.found = self.found, []
        return found

    def _note(self, kind: str, shown: str) -> None:
        self.counts[kind] += 1
        self.found.append(f"record ({kind}): {shown[:300]}")


def _is_of_limits(record: logging.LogRecord) -> bool:
    """Tell whether the API's propagator says that foreign baggage, written as it does, is more than it sends."""
    return record.name == "opentelemetry.baggage.propagation" and "exceeded the maximum number" in str(record.msg)


def forget() -> None:
    """Let the library warn again of what it has warned of."""
    _diagnostics.reset()
