"""Who sets a provider as the global one: the one place that puts functions of ours in place of the API's.

Providers are often made after ``instrument()``: by ``logfire.configure()``, by ``opentelemetry-instrument`` for what the
application sets up itself, in a later cell of a notebook. The API tells nobody. To look when a session is made current would
do for most, and comes too late for a scope that is open already, for a bind, which is made inside a span, and for the session
of a process, which is never made current at all. And a provider that the API refuses, since there is one,
is nowhere to be found later: but whoever has set it records with it, as Logfire does under ``opentelemetry-instrument``.

An API that sets its providers otherwise one day is left as it is: then a provider is found with the first session.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry._logs import _internal as logs

from otel_sessions import _diagnostics

if TYPE_CHECKING:
    from collections.abc import Callable

    Told = Callable[[object], None]

_SETTERS: tuple[tuple[Any, str], ...] = ((trace, "_set_tracer_provider"), (logs, "_set_logger_provider"))
"""Functions that all others go through, whoever has imported those; private."""


def watch_providers(traces: Told, logs: Told) -> None:
    """Call ``traces`` and ``logs`` with each provider that is set from now on."""
    for (module, name), told in zip(_SETTERS, (traces, logs), strict=True):
        function = getattr(module, name, None)
        if callable(function) and not isinstance(function, _Watched):
            setattr(module, name, _Watched(function, told))


def unwatch_providers() -> None:
    """Call them no more."""
    for module, name in _SETTERS:
        watched = getattr(module, name, None)
        if isinstance(watched, _Watched):
            setattr(module, name, watched.__wrapped__)


class _Watched:
    """A function of the API, after which another one is called with the same provider."""

    def __init__(self, function: Callable[..., object], told: Told) -> None:
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self._told = told

    def __call__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # as the API has it
        self.__wrapped__(*args, **kwargs)
        try:
            self._told(next(each for each in (*args, *kwargs.values()) if type(each) is not bool))  # by whatever name
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            found = type(error).__name__
            _diagnostics.warn_once(("follow", found), "otel_sessions: following a provider raised %s", found)
