"""What ``otel-sessions config`` tells: the settings that hold, and where each comes from."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from otel_sessions import _diagnostics
from otel_sessions._settings.settings import Settings, hides_inputs, hides_outputs, in_environment
from otel_sessions._settings.table import SETTINGS, Setting, slips_in_environment

from .sampler_names import ARGUMENT, NAME, problems_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PROPAGATORS = "OTEL_PROPAGATORS"
_LEFT_OUT = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_OPENTELEMETRY = (_PROPAGATORS, NAME, ARGUMENT, "OTEL_SDK_DISABLED", _LEFT_OUT)


class Problem(NamedTuple):
    """What can't be used, or does not do what it says: what kind of thing it is, in kebab case, and a text."""

    kind: str
    text: str


def shown() -> tuple[list[str], bool]:
    """Return lines that tell the settings of this environment, and whether all of it can be used."""
    rows, problems = told()
    return [*_table(rows), *(f"! {problem.text}" for problem in problems)], not problems


def told() -> tuple[list[tuple[str, str, str]], list[Problem]]:
    """Return the settings of this environment, each with its value as it may be shown and its source, and what is wrong."""
    complaints = _Complaints()
    _diagnostics.logger.addHandler(complaints)
    _diagnostics.logger.propagate = False
    try:
        settings = Settings.resolved()
        hides_inputs()
        hides_outputs()
    finally:
        _diagnostics.logger.propagate = True
        _diagnostics.logger.removeHandler(complaints)
    ours = [_row(setting, getattr(settings, setting.name)) for setting in SETTINGS]
    environment = in_environment(*_OPENTELEMETRY)
    theirs = [(name, value, "environment") for name, value in environment.items()]
    problems = [
        *(Problem("setting-unusable", message) for message in complaints.messages),
        *(Problem("setting-unknown", slip) for slip in slips_in_environment()),
        *_contradictions(settings, environment),
        *(Problem("sampler-unusable", problem) for problem in problems_in(environment)),
    ]
    return [*ours, *theirs], problems


def _row(setting: Setting, value: object) -> tuple[str, str, str]:
    # What closes because of another variable is no default of its own.
    source = setting.source() if value == setting.default else "environment"
    return setting.variable, setting.shown(value), source


class _Complaints(logging.Handler):
    """Keeps what is warned of."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message."""
        self.messages.append(record.getMessage().removeprefix("otel_sessions: "))


def _contradictions(settings: Settings, environment: Mapping[str, str]) -> list[Problem]:
    """Return what in the environment keeps settings from what they say."""
    propagators = [name.strip() for name in environment.get(_PROPAGATORS, "tracecontext,baggage").split(",")]
    instrumentations = [name.strip() for name in environment.get(_LEFT_OUT, "").split(",")]
    found = {
        Problem(
            "propagators-twice", f"{_PROPAGATORS}: baggage sends what session_baggage leaves out; write one of them"
        ): {"baggage", "session_baggage"} <= set(propagators),
        Problem(
            "propagators-without-baggage",
            f"{_PROPAGATORS}: neither baggage nor session_baggage is there, so no session goes to other services",
        ): not ({"baggage", "session_baggage"} & set(propagators)),
        Problem(
            "instrumentation-left-out",
            f"{_LEFT_OUT}: without otel_sessions nothing is stamped, and nothing guarded but session_baggage",
        ): "otel_sessions" in instrumentations,
        Problem(
            "headers-not-read",
            "OTEL_SESSION_INCOMING_HEADERS: not read where OTEL_SESSION_TRUST_INCOMING is false",
        ): bool(settings.incoming_headers) and not settings.trust_incoming,
    }
    return [problem for problem, is_there in found.items() if is_there]


def _table(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    cells = [("setting", "value", "from"), *((name, value or "-", source) for name, value, source in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(2)]
    return ["  ".join((row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2])).rstrip() for row in cells]
