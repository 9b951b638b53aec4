"""The plug-in as an instrumentation of OpenTelemetry: no code, ``opentelemetry-instrument`` finds it.

There is no entry point for processors, and one for instrumentations, which are started when the
providers are there. What raises in one stops all that come after it, so nothing may.
"""

from __future__ import annotations

from contextlib import suppress
from inspect import signature
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # untyped
from opentelemetry.propagate import get_global_textmap, set_global_textmap

from otel_sessions import _diagnostics
from otel_sessions._context import unstamped
from otel_sessions._settings import settings
from otel_sessions._settings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


class SessionsInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # untyped
    """Installs what `otel_sessions.sdk.instrument` does; options are its arguments, by keyword.

    It is found under the name ``otel_sessions``: in ``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS``, and in an
    OpenTelemetry configuration file, where the options stand. It has no dataclass ``configuration`` for
    OpenTelemetry to check them by: for one wrong name that would leave out all of them, and go on with the
    defaults, which are more open than what was asked for.
    """

    _options: Mapping[str, object] = MappingProxyType({})

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return that no library has to be there to be instrumented."""
        return ()

    def _instrument(self, **options: object) -> None:
        self._options = options
        try:
            from .instrument import instrument  # noqa: PLC0415  # fails without the SDK, and must not do so at import

            known = _known(options, instrument)
            for name in options:
                if name not in known:
                    _warn_of_option(name, instrument)
            instrument(**known)
        except Exception as error:  # noqa: BLE001  # see above
            _warn_of(error)
            with suppress(Exception):  # what raised may be just this
                _guard(options)

    def _uninstrument(self, **options: object) -> None:
        with suppress(ImportError):  # without the SDK there is nothing to undo
            from .instrument import uninstrument  # noqa: PLC0415  # as above

            uninstrument(**_known({**self._options, **options}, uninstrument))


def _known(options: Mapping[str, object], function: Callable[..., None]) -> dict[str, Any]:
    """Return those of ``options`` that are arguments of ``function``."""
    names = signature(function).parameters
    return {name: value for name, value in options.items() if name in names}


def _guard(options: Mapping[str, object]) -> None:
    """Send no session where it may not go, although nothing else could be installed."""
    from otel_sessions._propagation.propagator import SessionPropagator  # noqa: PLC0415  # only where it is needed

    settings.use_in_process(Settings.resolved(**options))
    set_global_textmap(SessionPropagator(get_global_textmap()))


def _warn_of(error: Exception) -> None:
    # An ImportError says which module is missing; what others say may hold a value.
    found = str(error) if isinstance(error, ImportError) else type(error).__name__
    unstamped.switch(is_off=True)
    _diagnostics.warn_once(
        ("instrumentor", found), "otel_sessions: the plug-in is not installed, so nothing is stamped: %s", found
    )


def _warn_of_option(name: str, function: Callable[..., None]) -> None:
    names = ", ".join(signature(function).parameters)
    _diagnostics.warn_once(
        ("option", name), "otel_sessions: %r is left out, it is none of the options %s", name[:60], names
    )
