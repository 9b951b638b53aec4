"""The providers that this process records with: those of ``instrument()``, else the global ones."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeVar
from weakref import ref

from opentelemetry import trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry._logs import Logger, LoggerProvider
    from opentelemetry.trace import Tracer, TracerProvider

_T = TypeVar("_T")

SCOPE = "otel_sessions"
"""The instrumentation scope of what we record ourselves."""


class Providers:
    """Where what we record ourselves goes. It keeps no provider alive, but one that takes no weak references."""

    __slots__ = ("_logs", "_tracer", "_traces")

    def __init__(self) -> None:
        self.use(None, None)

    def use(self, traces: TracerProvider | None, logs: LoggerProvider | None) -> None:
        """Record with these from now on; ``None`` is the global one."""
        # Something else than a provider is none: who adds processors to it warns.
        self._traces = reference_to(traces if _has(traces, "get_tracer") else None)
        self._logs = reference_to(logs if _has(logs, "get_logger") else None)
        self._tracer: tuple[Callable[[], TracerProvider | None], Tracer] | None = None

    @property
    def traces(self) -> TracerProvider | None:
        """The tracer provider; ``None`` is the global one."""
        return self._traces()

    @property
    def logs(self) -> LoggerProvider | None:
        """The logger provider; ``None`` is the global one."""
        return self._logs()

    def tracer(self) -> Tracer:
        """Return our tracer, made once for a provider: the SDK looks for it as long as a span takes."""
        provider, made = self._traces() or trace.get_tracer_provider(), self._tracer
        if made is None or made[0]() is not provider:
            made = self._tracer = reference_to(provider), trace.get_tracer(SCOPE, scope_version(), provider)
        return made[1]

    def logger(self) -> Logger:
        """Return our logger of the OTel Logs API."""
        from opentelemetry._logs import get_logger  # noqa: PLC0415  # for who writes records, and no more

        return get_logger(SCOPE, scope_version(), self.logs)

    def takes_spans(self) -> bool:
        """Tell whether spans go anywhere; the providers of the API itself record none."""
        return not type(self.traces or trace.get_tracer_provider()).__module__.startswith("opentelemetry.trace")

    def takes_logs(self) -> bool:
        """Tell whether log records go anywhere; the providers of the API itself write nothing."""
        return not type(self.all()[1]).__module__.startswith("opentelemetry._logs")

    def all(self) -> tuple[TracerProvider, LoggerProvider]:
        """Return both providers, as they are now."""
        from opentelemetry._logs import get_logger_provider  # noqa: PLC0415  # as above

        return (
            self.traces or trace.get_tracer_provider(),
            self.logs or get_logger_provider(),
        )


def _has(provider: object, name: str) -> bool:
    try:
        return hasattr(provider, name)
    except Exception:  # noqa: BLE001  # a proxy with nothing behind it
        return False


def reference_to(held: _T) -> Callable[[], _T | None]:
    """Return what gives ``held`` as long as it is there: a weak reference, if it takes any, as what is of slots may not."""
    try:
        return ref(held)
    except TypeError:
        return lambda: held


AWAITED: list[Callable[[], None]] = []
"""Who waits for a provider, and looks for it with the next session: nobody, but where there is none, or one was shut down."""


def look_again() -> None:
    """Let those look for a provider who wait for one. Raises nothing."""
    for look in AWAITED[:]:
        look()


PROVIDERS = Providers()


@cache
def scope_version() -> str:
    """Return the version of this package; none where it was copied without saying so, as into one file with a program."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  # it loads archives, e-mail and sockets

    try:
        return version("otel-sessions")
    except PackageNotFoundError:
        return ""
