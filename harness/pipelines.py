"""Pipelines of the real SDK, and what is current inside of a block."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer


def provider_with(*processors: SpanProcessor, **options: Any) -> TracerProvider:
    """Return a provider, made with ``options``, that has these processors."""
    provider = TracerProvider(shutdown_on_exit=False, **options)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def tracer_with(*processors: SpanProcessor, **options: Any) -> Tracer:
    """Return a tracer of such a provider."""
    return provider_with(*processors, **options).get_tracer("application")


@contextmanager
def attached(context: Context) -> Iterator[None]:
    """Make ``context`` the current one inside."""
    token = attach(context)
    try:
        yield
    finally:
        detach(token)
