"""One run of the chat application as a process of its own: JSON in, JSON out, an exit status."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click
from openai import OpenAIError
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from ._chat import application, first_process, second_process

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan


class _CountingExporter(SpanExporter):
    """The real exporter, and a count of what it delivered: the SDK tells nobody."""

    def __init__(self) -> None:
        self._inner = OTLPSpanExporter()  # configured by OTEL_EXPORTER_OTLP_* alone
        self.delivered = 0
        self.lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Pass ``spans`` on."""
        result = self._inner.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.delivered += len(spans)
        else:
            self.lost += len(spans)
        return result

    def shutdown(self) -> None:
        """Pass it on."""
        self._inner.shutdown()  # type: ignore[no-untyped-call]


def run_process(name: str) -> int:
    """Run the ``first`` or the ``second`` process; return its exit status.

    The first prints a JSON object, of which the second takes the part ``stored`` on its standard input.
    """
    exporter = _CountingExporter()
    try:
        with application(exporter) as app:
            result: dict[str, Any] = first_process(app) if name == "first" else second_process(app, _stored())
    except OpenAIError as error:
        click.echo(f"the model gave no answer: {type(error).__name__}: {error}", err=True)
        return 1
    if exporter.lost:
        click.echo(f"{exporter.lost} spans could not be delivered by OTLP http/protobuf", err=True)
        return 1
    click.echo(json.dumps({**result, "delivered": exporter.delivered}))
    return 0


def _stored() -> dict[str, Any]:
    stored: dict[str, Any] = json.load(sys.stdin)
    return stored
