"""Installs the plug-in on a pipeline that exists already; the only module that touches global providers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from opentelemetry import trace

from . import _diagnostics
from ._forks import ForkSafeLock
from ._settings import Settings
from ._span_processor import SessionSpanProcessor

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

_lock = ForkSafeLock()
_installed: WeakKeyDictionary[object, SessionSpanProcessor] = WeakKeyDictionary()


def instrument(
    tracer_provider: TracerProvider | None = None,
    *,
    conflict: str | None = None,
    disabled: bool | None = None,
    meter_provider: MeterProvider | None = None,
) -> None:
    """Add a `SessionSpanProcessor` to a tracer provider that exists already.

    Call it after the provider is set up. Calling it again adds nothing, and takes over the settings
    of the new call. Never raises: what can't be done is a warning of the logger ``otel_sessions``.

    Args:
        tracer_provider: An SDK ``TracerProvider``; ``None`` is the global one.
        conflict: As in `SessionSpanProcessor`.
        disabled: As in `SessionSpanProcessor`.
        meter_provider: As in `SessionSpanProcessor`; counts in the first call for a provider.
    """
    provider = trace.get_tracer_provider() if tracer_provider is None else tracer_provider
    settings = Settings.resolved(conflict=conflict, disabled=disabled)
    try:
        with _lock:
            _install(provider, settings, meter_provider)
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        found = type(error).__name__
        _diagnostics.warn_caller("instrument raised", "instrument: adding a span processor raised %s", found)


def uninstrument(tracer_provider: TracerProvider | None = None) -> None:
    """Stop what `instrument` has started on a tracer provider; without that, do nothing.

    The SDK can't remove a processor, so it stays and stamps nothing; `instrument` starts it again.

    Args:
        tracer_provider: An SDK ``TracerProvider``; ``None`` is the global one.
    """
    provider = trace.get_tracer_provider() if tracer_provider is None else tracer_provider
    processor = _processor_of(provider)
    if processor is not None:
        processor.apply(Settings(disabled=True))


def _processor_of(provider: TracerProvider) -> SessionSpanProcessor | None:
    try:
        return _installed.get(provider)
    except TypeError:  # neither hashed nor referred to weakly: no provider
        return None


def _install(provider: TracerProvider, settings: Settings, meter_provider: MeterProvider | None) -> None:
    processor = _processor_of(provider)
    if processor is not None:
        processor.apply(settings)
        return
    add_span_processor = getattr(provider, "add_span_processor", None)
    if add_span_processor is None:
        _warn_no_provider(provider)
        return
    processor = SessionSpanProcessor(meter_provider=meter_provider)
    processor.apply(settings)
    add_span_processor(processor)
    _installed[provider] = processor


def _warn_no_provider(provider: TracerProvider) -> None:
    _diagnostics.warn_caller(
        "no provider",
        "instrument: there is no SDK TracerProvider (%s takes no span processor), so nothing is stamped; call "
        "opentelemetry.trace.set_tracer_provider() first, or pass tracer_provider",
        type(provider).__name__,
    )
