"""What ``otel-sessions config`` tells: the settings that hold, and where each comes from."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from . import _diagnostics
from ._settings import SETTINGS, Settings, in_environment, unknown_in_environment

if TYPE_CHECKING:
    from collections.abc import Iterable

_OPENTELEMETRY = ("OTEL_PROPAGATORS", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_SDK_DISABLED")


def shown() -> tuple[list[str], bool]:
    """Return lines that tell the settings of this environment, and whether all of it can be used."""
    complaints = _Complaints()
    _diagnostics.logger.addHandler(complaints)
    _diagnostics.logger.propagate = False
    try:
        settings = Settings.resolved()
    finally:
        _diagnostics.logger.propagate = True
        _diagnostics.logger.removeHandler(complaints)
    ours = [
        (setting.variable, setting.shown(getattr(settings, setting.name)), setting.source()) for setting in SETTINGS
    ]
    theirs = [(name, value, "environment") for name, value in in_environment(*_OPENTELEMETRY).items()]
    unknown = [f"{name}: there is no such setting" for name in unknown_in_environment()]
    problems = [*complaints.messages, *unknown]
    return [*_table([*ours, *theirs]), *(f"! {problem}" for problem in problems)], not problems


class _Complaints(logging.Handler):
    """Keeps what is warned of."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message, without the place in the code: it is the environment."""
        text = record.getMessage().removeprefix("otel_sessions: ")
        self.messages.append(text.rpartition(" (")[0] or text)


def _table(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    cells = [("setting", "value", "from"), *((name, value or "-", source) for name, value, source in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(2)]
    return ["  ".join((row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2])).rstrip() for row in cells]
