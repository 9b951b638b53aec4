"""What of ours stands on which pipeline, and is to stand on which: on that of the provider that is really used.

A provider may be set after ``instrument()``, or refused by the API and used all the same, or be a wrapper whose inside is
exchanged (Logfire's, with each ``logfire.configure()``). `following` tells of those that are set. Of one that is exchanged
the old inside is shut down, which its processors are told: then it is looked for with the next sessions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from weakref import WeakSet

from opentelemetry import trace
from opentelemetry._logs import get_logger_provider

from otel_sessions import _diagnostics
from otel_sessions._context import unstamped
from otel_sessions._context.events import EVENTS
from otel_sessions._context.providers import AWAITED, reference_to
from otel_sessions._forks import ForkSafeLock
from otel_sessions._pipeline.dropping import remember_dropped
from otel_sessions._pipeline.log_processor import SessionLogRecordProcessor
from otel_sessions._pipeline.span_processor import SessionSpanProcessor
from otel_sessions._settings.settings import Settings

from .following import unwatch_providers, watch_providers
from .log_pipeline import put_first
from .pipelines import ByPipeline, adder_of, pipeline_of, recording
from .sampler_names import tell_if_not_taken

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    _Processor: TypeAlias = SessionSpanProcessor | SessionLogRecordProcessor

_MOST_LOOKS = 64
"""With how many sessions a provider is looked for after one was shut down: there may be none any more."""

_NO_PROVIDER = (
    "otel_sessions: instrument: there is no SDK TracerProvider (%s takes no span processor), so nothing is stamped until "
    "one is set: call opentelemetry.trace.set_tracer_provider(), or pass tracer_provider (%s:%d)"
)


class Asked(NamedTuple):
    """What one call of ``instrument()`` has asked for.

    Attributes:
        traces: Gives the tracer provider, as long as it is there; ``None`` stands for the global one.
        logs: The same for log records.
        settings: What holds.
        meter_provider: Where its processors count.
        place: Where it was called.
    """

    traces: Callable[[], TracerProvider | None] | None
    logs: Callable[[], LoggerProvider | None] | None
    settings: Settings
    meter_provider: MeterProvider | None
    place: _diagnostics.Place

    def tracer_provider(self) -> Any:  # noqa: ANN401  # of any make
        """Return the tracer provider, as it is now."""
        return _global_traces() if self.traces is None else self.traces()

    def logger_provider(self) -> Any:  # noqa: ANN401  # as above
        """Return the logger provider, as it is now."""
        return _global_logs() if self.logs is None else self.logs()


class _Installed(SessionSpanProcessor):
    """A processor that was added to a provider, and hears when that is shut down."""

    is_over = False

    def shutdown(self) -> None:
        """Have another provider looked for: the inside of one may have been exchanged."""
        self.is_over = True
        if _asked:
            _await(_MOST_LOOKS)


class _Waiting:
    """For which provider it is waited.

    Attributes:
        looks: How many more times it is looked for.
        found: The global one of the API's own that was there when it was looked, as long as there is no other.
    """

    looks: float = 0
    found: object = None


_lock = ForkSafeLock()
_asked: list[Asked] = []
_spans: ByPipeline[_Installed] = ByPipeline()
_logs: ByPipeline[SessionLogRecordProcessor] = ByPipeline()
_global: WeakSet[_Processor] = WeakSet()
"""Those on a provider that was set as the global one, in vain or not."""


def install(
    tracer_provider: TracerProvider | None,
    logger_provider: LoggerProvider | None,
    settings: Settings,
    meter_provider: MeterProvider | None,
) -> None:
    """Add processors to these providers, and to what takes their place later; ``None`` is the global one."""
    traces = None if tracer_provider is None else reference_to(tracer_provider)
    logs = None if logger_provider is None else reference_to(logger_provider)
    asked = Asked(traces, logs, settings, meter_provider, _diagnostics.place())
    with _lock:
        _asked[:] = [other for other in _asked if not _is_replaced(other, asked)]
        _asked.append(asked)
        if traces is None or logs is None:
            watch_providers(_follow_traces, _follow_logs)
        for processor in _on_global(traces=traces is None, logs=logs is None):
            processor.apply(settings)
        if traces is None and isinstance(_global_traces(), trace.ProxyTracerProvider):
            # None is set yet: if there is none with the first session, that is said. MLflow's comes by itself, and past
            # what sets providers.
            _await(float("inf"))
        else:
            _attempt_spans(asked.tracer_provider(), asked)
        attempt("a log processor", _install_logs, asked.logger_provider(), asked)


def uninstall(tracer_provider: TracerProvider | None, logger_provider: LoggerProvider | None) -> bool:
    """Have the processors on these providers stamp nothing; ``None`` is the global one. Tell whether none goes on."""
    with _lock:
        traces = _global_traces() if tracer_provider is None else tracer_provider
        logs = _global_logs() if logger_provider is None else logger_provider
        _asked[:] = [asked for asked in _asked if pipeline_of(asked.tracer_provider()) is not pipeline_of(traces)]
        found: list[_Processor | None] = [_spans.get(traces), _logs.get(logs)]
        for processor in (*found, *_on_global(traces=tracer_provider is None, logs=logger_provider is None)):
            if processor is not None:
                processor.apply(Settings(disabled=True))
        if not _asked:
            AWAITED.clear()
            unwatch_providers()
        every: list[_Processor] = [*_spans.values(), *_logs.values()]
        return all(processor.settings.disabled for processor in every)


def is_installed() -> bool:
    """Tell whether there is any processor that was installed."""
    return bool(_spans.values() or _logs.values())


def forget() -> None:
    """Forget what was installed (for tests)."""
    for kept in (_asked, _spans, _logs, _global, AWAITED):
        kept.clear()
    unwatch_providers()


def attempt(what: str, action: Callable[..., None], *args: object) -> bool:
    """Do ``action``; where it raises, warn that ``what`` was not added: telemetry must not break the application."""
    try:
        action(*args)
    except Exception as error:  # noqa: BLE001  # as said
        found = type(error).__name__
        _diagnostics.warn_caller(f"instrument {what}", "instrument: adding %s raised %s", what, found)
        return False
    return True


def _attempt_spans(provider: Any, asked: Asked) -> None:  # noqa: ANN401  # of any make
    if not attempt("a span processor", _install_spans, provider, asked):
        unstamped.switch(is_off=True)  # it has just been said


def _is_replaced(other: Asked, asked: Asked) -> bool:
    """Tell whether ``asked`` is asked for in place of the ``other``, which may be for a provider that is gone."""
    if other.traces is None or asked.traces is None:
        return other.traces is asked.traces
    return other.traces() is None or pipeline_of(other.traces()) is pipeline_of(asked.traces())


def _on_global(*, traces: bool, logs: bool) -> list[_Processor]:
    kinds = (SessionSpanProcessor,) * traces + (SessionLogRecordProcessor,) * logs
    return [processor for processor in _global if isinstance(processor, kinds)]


def _follow_traces(provider: object) -> None:
    """Install on a ``provider`` that somebody sets as the global one."""
    with _lock:
        for asked in _asked:
            if asked.traces is None:
                _attempt_spans(provider, asked)
                attempt("a log processor", _install_logs, asked.logger_provider(), asked)  # goes by what is sampled


def _follow_logs(provider: object) -> None:
    """Install on a logger ``provider`` that somebody sets as the global one."""
    with _lock:
        for asked in _asked:
            if asked.logs is None:
                attempt("a log processor", _install_logs, provider, asked)


def _await(looks: float) -> None:
    """Have a provider looked for with the next sessions."""
    _Waiting.looks, _Waiting.found = looks, None
    AWAITED[:] = [_look]


def _look() -> None:
    """Look whether another provider is there by now."""
    found = _global_traces()
    if found is _Waiting.found:
        return  # for as long as there is none, which may be for ever, each session comes by here
    with _lock:
        _Waiting.looks -= 1
        if _Waiting.looks <= 0:
            AWAITED.clear()
        for asked in _asked:
            _attempt_spans(asked.tracer_provider(), asked)
            attempt("a log processor", _install_logs, asked.logger_provider(), asked)
        if isinstance(found, trace.ProxyTracerProvider) and all(asked.traces is None for asked in _asked):
            _Waiting.found = found


def _global_traces() -> Any:  # noqa: ANN401  # of any make
    """Return the global tracer provider; ``None`` where the one that the environment names can't be made, as the API logs."""
    try:
        return trace.get_tracer_provider()
    except Exception:  # noqa: BLE001  # a `StopIteration`, as it happens
        return None


