"""The providers that this process records with: those of ``instrument()``, else the global ones."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry._logs import get_logger, get_logger_provider

if TYPE_CHECKING:
    from opentelemetry._logs import Logger, LoggerProvider
    from opentelemetry.trace import Tracer, TracerProvider

SCOPE = "otel_sessions"
"""The instrumentation scope of what we record ourselves."""


class Providers:
    """Where what we record ourselves goes.

    Attributes:
        traces: ``None`` is the global provider.
        logs: ``None`` is the global provider.
    """

    __slots__ = ("logs", "traces")

    def __init__(self) -> None:
        self.use(None, None)

    def use(self, traces: TracerProvider | None, logs: LoggerProvider | None) -> None:
        """Record with these from now on."""
        self.traces = traces
        self.logs = logs

    def tracer(self) -> Tracer:
        """Return our tracer."""
        return trace.get_tracer(SCOPE, scope_version(), self.traces)

    def logger(self) -> Logger:
        """Return our logger of the OTel Logs API."""
        return get_logger(SCOPE, scope_version(), self.logs)

    def all(self) -> tuple[TracerProvider, LoggerProvider]:
        """Return both providers, as they are now."""
        return (
            trace.get_tracer_provider() if self.traces is None else self.traces,
            get_logger_provider() if self.logs is None else self.logs,
        )


PROVIDERS = Providers()


@cache
def scope_version() -> str:
    """Return the version of this package."""
    return version("otel-sessions")
