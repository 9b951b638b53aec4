"""Providers that stand around those of the SDK, as other tools make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opentelemetry._logs import LoggerProvider
from opentelemetry.sdk._logs import LoggerProvider as SDKLoggerProvider
from opentelemetry.sdk.trace import TracerProvider as SDKTracerProvider
from opentelemetry.trace import TracerProvider


@dataclass
class Unhashable(TracerProvider):
    """As Logfire's: it is equal to others, and what it holds can be exchanged."""

    provider: SDKTracerProvider
    lock: object = None

    def get_tracer(self, *args: Any, **options: Any):
        return self.provider.get_tracer(*args, **options)

    def add_span_processor(self, processor):
        self.provider.add_span_processor(processor)


class Slotted(TracerProvider):
    """It has slots alone, and takes no weak references."""

    __slots__ = ("_held", "_unset")

    def __init__(self, held):
        self._held = held

    def get_tracer(self, *args: Any, **options: Any):
        return self._held.get_tracer(*args, **options)

    def add_span_processor(self, processor):
        self._held.add_span_processor(processor)


class Delegating:
    """It is no provider by its class, and has all that the one inside has."""

    def __init__(self, held):
        self._held_by_another_name = held

    def __getattr__(self, name):
        return getattr(self._held_by_another_name, name)


class Nested(Unhashable):
    """One around another one."""

    def __init__(self, provider):
        super().__init__(Unhashable(provider))


class Equal(SDKTracerProvider):
    """One of the SDK's, which is equal to others and so has no hash."""

    def __eq__(self, other):
        return isinstance(other, Equal)

    __hash__ = None


@dataclass
class UnhashableLogs(LoggerProvider):
    provider: SDKLoggerProvider

    def get_logger(self, *args: Any, **options: Any):
        return self.provider.get_logger(*args, **options)

    def add_log_record_processor(self, processor):
        self.provider.add_log_record_processor(processor)


class SlottedLogs(LoggerProvider):
    __slots__ = ("_held",)

    def __init__(self, held):
        self._held = held

    def get_logger(self, *args: Any, **options: Any):
        return self._held.get_logger(*args, **options)

    def add_log_record_processor(self, processor):
        self._held.add_log_record_processor(processor)


class EqualLogs(SDKLoggerProvider):
    def __eq__(self, other):
        return isinstance(other, EqualLogs)

    __hash__ = None


def itself(provider):
    return provider


class Replacing(SDKTracerProvider):
    """As Phoenix's and Arize's: the processor of its exporter is its default, which goes when another one is added."""

    def add_span_processor(self, span_processor):
        self._active_span_processor._span_processors = ()
        super().add_span_processor(span_processor)