def _global_logs() -> Any:  # noqa: ANN401  # of any make
    """Return the global logger provider, or ``None``, likewise."""
    try:
        return get_logger_provider()
    except Exception:  # noqa: BLE001  # a `StopIteration`, as it happens
        return None


def _install_spans(provider: Any, asked: Asked) -> None:  # noqa: ANN401  # of any make
    if not asked.settings.disabled:
        attempt("what remembers the session of dropped spans", remember_dropped, recording(provider))
    processor = None if isinstance(provider, trace.ProxyTracerProvider) else _spans.get(provider)
    if processor is not None:
        processor.apply(asked.settings)
        return
    add_span_processor = adder_of(provider)
    if add_span_processor is None:
        _diagnostics.warn_once(("no provider", *asked.place), _NO_PROVIDER, type(provider).__name__, *asked.place)
        return
    processor = _Installed(meter_provider=asked.meter_provider)
    processor.apply(asked.settings)
    add_span_processor(processor)
    if not asked.settings.disabled:
        attempt("a look at the sampler", tell_if_not_taken, recording(provider), asked.place)
    _spans.put(provider, processor)
    if asked.traces is None:
        _global.add(processor)
    AWAITED.clear()


def _install_logs(provider: Any, asked: Asked) -> None:  # noqa: ANN401  # as above
    EVENTS.is_on = asked.settings.events and not asked.settings.disabled
    if not hasattr(provider, "add_log_record_processor"):
        return  # no logs are written: nothing to say
    processor = _logs.get(provider) or SessionLogRecordProcessor()
    processor.apply(asked.settings)
    sampler = getattr(recording(asked.tracer_provider()), "sampler", None)
    processor.keeps = getattr(sampler, "keeps_session", None)
    put_first(recording(provider), processor)
    _logs.put(provider, processor)
    if asked.logs is None:
        _global.add(processor)
