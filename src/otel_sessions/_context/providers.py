"""The providers that this process records with: those of ``instrument()``, else the global ones."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeVar
from weakref import ref

from opentelemetry import trace
from opentelemetry._logs import get_logger, get_logger_provider

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry._logs import Logger, LoggerProvider
    from opentelemetry.trace import Tracer, TracerProvider

_T = TypeVar("_T")

SCOPE = "otel_sessions"
"""The instrumentation scope of what we record ourselves."""


class Providers:
    """Where what we record ourselves goes. It keeps no provider alive."""

    __slots__ = ("_logs", "_traces")

    def __init__(self) -> None:
        self.use(None, None)

    def use(self, traces: TracerProvider | None, logs: LoggerProvider | None) -> None:
        """Record with these from now on; ``None`` is the global one."""
        self._traces: Callable[[], TracerProvider | None] = _reference(traces)
        self._logs: Callable[[], LoggerProvider | None] = _reference(logs)

    @property
    def traces(self) -> TracerProvider | None:
        """The tracer provider; ``None`` is the global one."""
        return self._traces()

    @property
    def logs(self) -> LoggerProvider | None:
        """The logger provider; ``None`` is the global one."""
        return self._logs()

    def tracer(self) -> Tracer:
        """Return our tracer."""
        return trace.get_tracer(SCOPE, scope_version(), self.traces)

    def logger(self) -> Logger:
        """Return our logger of the OTel Logs API."""
        return get_logger(SCOPE, scope_version(), self.logs)

    def takes_logs(self) -> bool:
        """Tell whether log records go anywhere; the providers of the API itself write nothing."""
        return not type(self.all()[1]).__module__.startswith("opentelemetry._logs")

    def all(self) -> tuple[TracerProvider, LoggerProvider]:
        """Return both providers, as they are now."""
        return (
            self.traces or trace.get_tracer_provider(),
            self.logs or get_logger_provider(),
        )


def _reference(provider: _T | None) -> Callable[[], _T | None]:
    try:
        return _none if provider is None else ref(provider)
    except TypeError:  # no provider at all: who adds processors to it warns
        return _none


def _none() -> None:
    return None


PROVIDERS = Providers()


@cache
def scope_version() -> str:
    """Return the version of this package."""
    return version("otel-sessions")
